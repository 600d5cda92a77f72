import type { KindDefinition } from './kind-definition.ts';
import { policyBundleKind } from './policy-bundle.ts';
import { policyDecisionPointKind } from './policy-decision-point.ts';
import { policyDomainKind } from './policy-domain.ts';
import { policyRevisionKind } from './policy-revision.ts';
import { policySetKind } from './policy-set.ts';
import { policyTestSuiteKind } from './policy-test-suite.ts';

/** Every kind of the API. */
export const KINDS: readonly KindDefinition[] = [
  policyDomainKind,
  policySetKind,
  policyDecisionPointKind,
  policyBundleKind,
  policyRevisionKind,
  policyTestSuiteKind,
];

/** The definition of a kind by its name, if it is ours. */
export function kindByName(kind: string): KindDefinition | undefined {
  return KINDS.find((definition) => definition.kind === kind);
}
