import { compile as compileRego } from '@edict/rego';
import { parseModule } from '@edict/rego/syntax';
import { firstOfEachName } from '../check/first-of-each-name.ts';
import { cycleProblems } from '../check/cycles.ts';
import { referenceProblems } from '../check/references.ts';
import { compileProblems } from '../check/rego.ts';
import { dataProblems } from '../documents/check-documents.ts';
import { parseSubjects } from '../check/rego-parse.ts';
import { reachableModules } from './reachable-modules.ts';
import { indexDomains } from '../domain-index.ts';
import { nodeOfObject, ObjectError } from '../read/object-node.ts';
import { objectLabel } from '../object-label.ts';
import { domainFromObject, parseDocument, readDomain } from '../read/read-domain.ts';
import { structureProblems } from './structure.ts';
import { unseenData } from './unseen-data.ts';
import { warnings } from './warnings.ts';
import type { RegoModule, RegoVersion } from '@edict/rego';
import type { Compile, RegoCheckOptions } from '../check/rego.ts';
import type { ParsedSubject } from '../check/rego-parse.ts';
import type { DomainIndex } from '../domain-index.ts';
import type { Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';

/** A file's content, or a parsed Kubernetes object. */
export type LintSource = { readonly file: string; readonly text: string | Uint8Array } | { readonly object: unknown };

/** How domains are linted. */
export interface LintOptions {
  /** Language of modules that do not say which. Default `v0`. */
  readonly regoVersion?: RegoVersion;
  /** What compiles. Default `compile` of `@edict/rego`. */
  readonly compile?: Compile;
}

/**
 * What is wrong with domains as their author should see it: all of a file's problems at once, also those that the loader
 * lets pass (missing names, duplicates), and warnings. It is not a superset of `checkDomains`: lint allows all built-ins
 * and does not compile blank Rego, as the reference's linter.
 */
export function lintDomains(sources: readonly LintSource[], options: LintOptions = {}): readonly Problem[] {
  const { regoVersion = 'v0', compile = compileRego } = options;
  const problems: Problem[] = [];
  const read: SourcedDomain[] = [];
  for (const source of sources) problems.push(...readSource(source, read));
  const known = firstOfEachName(read).map(({ domain }) => domain);
  problems.push(...referenceProblems(read, known), ...cycleProblems(read));
  const index = indexDomains(known);
  for (const sourced of read) {
    const subjects = parseSubjects(sourced, regoVersion);
    problems.push(...subjects.flatMap((subject) => subject.problems));
    problems.push(...dataProblems(sourced, regoVersion));
    problems.push(...opaCheck(sourced, subjects, index, { compile, regoVersion, unsafeBuiltins: [] }));
    problems.push(...warnings(sourced, subjects), ...unseenData(sourced, subjects));
  }
  return problems;
}

/** Reads one source; a domain that could be read is added to `read`. */
function readSource(source: LintSource, read: SourcedDomain[]): readonly Problem[] {
  if ('object' in source) {
    const result = domainFromObject(source.object);
    if (result.ok) read.push(result);
    const structure = objectStructure(source.object);
    return [...structure, ...(result.ok ? [] : withoutRepetition(result.problems, structure))];
  }
  const { file, text } = source;
  const document = parseDocument(text, file);
  if (!document.ok) return [document.problem];
  const structure = structureProblems(document.root, file);
  const result = readDomain(text, file);
  if (result.ok) read.push(result);
  return [...structure, ...(result.ok ? [] : withoutRepetition(result.problems, structure))];
}

function objectStructure(object: unknown): readonly Problem[] {
  try {
    return structureProblems(nodeOfObject(object), objectLabel(object));
  } catch (error) {
    if (error instanceof ObjectError) return []; // reading reports it
    throw error;
  }
}

/** Reading finds bad selectors too; those that structure has found already say the same. */
function withoutRepetition(problems: readonly Problem[], structure: readonly Problem[]): readonly Problem[] {
  const found = structure.some((problem) => problem.class === 'selector-regex');
  return found ? problems.filter((problem) => problem.class !== 'selector-regex') : problems;
}

/**
 * Compiles as the reference's linter does: all libraries of a domain together, then each policy with those of its
 * libraries that can be found, then each mapper; all built-ins allowed. Texts that do not parse, and what needs them, are
 * left out: they have been reported.
 */
function opaCheck(
  { domain }: SourcedDomain,
  subjects: readonly ParsedSubject[],
  index: DomainIndex,
  options: RegoCheckOptions,
): readonly Problem[] {
  const problems: Problem[] = [];
  const libraries = subjects.filter(({ subject, tree }) => subject.kind === 'library' && tree !== undefined);
  const [first] = libraries;
  const together = reachableModules(index, domain.name, libraries);
  if (first !== undefined && allParse(together, options.regoVersion)) {
    const subjectOf = (name: string) => (libraries.find(({ module }) => module.name === name) ?? first).subject;
    problems.push(...compileProblems(together, undefined, subjectOf, options));
  }
  for (const parsed of subjects) {
    if (parsed.subject.kind === 'library' || parsed.tree === undefined) continue;
    const modules = reachableModules(index, domain.name, [parsed]);
    if (!allParse(modules, options.regoVersion)) continue;
    problems.push(...compileProblems(modules, parsed.entrypoint, () => parsed.subject, options));
  }
  return problems;
}

function allParse(modules: readonly RegoModule[], version: RegoVersion): boolean {
  return modules.every(
    ({ name, source }) => source.trim() !== '' && parseModule(source, name, version).module !== undefined,
  );
}
