import type { SignedRevision } from '@edict/bundle';
import type { RolloutOptions, RolloutRecord, Wave } from '../operator/observation.ts';
import { aRevision } from './builders.ts';
import { anObservation, RolloutDriver, someOptions } from './rollout-driver.ts';

/** The PDPs of these rollouts. */
export const NODES = ['a', 'b', 'c'];

/** A wave for so many ten thousandths of the principals. */
export function share(principals: number, soakMs = 0): Wave {
  return { principals, soakMs, needsApproval: false };
}

/** What a PDP says of the share that {@link soaking} gives it. */
export const SHARE = { salt: 'uid-1/1', upTo: 500 };

/** Revision 1 serves all; revision 2 is prepared by everyone. */
export function prepared(options: Partial<RolloutOptions>, revision: SignedRevision = aRevision(2)): RolloutDriver {
  const driver = new RolloutDriver(
    anObservation({ options: someOptions(options), committed: aRevision(1), completed: true }),
  );
  for (const node of NODES) driver.connect(node, { active: aRevision(1) });
  driver.observe({ undecided: [revision] });
  driver.said();
  for (const node of NODES) driver.prepared(node, revision);
  return driver;
}

/** The first wave is decided and has reached everyone. */
export function soaking(options: Partial<RolloutOptions>): RolloutDriver {
  const driver = prepared(options).answer('written');
  for (const node of NODES) driver.active(node, aRevision(2), SHARE);
  driver.said();
  return driver;
}

/** What the store has of the rollout of revision 2. */
export function recorded(record: Partial<RolloutRecord>): {
  readonly rollouts: ReadonlyMap<number, RolloutRecord>;
} {
  return { rollouts: new Map([[2, { decided: [], ...record }]]) };
}
