import { mkdir, open, readdir, unlink } from 'node:fs/promises';

/** An open file, as far as a journal needs one. `node:fs/promises`' handles are such. */
export interface JournalFile {
  readonly write: (
    bytes: Buffer,
    offset: number,
    length: number,
    position: number,
  ) => Promise<{ bytesWritten: number }>;
  readonly read: (bytes: Buffer, offset: number, length: number, position: number) => Promise<{ bytesRead: number }>;
  readonly stat: () => Promise<{ readonly size: number }>;
  readonly truncate: (length: number) => Promise<void>;
  readonly datasync: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** The file system under a journal. */
export interface JournalFiles {
  readonly makeFolder: (path: string) => Promise<void>;
  readonly list: (folder: string) => Promise<readonly string[]>;
  readonly open: (path: string, flags: 'r' | 'r+' | 'wx+') => Promise<JournalFile>;
  readonly remove: (path: string) => Promise<void>;
}

/** The machine's own; folders and files are for their owner only. */
export const nodeFiles: JournalFiles = {
  makeFolder: async (path) => {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  list: (folder) => readdir(folder),
  open: (path, flags) => open(path, flags, 0o600),
  remove: (path) => unlink(path),
};
