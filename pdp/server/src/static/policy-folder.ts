import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

/** One file of a folder of policy. */
export interface PolicyFile {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What a folder held at one moment. */
export interface PolicyFiles {
  /** Another text for every other state of the folder. */
  readonly fingerprint: string;
  /** By path. */
  readonly files: readonly PolicyFile[];
}

/** A folder of policy cannot be used; the message says what to do. */
export class PolicyFolderError extends Error {
  override readonly name = 'PolicyFolderError';
  readonly code: 'Unreadable' | 'TooLarge' | 'Unsteady';
  constructor(code: PolicyFolderError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Files that one folder may have, and bytes in all. */
export const POLICY_FOLDER_MAX_FILES = 10_000;
export const POLICY_FOLDER_MAX_BYTES = 256 * 1024 * 1024;

/** A folder that changes while it is read is read again, so often. */
const READ_TRIES = 5;

const POLICY_FILE = /\.(ya?ml|json|rego)$/;

/**
 * Reads all policy of a folder as it stood at one moment. Kubernetes swaps what it mounts by a link, `..data`: it is followed
 * once, so that files of before and after are never mixed; any other folder is read until nothing changed meanwhile. Names that
 * begin with a dot are left out. A path of a single file is a folder of that file.
 * @throws PolicyFolderError
 */
export async function readPolicyFolder(folder: string): Promise<PolicyFiles> {
  for (let tries = 0; tries < READ_TRIES; tries++) {
    const before = await listPolicyFolder(folder);
    try {
      const files = await Promise.all(
        before.entries.map(async ({ path, file }) => ({ path, bytes: await readFile(file) })),
      );
      const { fingerprint } = await listPolicyFolder(folder);
      if (fingerprint === before.fingerprint) return { fingerprint, files };
    } catch (error) {
      // Gone between the listing and the reading: listed anew.
      if (!isMissing(error)) throw unreadable(folder, error);
    }
  }
  throw new PolicyFolderError('Unsteady', `${folder} changes all the time: it cannot be read at one moment`);
}

/** Changes whenever the folder does. @throws PolicyFolderError */
export async function fingerprintOf(folder: string): Promise<string> {
  return (await listPolicyFolder(folder)).fingerprint;
}

interface Listing {
  readonly fingerprint: string;
  readonly entries: readonly { readonly path: string; readonly file: string }[];
}

async function listPolicyFolder(folder: string): Promise<Listing> {
  try {
    const root = await realpath(join(folder, '..data')).catch(() => folder);
    const listed = (await stat(root)).isDirectory() ? await filesBelow(root) : [root];
    if (listed.length > POLICY_FOLDER_MAX_FILES) {
      throw new PolicyFolderError('TooLarge', `${folder} has more than ${POLICY_FOLDER_MAX_FILES} files`);
    }
    const parts = [root];
    const entries: { path: string; file: string }[] = [];
    let bytes = 0;
    for (const file of listed) {
      const { size, mtimeNs, ino } = await stat(file, { bigint: true });
      bytes += Number(size);
      parts.push(`${file} ${size} ${mtimeNs} ${ino}`);
      const path = file === root ? file : relative(root, file);
      entries.push({ path: path.split(sep).join('/'), file });
    }
    if (bytes > POLICY_FOLDER_MAX_BYTES) {
      throw new PolicyFolderError('TooLarge', `${folder} has more than ${POLICY_FOLDER_MAX_BYTES} bytes`);
    }
    return { fingerprint: parts.join('\n'), entries };
  } catch (error) {
    throw error instanceof PolicyFolderError ? error : unreadable(folder, error);
  }
}

async function filesBelow(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory() && POLICY_FILE.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (file) =>
        !relative(root, file)
          .split(sep)
          .some((part) => part.startsWith('.')),
    )
    .sort();
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function unreadable(folder: string, cause: unknown): PolicyFolderError {
  const { code = 'error' } = cause as NodeJS.ErrnoException;
  return new PolicyFolderError('Unreadable', `${folder} cannot be read (${code}): name a folder or file of policy`, {
    cause,
  });
}
