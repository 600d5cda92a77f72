import type { ReconcileResult } from '../../queue.ts';
import { executeDomain, type ExecuteDomainDeps } from './execute.ts';
import { observeDomain, type ObserveDomainDeps } from './observe.ts';
import { planDomain } from './plan.ts';

/** Brings one domain to where it should be. Safe at any time, any number of times, from any state. */
export async function reconcileDomain(
  key: string,
  deps: ObserveDomainDeps & ExecuteDomainDeps,
): Promise<ReconcileResult> {
  const observed = await observeDomain(key, deps);
  if (observed === undefined) return {};
  const { actions, requeueAfterMs } = planDomain(observed);
  // One write to the domain per turn: each changes its version, and the change brings the next turn.
  for (const action of actions) await executeDomain(observed.domain, action, deps);
  return requeueAfterMs === undefined ? {} : { requeueAfterMs };
}
