import type { ReconcileResult } from '../../queue.ts';
import { executeSet, type ExecuteSetDeps } from './execute.ts';
import { observeSet, type ObserveSetDeps } from './observe.ts';
import { planSet } from './plan.ts';

/** Brings one set to where it should be. Safe at any time, any number of times, from any state. */
export async function reconcileSet(key: string, deps: ObserveSetDeps & ExecuteSetDeps): Promise<ReconcileResult> {
  const observed = await observeSet(key, deps);
  if (observed === undefined) return {};
  const { actions, requeueAfterMs } = planSet(observed);
  let { set } = observed;
  // Each write gives the set's next version, which the next one needs.
  for (const action of actions) set = await executeSet(set, action, deps);
  return requeueAfterMs === undefined ? {} : { requeueAfterMs };
}
