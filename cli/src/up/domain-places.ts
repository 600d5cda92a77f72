import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { checkDomains, formatProblem, isError, readDomain, type Problem, type SourcedDomain } from '@edict/bundle';
import { codeOf } from '../io.ts';

const YAML_FILE = /\.(ya?ml|json)$/;

/**
 * Why a domain of a folder is refused, one line each with the file, line and column that its author wrote: the operator
 * sees objects, which have no lines any more. Empty where the text does not tell (several documents in one file, a
 * PolicyDomainReference): the operator's own message has to do there.
 */
export async function placesOf(folder: string, domain: string): Promise<readonly string[]> {
  const domains = await readDomains(folder);
  const own = (problems: readonly Problem[]): readonly Problem[] =>
    problems.filter((problem) => problem.domain === domain && isError(problem));
  const all = checkDomains(domains);
  const broken = new Set(all.map((problem) => problem.domain));
  // Rego is compiled when nothing else is wrong; what is wrong with others must not hide what is wrong here.
  const found =
    own(all).length > 0 ? own(all) : own(checkDomains(domains.filter(({ domain: { name } }) => !broken.has(name))));
  return [...new Set(found.map(formatProblem))];
}

async function readDomains(folder: string): Promise<readonly SourcedDomain[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => entry.isFile() && YAML_FILE.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((file) => !file.split(sep).some((part) => part.startsWith('.') || part === 'node_modules'))
    .sort();
  const domains: SourcedDomain[] = [];
  for (const file of files) {
    const text = await readIfThere(join(folder, file));
    const read = text === undefined ? undefined : readDomain(text, file);
    if (read?.ok === true) domains.push(read);
  }
  return domains;
}

/** A file may go between the listing and the reading. */
async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
