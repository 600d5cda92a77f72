import type { ManetuPolicyDomain } from '@edict/crds';
import type { ReconcileResult } from '../../queue.ts';
import { isStoreError } from '../../store/errors.ts';
import { parseKey } from '../../store/object-key.ts';
import type { World } from '../world.ts';
import { executeManetuDomain, type ExecuteManetuDeps } from './execute.ts';
import { mirrorOf } from './mirror.ts';
import type { ManetuMode, ObservedManetuDomain } from './observed.ts';
import { planManetuDomain, refusedByServer } from './plan.ts';

export interface ReconcileManetuDeps extends ExecuteManetuDeps {
  readonly world: Pick<World, 'domains'>;
  /** The object of that key, from the cache. */
  readonly objectOf: (key: string) => ManetuPolicyDomain | undefined;
  readonly mode: ManetuMode;
  readonly now: () => number;
}

/** Brings one object of Manetu's group and its mirror to where they should be. Safe at any time, from any state. */
export async function reconcileManetuDomain(key: string, deps: ReconcileManetuDeps): Promise<ReconcileResult> {
  const object = deps.objectOf(key);
  // Who is gone has had its mirror withdrawn before; without a finalizer, the garbage collector has the mirror deleted.
  if (object === undefined) return {};
  const observed: ObservedManetuDomain = {
    object,
    mode: deps.mode,
    content: mirrorOf(object),
    domain: deps.world.domains.get(parseKey(key)),
    now: deps.now(),
  };
  try {
    for (const action of planManetuDomain(observed)) await executeManetuDomain(object, action, deps);
  } catch (error) {
    if (!isStoreError(error, 'Invalid')) throw error;
    for (const action of refusedByServer(observed, error.message)) await executeManetuDomain(object, action, deps);
  }
  return {};
}
