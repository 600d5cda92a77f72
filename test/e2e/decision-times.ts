import type { Fleet } from './fleet.ts';

/** When the commit of each revision was decided, by the operator's own record: n -> milliseconds since the epoch. */
export async function decisionTimes(fleet: Fleet): Promise<ReadonlyMap<number, number>> {
  const times = new Map<number, number>();
  for (const { spec, status } of await fleet.revisions()) {
    for (const wave of status?.waves ?? []) {
      if (wave.decision === 'Commit' && wave.decidedAt !== undefined) times.set(spec.n, Date.parse(wave.decidedAt));
    }
  }
  return times;
}
