/** What a PDP does for a set whose lease has ended. */
export const STALE_ACTIONS = ['Serve', 'NotReady', 'Deny'] as const;
export type StaleAction = (typeof STALE_ACTIONS)[number];

/** What a set promises about agreement and age, and what a PDP does when it cannot keep it. Part of the signed manifest. */
export interface Consistency {
  /** `Strict`: a PDP answers only while its lease lasts, and commits of one cohort are at least one lease apart. */
  readonly mode: 'Standard' | 'Strict';
  /** How long a word of the operator vouches for what a PDP serves. */
  readonly leaseMs: number;
  readonly onStale: StaleAction;
  /** `AfterLease`: what the disk held is served only once the operator has vouched for it. */
  readonly onBoot: 'ServePersisted' | 'AfterLease';
  /** Whether a PDP goes on while its operator is there but is itself cut off from the store of decisions. */
  readonly onControlPlaneLoss: 'Serve' | 'Stop';
}

/** What a manifest means that says nothing about consistency. */
export const CONSISTENCY_DEFAULTS: Consistency = {
  mode: 'Standard',
  leaseMs: 10_000,
  onStale: 'Serve',
  onBoot: 'ServePersisted',
  onControlPlaneLoss: 'Serve',
};

/** Shortest and longest lease. A shorter one would end between two heartbeats; a longer one bounds nothing. */
export const LEASE_MIN_MS = 5_000;
export const LEASE_MAX_MS = 3_600_000;

/** `value` as a consistency, or the member that is wrong and what is wrong with it. Every member has to be there. */
export function readConsistency(
  value: Readonly<Record<string, unknown>>,
): { readonly consistency: Consistency } | { readonly member: string; readonly problem: string } {
  const mode = oneOf(['Standard', 'Strict'] as const, value['mode']);
  if (mode === undefined) return { member: 'mode', problem: 'is neither Standard nor Strict' };
  const leaseMs = value['leaseMs'];
  if (typeof leaseMs !== 'number' || !Number.isInteger(leaseMs) || leaseMs < LEASE_MIN_MS || leaseMs > LEASE_MAX_MS) {
    return { member: 'leaseMs', problem: `is not a whole number of ${LEASE_MIN_MS} to ${LEASE_MAX_MS}` };
  }
  const onStale = oneOf(STALE_ACTIONS, value['onStale']);
  if (onStale === undefined) return { member: 'onStale', problem: `is none of ${STALE_ACTIONS.join(', ')}` };
  const onBoot = oneOf(['ServePersisted', 'AfterLease'] as const, value['onBoot']);
  if (onBoot === undefined) return { member: 'onBoot', problem: 'is neither ServePersisted nor AfterLease' };
  const onControlPlaneLoss = oneOf(['Serve', 'Stop'] as const, value['onControlPlaneLoss']);
  if (onControlPlaneLoss === undefined) return { member: 'onControlPlaneLoss', problem: 'is neither Serve nor Stop' };
  return { consistency: { mode, leaseMs, onStale, onBoot, onControlPlaneLoss } };
}

function oneOf<const W extends string>(words: readonly W[], value: unknown): W | undefined {
  return words.find((word) => word === value);
}
