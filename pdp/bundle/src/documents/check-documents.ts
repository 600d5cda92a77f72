import { compile as compileRego } from '@edict/rego';
import { documentCompileProblems, gatherDocuments } from './document-sources.ts';
import { clashesWithRules } from './data-problems.ts';
import { parseData } from './json-object.ts';
import { rulePlaces } from './rule-places.ts';
import { defaultUnsafeBuiltins, type CheckOptions } from '../check/check-options.ts';
import type { RegoVersion } from '@edict/rego';
import type { Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';

/**
 * Everything that keeps domains, each of them valid, from serving documents together: rules of several domains that
 * exclude each other, data that meets rules or other data, listed policies that are not there.
 */
export function checkDocuments(
  domains: readonly SourcedDomain[],
  policies: readonly string[],
  options: CheckOptions = {},
): readonly Problem[] {
  const { unsafeBuiltins = defaultUnsafeBuiltins, regoVersion = 'v0', compile = compileRego } = options;
  const gathered = gatherDocuments(domains, policies, regoVersion);
  if (!gathered.ok) return gathered.problems;
  return documentCompileProblems(gathered.sources, { unsafeBuiltins, regoVersion, compile });
}

/** Where the data of a domain meets what its own libraries define. */
export function dataProblems(sourced: SourcedDomain, version: RegoVersion): readonly Problem[] {
  const { data, libraries } = sourced.domain;
  if (data === undefined) return [];
  const places = libraries.flatMap(({ mrn, rego }) => rulePlaces({ name: mrn, source: rego }, version));
  return clashesWithRules(sourced, parseData(data), places);
}
