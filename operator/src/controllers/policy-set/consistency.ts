import { isDeepStrictEqual } from 'node:util';
import { CONSISTENCY_DEFAULTS, type Consistency } from '@edict/bundle';
import { durationMs, type ConsistencySpec } from '@edict/crds';

/** What a set promises, as its manifests say it; undefined where that is what a manifest means that says nothing. */
export function consistencyOf({
  mode,
  lease,
  onStale,
  onBoot,
  onControlPlaneLoss,
}: ConsistencySpec): Consistency | undefined {
  const isStrict = mode === 'Strict';
  const consistency: Consistency = {
    mode,
    leaseMs: lease === undefined ? CONSISTENCY_DEFAULTS.leaseMs : durationMs(lease),
    onStale: onStale ?? (isStrict ? 'NotReady' : CONSISTENCY_DEFAULTS.onStale),
    onBoot: onBoot ?? (isStrict ? 'AfterLease' : CONSISTENCY_DEFAULTS.onBoot),
    onControlPlaneLoss: onControlPlaneLoss ?? CONSISTENCY_DEFAULTS.onControlPlaneLoss,
  };
  return isDeepStrictEqual(consistency, CONSISTENCY_DEFAULTS) ? undefined : consistency;
}
