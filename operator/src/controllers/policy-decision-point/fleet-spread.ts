import type { PolicyDecisionPointSpec } from '@edict/crds';

/** Over zones first, and within them over nodes; a pod that finds no such place runs all the same. */
const DEFAULTS = ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable: 'ScheduleAnyway',
  // Old pods, which are about to go, do not count: a rolling update would leave the new ones where there was room beside them.
  matchLabelKeys: ['pod-template-hash'],
}));

/** `topologySpreadConstraints` of the pods of a fleet, which these labels select. Pure. */
export function spreadConstraints(
  { topologySpreadConstraints = DEFAULTS }: PolicyDecisionPointSpec,
  labels: Readonly<Record<string, string>>,
): readonly object[] {
  return topologySpreadConstraints.map((constraint) => ({ labelSelector: { matchLabels: labels }, ...constraint }));
}
