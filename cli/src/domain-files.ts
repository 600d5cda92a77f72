import { buildReference, formatProblem, isError, readDomain, type Problem, type SourcedDomain } from '@edict/bundle';
import { readBytes, readRegoFile } from './files.ts';
import { CommandError } from './io.ts';
import { referencePlaces } from './reference-places.ts';

/** A file that the user named, as PolicyDomain text. */
export interface DomainFile {
  readonly file: string;
  readonly text: string | Uint8Array;
  /** Moves a problem of the text to where its author wrote it. The identity, but for a PolicyDomainReference. */
  readonly locate: (problem: Problem) => Problem;
}

/** The files, or what kept PolicyDomainReferences among them from being built. */
export interface DomainFiles {
  readonly files: readonly DomainFile[];
  readonly problems: readonly Problem[];
}

/**
 * Reads PolicyDomain files of any supported version. A PolicyDomainReference is built in memory first; built ones come
 * before the others, as in the reference engine, because of several domains with one name the first counts.
 */
export async function readDomainFiles(paths: readonly string[]): Promise<DomainFiles> {
  const built: DomainFile[] = [];
  const plain: DomainFile[] = [];
  const problems: Problem[] = [];
  for (const file of paths) {
    const text = await readBytes(file);
    if (!isReference(text, file)) {
      plain.push({ file, text, locate: (problem) => problem });
      continue;
    }
    const result = buildReference(text, file, readRegoFile);
    if (result.ok) built.push({ file, text: result.text, locate: referencePlaces(text, file) });
    else problems.push(...result.problems);
  }
  return { files: [...built, ...plain], problems };
}

/** Parsed domains, and where their problems stand. */
export interface LoadedDomains {
  readonly domains: readonly SourcedDomain[];
  readonly locate: (problem: Problem) => Problem;
}

/** As {@link readDomainFiles}, parsed; any problem ends the command. */
export async function loadDomainFiles(paths: readonly string[]): Promise<LoadedDomains> {
  const { files, problems: unbuilt } = await readDomainFiles(paths);
  const read = files.map(({ file, text }) => readDomain(text, file));
  const unread = read.flatMap((result) => (result.ok ? [] : result.problems.filter(isError)));
  const locate = locator(files);
  const problems = [...unbuilt, ...unread.map(locate)];
  if (problems.length > 0) throw new CommandError(problems.map(formatProblem).join('\n'));
  return { domains: read.flatMap((result) => (result.ok ? [result] : [])), locate };
}

/** Moves problems of any of the files to where their authors wrote them. */
export function locator(files: readonly DomainFile[]): (problem: Problem) => Problem {
  const byFile = new Map(files.map((one) => [one.file, one]));
  return (problem) => byFile.get(problem.file)?.locate(problem) ?? problem;
}

function isReference(text: Uint8Array, file: string): boolean {
  const read = readDomain(text, file);
  return (
    !read.ok &&
    read.problems.some(({ class: of, message }) => of === 'kind' && message.includes('PolicyDomainReference'))
  );
}
