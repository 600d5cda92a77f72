import { stringify } from '@edict/rego/values';
import { regoProblem } from '../check/rego.ts';
import { subjectAt } from '../check/subject.ts';
import { firstOfEachName } from '../check/first-of-each-name.ts';
import { parseReference } from '../references.ts';
import { clashesWithRules, clashProblem } from './data-problems.ts';
import { parseData } from './json-object.ts';
import { mergeData } from './merge-data.ts';
import { rulePlaces } from './rule-places.ts';
import type { CompileOptions, RegoModule, RegoVersion } from '@edict/rego';
import type { RegoCheckOptions } from '../check/rego.ts';
import type { Subject } from '../check/subject.ts';
import type { Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';

/** What the documents of a set are made of: all libraries of its domains and the listed policies, as one program. */
export interface DocumentSources {
  /** Named `domain/MRN`. */
  readonly modules: readonly RegoModule[];
  /** The base documents of all domains as canonical JSON text. */
  readonly data: string;
  /** Whose Rego each module is. */
  readonly subjects: ReadonlyMap<string, Subject>;
}

/** Sources, or everything that keeps the domains from having documents together. */
export type DocumentSourcesResult =
  | { readonly ok: true; readonly sources: DocumentSources }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Collects what a set's documents are made of. Of several domains with one name the first counts, of several libraries
 * with one MRN in a domain the last. `policies` are MRNs, looked for in all domains in their order, or `domain/MRN`.
 * Problems are data that two domains give, data where rules are, and policies that no domain has.
 */
export function gatherDocuments(
  domains: readonly SourcedDomain[],
  policies: readonly string[],
  version: RegoVersion,
): DocumentSourcesResult {
  const loaded = firstOfEachName(domains);
  const subjects = new Map<string, Subject>();
  const modules: RegoModule[] = [];
  const problems: Problem[] = [];
  const add = (subject: Subject, section: 'libraries' | 'policies', mrn: string, source: string): void => {
    const name = `${subject.sourced.domain.name}/${mrn}`;
    // A policy and a library may have one MRN.
    const unique = section === 'policies' && subjects.has(name) ? `${name} (policy)` : name;
    if (subjects.has(unique)) return;
    subjects.set(unique, subject);
    modules.push({ name: unique, source });
  };
  for (const sourced of loaded) {
    const { libraries } = sourced.domain;
    const last = new Map(libraries.map(({ mrn }, index) => [mrn, index]));
    for (const [index, library] of libraries.entries()) {
      if (last.get(library.mrn) !== index) continue;
      add(subjectAt(sourced, 'library', 'libraries', index, library), 'libraries', library.mrn, library.rego);
    }
  }
  for (const text of policies) {
    const found = findPolicy(loaded, text);
    if (found === undefined) problems.push(unknownPolicy(text));
    else add(found.subject, 'policies', found.mrn, found.rego);
  }
  const data = gatherData(loaded, modules, version);
  problems.push(...data.problems);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, sources: { modules, data: data.text, subjects } };
}

/** How the modules of {@link DocumentSources} are compiled. */
export function documentCompileOptions(version: RegoVersion, unsafeBuiltins: readonly string[]): CompileOptions {
  return { regoVersion: version, unsafeBuiltins, entrypoints: [], documents: true };
}

/** What keeps the modules from being one program, each problem at the entity whose Rego it is in. */
export function documentCompileProblems(
  { modules, subjects }: DocumentSources,
  { compile, regoVersion, unsafeBuiltins }: RegoCheckOptions,
): readonly Problem[] {
  const result = compile(modules, documentCompileOptions(regoVersion, unsafeBuiltins));
  if (result.ok) return [];
  return result.diagnostics.map((diagnostic) => {
    const subject = subjects.get(diagnostic.location.file);
    if (subject === undefined) return documentsProblem('rego-compile', 'opa-check', diagnostic.message);
    const own = { ...diagnostic, location: { ...diagnostic.location, file: subject.id } };
    const problem = regoProblem(subject, 'opa-check', own);
    return { ...problem, message: `the documents do not compile: ${problem.message}` };
  });
}

function findPolicy(
  domains: readonly SourcedDomain[],
  text: string,
): { readonly subject: Subject; readonly mrn: string; readonly rego: string } | undefined {
  const find = (wanted: string, domain: string | undefined) => {
    for (const sourced of domains) {
      if (domain !== undefined && sourced.domain.name !== domain) continue;
      const { policies } = sourced.domain;
      const index = policies.findLastIndex(({ mrn }) => mrn === wanted);
      const policy = policies[index];
      if (policy === undefined) continue;
      return { subject: subjectAt(sourced, 'policy', 'policies', index, policy), mrn: wanted, rego: policy.rego };
    }
    return undefined;
  };
  // An MRN may hold a slash: it is looked up as it is first.
  const whole = find(text, undefined);
  if (whole !== undefined) return whole;
  const reference = parseReference(text);
  return reference.ok && reference.domain !== undefined ? find(reference.id, reference.domain) : undefined;
}

function gatherData(
  domains: readonly SourcedDomain[],
  modules: readonly RegoModule[],
  version: RegoVersion,
): { readonly text: string; readonly problems: readonly Problem[] } {
  const owned = domains.flatMap((sourced) => {
    const { name, data } = sourced.domain;
    return data === undefined ? [] : [{ name, sourced, text: data, tree: parseData(data) }];
  });
  if (owned.length === 0) return { text: '{}', problems: [] };
  const places = modules.flatMap((module) => rulePlaces(module, version));
  const { tree, clashes } = mergeData(owned);
  const problems = [
    ...owned.flatMap(({ sourced, tree: own }) => clashesWithRules(sourced, own, places)),
    ...clashes.flatMap((clash) => {
      const second = owned.find(({ name }) => name === clash.second);
      return second === undefined ? [] : [clashProblem(second.sourced, clash)];
    }),
  ];
  const [only, second] = owned;
  // What one domain gives is in canonical form already.
  return { text: second === undefined && only !== undefined ? only.text : stringify(tree), problems };
}

function unknownPolicy(text: string): Problem {
  const message = `no domain of the set has the policy '${text}' that serving.documents.policies lists`;
  return documentsProblem('reference', 'reference', message);
}

/** A problem of the set rather than of one of its domains. */
function documentsProblem(problemClass: Problem['class'], source: Problem['source'], message: string): Problem {
  return { source, severity: 'error', class: problemClass, file: 'spec.serving.documents', message };
}
