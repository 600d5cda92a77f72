import { z } from 'zod';

/** Kubernetes' condition. */
export const Condition = z.object({
  type: z.string().min(1).max(316).meta({ description: 'Name of the condition.' }),
  status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'Whether it holds.' }),
  observedGeneration: z.int().optional().meta({ description: 'metadata.generation that this was computed for.' }),
  lastTransitionTime: z.string().meta({ description: 'When status last changed (RFC 3339).', format: 'date-time' }),
  reason: z.string().min(1).max(1024).meta({ description: 'Stable CamelCase cause; see docs/conditions.md.' }),
  message: z.string().max(32768).meta({ description: 'For people.' }),
});
export type Condition = z.output<typeof Condition>;

/** The `conditions` member of every status. */
export const Conditions = z
  .array(Condition)
  .max(16)
  .optional()
  .meta({
    description: 'Latest observations. Reconciling and Stalled are absent when all is well (kstatus).',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  });

/** Every condition type we write, and what `True` means. `Reconciling` and `Stalled` are there only when true. */
export const CONDITION_TYPES = {
  Accepted: 'The spec is valid: schema, references, selectors, Rego.',
  Rendered: 'The bundle for this generation is stored.',
  Prepared: 'Every required PDP has compiled and stored the revision.',
  Converged: 'Every required PDP serves the revision.',
  Ready: 'Summary: the newest generation serves on every required PDP.',
  TestsPassed: 'The test suites of the set pass with what it is to serve.',
  ShadowCompared: 'Live requests were compared with the revision before anyone served it.',
  Injected: 'Every pod that should have a PDP beside it has one.',
  ScalingActive:
    'The autoscaler of a fleet can read its metrics and set the number of pods. There only with spec.autoscaling.',
  Reconciling: 'Work on the newest generation goes on.',
  Stalled: 'Work has stopped and needs the user.',
} as const;
export type ConditionType = keyof typeof CONDITION_TYPES;

/** Every reason a condition of ours can carry, and what it tells the user. Stable API; docs/conditions.md lists them. */
export const CONDITION_REASONS = {
  Accepted: 'The spec is valid.',
  Invalid: 'The spec is refused; the message names entity, line and column. What served before serves on.',
  TooLarge: 'The domain is over the size limit.',
  NameConflict: 'Another domain has the same name already, and is not touched.',
  Rendered: 'The bundle of this generation is stored.',
  GroupDisabled: 'The operator has stopped to serve the API group of the object; what it said last serves on.',
  Progressing: 'The revision is on its way.',
  AllPrepared: 'Every required PDP has prepared the revision.',
  Converged: 'Every required PDP serves the revision.',
  NoPDP: 'No PDP is selected, so nobody serves the policy.',
  NoSet: 'No PolicySet selects this domain.',
  NoDomain: 'The set selects no domain.',
  WaitingForPDP: 'Not every required PDP has answered yet; the message names them.',
  PDPUnavailable: 'A required PDP is not connected.',
  Nacked: 'A PDP refused the revision; the message says why. The old revision serves on.',
  DeadlineExceeded: 'Not every required PDP prepared before the progress deadline. The old revision serves on.',
  Superseded: 'A newer revision took its place before it was committed.',
  Aborted: 'The rollout was ended by the user.',
  RolledBack: 'What served before serves again: a wave failed or was ended. The content is not tried again by itself.',
  Paused: 'The set is paused.',
  AwaitingApproval: 'The next wave waits for somebody to approve it.',
  Soaking: 'A wave is served and watched.',
  ShadowDiffers: 'Live requests would be answered too differently. The old revision serves on.',
  ShadowPassed: 'Enough live requests were compared, and few enough answers differ.',
  NoTraffic: 'There were too few live requests to compare; spec.rollout.shadow.onNoTraffic says what follows.',
  AnalysisFailed: 'A wave did worse than what served before it.',
  AnalysisUnknown: 'Nobody can tell how a wave does; somebody has to decide.',
  TestsPassed: 'Every case of the test suites passes.',
  TestsFailed: 'A case of a test suite fails; the message names it. The old revision serves on.',
  RepeatedFailure: 'Three revisions in ten minutes were aborted; the set waits for a change of spec.',
  Withdrawing: 'The object is being deleted; its policy is being withdrawn from the PDPs.',
  WithdrawTimeout: 'The object was deleted before every PDP had confirmed the withdrawal.',
  Available: 'The workload has its replicas ready.',
  Unavailable: 'The workload lacks ready replicas.',
  AllInjected: 'Every pod that should have a PDP beside it has one.',
  PodsWithoutPDP: 'Pods that should have a PDP have none; the message names the first. Made anew they get one.',
  BadSidecar: 'No pod can have a sidecar of this spec; the message says why. Pods that ask for one are refused.',
  Autoscaling: 'The autoscaler sets the number of pods.',
  AutoscalerFailing: 'The autoscaler lacks a metric or cannot scale; the message says why. The number of pods stays.',
  ApplyFailed: 'The apiserver refused an object that the operator wanted to apply.',
  Contested: 'Something else changes an object of the operator back whenever it is repaired; the message names it.',
} as const;
export type ConditionReason = keyof typeof CONDITION_REASONS;

/** What a planner wants a condition to say. */
export interface DesiredCondition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: ConditionReason;
  readonly message: string;
}

/**
 * The conditions list after `desired` were set and `absent` removed; `lastTransitionTime` moves only where status changed.
 * `now` is RFC 3339. Types in neither list stay as they are. Sorted by type, so that equal states print equally.
 */
export function mergeConditions(
  current: readonly Condition[] | undefined,
  desired: readonly DesiredCondition[],
  absent: readonly ConditionType[],
  observedGeneration: number,
  now: string,
): Condition[] {
  const byType = new Map((current ?? []).map((condition) => [condition.type, condition]));
  for (const type of absent) byType.delete(type);
  for (const { type, status, reason, message } of desired) {
    const before = byType.get(type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now;
    byType.set(type, {
      type,
      status,
      observedGeneration,
      lastTransitionTime,
      reason,
      message: message.slice(0, 32_768),
    });
  }
  return [...byType.values()].sort((a, b) => (a.type < b.type ? -1 : 1));
}

/** The condition of that type, if there is one. */
export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: ConditionType,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
