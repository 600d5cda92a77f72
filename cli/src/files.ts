import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { codeOf, CommandError, messageOf } from './io.ts';

/** The bytes of a file that the user named; one that cannot be read ends the command with a clear message. */
export async function readBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new CommandError(`cannot read ${file}: ${reasonOf(error)}`);
  }
}

/** Writes a file that the user named, as {@link readBytes} reads one. */
export async function writeBytes(file: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  try {
    await writeFile(file, content, { mode });
  } catch (error) {
    throw new CommandError(`cannot write ${file}: ${reasonOf(error)}`);
  }
}

/** The text of a file that `rego_filename` names, or undefined where there is none; paths are relative to the working directory. */
export function readRegoFile(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw new CommandError(`cannot read ${path}: ${reasonOf(error)}`);
  }
}

/** Bytes of a file or, for `-`, of standard input. */
export async function readInput(path: string, stdin: () => Promise<Buffer>): Promise<Buffer> {
  return path === '-' ? await stdin() : await readBytes(path);
}

/** What messages call the place that {@link readInput} reads. */
export function inputName(path: string): string {
  return path === '-' ? 'standard input' : path;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EISDIR: 'is a directory',
  ENOTDIR: 'part of the path is no directory',
  EACCES: 'permission denied',
};

/** Node's messages repeat the path. */
function reasonOf(error: unknown): string {
  return REASONS[codeOf(error) ?? ''] ?? messageOf(error);
}
