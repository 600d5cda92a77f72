import type { LeaseView } from '@edict/protocol';

/** Seconds that leases have left at `nowMs` (monotonic), by label: of several sets with one label the least. Below 0: ended. */
export function remainingLeases(
  told: readonly (readonly [set: string, lease: LeaseView])[],
  labelOf: (set: string) => string,
  nowMs: number,
): ReadonlyMap<string, number> {
  const remaining = new Map<string, number>();
  for (const [set, { until }] of told) {
    if (until === undefined) continue;
    const label = labelOf(set);
    const seconds = (until - nowMs) / 1000;
    remaining.set(label, Math.min(remaining.get(label) ?? Infinity, seconds));
  }
  return remaining;
}
