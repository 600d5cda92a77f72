import { compileSnapshot } from './compile-snapshot.ts';
import { loadSnapshot } from './snapshot.ts';
import type { DomainModel } from '@edict/bundle';
import type { DecideContext } from './decide-context.ts';
import type { Snapshot } from './snapshot.ts';

/** A snapshot for tests, taken through `structuredClone` as one that another thread compiled. */
export function testSnapshot(domains: readonly DomainModel[]): Snapshot {
  const result = compileSnapshot(domains);
  if (!result.ok) throw new Error(result.problems.map(({ mrn, message }) => `${mrn ?? ''}: ${message}`).join('\n'));
  return loadSnapshot(structuredClone(result.compiled));
}

let ticks = 0;

/** A context for tests: a clock that takes 100 ns per look, starting at 2026-01-02, and equal ids. */
export const testContext: DecideContext = {
  clock: { nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678), monotonicNs: () => (ticks += 100) },
  newId: () => 'record-1',
};
