import type { JournalFile, JournalFiles } from '../audit/journal/journal-files.ts';
import { nodeFiles } from '../audit/journal/journal-files.ts';

/** What a full disk still takes of a write. */
const PART_BYTES = 7;

/** The real file system with a disk that can be filled: a write then takes a part of the bytes, and the next one fails. */
export function fillableDisk() {
  let isFull = false;
  let cannotTruncate = false;
  const full = (): Error => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  const wrap = (file: JournalFile): JournalFile => ({
    read: (...args) => file.read(...args),
    stat: () => file.stat(),
    truncate: (length) =>
      cannotTruncate ? Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })) : file.truncate(length),
    datasync: () => file.datasync(),
    close: () => file.close(),
    write: async (bytes, offset, length, position) => {
      // Checkpoints overwrite what is there and need no room.
      if (!isFull || length === 32) return await file.write(bytes, offset, length, position);
      if (offset > 0 || length <= PART_BYTES) throw full();
      return await file.write(bytes, offset, PART_BYTES, position);
    },
  });
  const files: JournalFiles = {
    ...nodeFiles,
    open: async (path, flags) => wrap(await nodeFiles.open(path, flags)),
  };
  return {
    files,
    fill: (options: { readonly cannotTruncate?: boolean } = {}) => {
      isFull = true;
      cannotTruncate = options.cannotTruncate === true;
    },
    free: () => {
      isFull = false;
      cannotTruncate = false;
    },
  };
}
