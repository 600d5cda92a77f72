import { compile as compileRego } from '@edict/rego';
import { dataProblems } from '../documents/check-documents.ts';
import { defaultUnsafeBuiltins } from './check-options.ts';
import { cycleProblems } from './cycles.ts';
import { firstOfEachName } from './first-of-each-name.ts';
import { referenceProblems } from './references.ts';
import { regoCompileProblems } from './rego.ts';
import { regoParseProblems } from './rego-parse.ts';
import type { CheckOptions } from './check-options.ts';
import type { Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';

/**
 * Everything that keeps a set of domains, in this order, from being loaded; empty when it can be. Of several domains
 * with one name only the first is looked at. References, cycles, Rego syntax and data that meets a domain's own rules
 * are reported together; Rego is compiled only when those are right.
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
    ...loaded.flatMap((sourced) => dataProblems(sourced, regoVersion)),
  ];
  return problems.length > 0 ? problems : regoCompileProblems(loaded, { unsafeBuiltins, regoVersion, compile });
}
