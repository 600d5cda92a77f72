import type { PdpMetrics } from '../observability/metrics.ts';
import type { CounterSeries } from '../observability/series-counter.ts';
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
  const permit = instanceDecisions.series(label, 'permit');
  const deny = instanceDecisions.series(label, 'deny');
  const answer = instanceDecisions.series(label, 'answer');
  const refused = instanceDecisions.series(label, 'refused');
  // Most sets have no cache: series that stay at zero would be shown for each.
  let ofCache: Readonly<Record<'hit' | 'miss' | 'evicted', CounterSeries>> | undefined;
  const cached = (): NonNullable<typeof ofCache> =>
    (ofCache ??= {
      hit: decisionCache.series(label, 'hit'),
      miss: decisionCache.series(label, 'miss'),
      evicted: decisionCache.series(label, 'evicted'),
    });
  return {
    decided: (allow) => (allow === undefined ? answer : allow ? permit : deny).inc(),
    refused: () => refused.inc(),
    hit: () => cached().hit.inc(),
    miss: () => cached().miss.inc(),
    evicted: () => cached().evicted.inc(),
  };
}
