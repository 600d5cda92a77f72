import { checkCertificates, checkClocks } from './check-certificates.ts';
import { checkCrds } from './check-crds.ts';
import { checkObjects } from './check-objects.ts';
import { checkOperator } from './check-operator.ts';
import { checkPdps } from './check-pdps.ts';
import { checkWebhooks } from './check-webhooks.ts';
import type { Finding, Severity } from './finding.ts';
import type { Installation } from './installation.ts';

/** One look at one part of an installation. */
export interface Examination {
  readonly part: string;
  readonly findings: readonly Finding[];
}

const PARTS: readonly (readonly [part: string, check: (installation: Installation) => readonly Finding[]])[] = [
  // What explains the rest comes first.
  ['clocks', checkClocks],
  ['kinds', ({ crds }) => checkCrds(crds)],
  ['operator', checkOperator],
  ['certificates', checkCertificates],
  ['admission', checkWebhooks],
  ['policy', checkObjects],
  ['PDPs', checkPdps],
];

/** Everything that is wrong with an installation, by its parts. Pure. */
export function examine(installation: Installation): readonly Examination[] {
  return PARTS.map(([part, check]) => ({ part, findings: check(installation) }));
}

/** How many findings there are of a severity. */
export function countOf(examinations: readonly Examination[], severity: Severity): number {
  return examinations.flatMap(({ findings }) => findings).filter((finding) => finding.severity === severity).length;
}
