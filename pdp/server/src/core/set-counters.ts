import type { PdpMetrics } from '../observability/metrics.ts';
import type { SetLabels } from '../observability/set-labels.ts';
import type { CacheCounters } from './decision-cache.ts';

/** Counts what becomes of the requests of one set. */
export interface SetCounters extends CacheCounters {
  /** One decision; `allow` is undefined for a document that is no decision. */
  readonly decided: (allow: boolean | undefined) => void;
  /** One request that got a problem in place of a decision. */
  readonly refused: () => void;
}

/** The counters of `set` under its label, which it may share with others. Looked up once for many requests. */
export function countersOf(
  set: string,
  labels: Pick<SetLabels, 'of'>,
  { instanceDecisions, decisionCache }: Pick<PdpMetrics, 'instanceDecisions' | 'decisionCache'>,
): SetCounters {
  const label = labels.of(set);
  const [permit, deny, answer, refused] = ['permit', 'deny', 'answer', 'refused'].map((outcome) =>
    instanceDecisions.labels(label, outcome),
  );
  // A rate over a series that appears later than its first decision would miss that one.
  for (const counter of [permit, deny, answer, refused]) counter?.inc(0);
  const [hit, miss, evicted] = ['hit', 'miss', 'evicted'].map((outcome) => decisionCache.labels(label, outcome));
  return {
    decided: (allow) => (allow === undefined ? answer : allow ? permit : deny)?.inc(),
    refused: () => refused?.inc(),
    hit: () => hit?.inc(),
    miss: () => miss?.inc(),
    evicted: () => evicted?.inc(),
  };
}
