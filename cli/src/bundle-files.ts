import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { buildReference, formatProblem, isError, readDomain, type Problem, type SourcedDomain } from '@edict/bundle';
import { isNativeError } from 'node:util/types';
import { CommandError } from './io.ts';

/** A domain as read from one of the files that the user named. */
export type ReadFileResult =
  | { readonly ok: true; readonly sourced: SourcedDomain }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Reads PolicyDomain files of any supported version. A PolicyDomainReference is built in memory first; built ones come
 * before the others, as in the reference engine, because of several domains with one name the first counts.
 */
export async function readDomainFiles(files: readonly string[]): Promise<readonly ReadFileResult[]> {
  const built: ReadFileResult[] = [];
  const plain: ReadFileResult[] = [];
  for (const file of files) {
    const bytes = await readBytes(file);
    const read = readDomain(bytes, file);
    if (!read.ok && isReference(read.problems)) built.push(await readReference(bytes, file));
    else plain.push(read.ok ? { ok: true, sourced: read } : read);
  }
  return [...built, ...plain];
}

/** As {@link readDomainFiles}, but any problem ends the command. */
export async function loadDomainFiles(files: readonly string[]): Promise<readonly SourcedDomain[]> {
  const results = await readDomainFiles(files);
  const problems = results.flatMap((result) => (result.ok ? [] : result.problems.filter(isError)));
  if (problems.length > 0) throw new CommandError(problems.map(formatProblem).join('\n'));
  return results.flatMap((result) => (result.ok ? [result.sourced] : []));
}

/** The bytes of a file that the user named; a missing one ends the command with a clear message. */
export async function readBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new CommandError(`cannot read ${file}: ${isNativeError(error) ? error.message : String(error)}`);
  }
}

async function readReference(bytes: Buffer, file: string): Promise<ReadFileResult> {
  const built = buildReference(bytes, file, (path) => readFileSync(path, 'utf8'));
  if (!built.ok) return built;
  const read = readDomain(built.text, file);
  return read.ok ? { ok: true, sourced: read } : read;
}

function isReference(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.class === 'kind' && problem.message.includes('PolicyDomainReference'));
}
