import { compile as compileRego } from '@edict/rego';
import { cycleProblems } from './cycles.ts';
import { referenceProblems } from './references.ts';
import { regoCompileProblems } from './rego.ts';
import { regoParseProblems } from './rego-parse.ts';
import type { RegoVersion } from '@edict/rego';
import type { Compile } from './rego.ts';
import type { Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';

/** How strictly domains are checked. */
export interface CheckOptions {
  /** Built-ins that policies and libraries may not call; mappers may call all. Default `http.send`. */
  readonly unsafeBuiltins?: readonly string[];
  /** Language of modules that do not say which. Default `v0`. */
  readonly regoVersion?: RegoVersion;
  /** What compiles. Default `compile` of `@edict/rego`; callers that keep programs pass one that remembers. */
  readonly compile?: Compile;
}

/** What policies and libraries may not call unless configured otherwise. */
export const defaultUnsafeBuiltins: readonly string[] = ['http.send'];

/**
 * Everything that keeps a set of domains, in this order, from being loaded; empty when it can be. Of several domains
 * with one name only the first is looked at. References, cycles and Rego syntax are reported together; Rego is compiled
 * only when those are right.
 */
export function checkDomains(domains: readonly SourcedDomain[], options: CheckOptions = {}): readonly Problem[] {
  const { unsafeBuiltins = defaultUnsafeBuiltins, regoVersion = 'v0', compile = compileRego } = options;
  const loaded = firstOfEachName(domains);
  const problems = [
    ...referenceProblems(
      loaded,
      loaded.map(({ domain }) => domain),
    ),
    ...cycleProblems(loaded),
    ...regoParseProblems(loaded, regoVersion),
  ];
  return problems.length > 0 ? problems : regoCompileProblems(loaded, { unsafeBuiltins, regoVersion, compile });
}

/** The domains that a loader keeps: of several with one name, the first. */
export function firstOfEachName(domains: readonly SourcedDomain[]): readonly SourcedDomain[] {
  const names = new Set<string>();
  return domains.filter(({ domain: { name } }) => !names.has(name) && names.add(name));
}
