import type { SignedRevision } from '@edict/bundle';
import type { NodeId } from '../identifiers.ts';
import type { ShadowReport } from '../messages.ts';
import type { ExternalVerdict } from './analysis.ts';
import type { Instant } from './instant.ts';
import { NO_TOTALS, type LoadTotals } from './load-window.ts';
import type { AbortCause, Wave, WaveRef } from './observation.ts';
import type { AnalysisProgress, RolloutHold, RolloutPhase } from './progress.ts';
import { ALL, waveRef } from './waves.ts';

/** Where a rollout's machine is. What it waits for beyond that is its `hold`. */
export type RolloutStep = Exclude<RolloutPhase, 'Paused' | 'AwaitingApproval'>;

/** The rollout that a set's machine works on, or worked on last. Mutable: owned by that machine alone. */
export interface OpenRollout {
  readonly revision: SignedRevision;
  phase: RolloutStep;
  waves: readonly Wave[];
  /** The wave that is prepared for, committed or soaked. */
  wave: number;
  hold: RolloutHold | undefined;
  readonly required: Set<NodeId>;
  requiredAtStart?: number;
  /** Whether something was served before it, that can come back. */
  hasBase: boolean;
  since?: Instant;
  /** Of the preparation, monotonic. */
  deadlineAt?: number;
  /** When everyone had prepared, monotonic: the shadow window runs from here. */
  preparedAt: number | undefined;
  readonly shadow: Map<NodeId, ShadowReport>;
  decided?: Instant;
  /** Of the wave that was decided last. */
  activateAt: number | undefined;
  /** Until when a wave that is not the last may take to reach everyone, monotonic. */
  reachBy: number | undefined;
  soakUntil: number | undefined;
  /** Whether the next wave was approved before the analysis had anything against it. */
  approvedAtSoak: boolean;
  /** What was measured before the first wave. */
  baseline: LoadTotals;
  /** Since the soak began: what the wave answered, and what all else did. */
  soaked: LoadTotals;
  beside: LoadTotals;
  external: { readonly verdict: ExternalVerdict; readonly message: string } | undefined;
  analysis: AnalysisProgress | undefined;
  firstActive?: Instant;
  lastActive?: Instant;
  completed?: Instant;
  cause?: AbortCause;
  /** The first deterministic NACK of the revision. */
  refusal?: string;
  /** So many single answers cannot meet the gate yet: looking at everyone for each of them would cost their square. */
  gateSkips?: number;
  /** A required PDP that the wave had not reached when last looked at. */
  waitingFor?: NodeId;
}

/** A rollout of which nothing has happened. */
export function openRollout(revision: SignedRevision): OpenRollout {
  return {
    revision,
    phase: 'Pending',
    waves: [ALL],
    wave: 0,
    hold: undefined,
    required: new Set(),
    hasBase: false,
    preparedAt: undefined,
    shadow: new Map(),
    activateAt: undefined,
    reachBy: undefined,
    soakUntil: undefined,
    approvedAtSoak: false,
    baseline: NO_TOTALS,
    soaked: NO_TOTALS,
    beside: NO_TOTALS,
    external: undefined,
    analysis: undefined,
  };
}

/** The wave under way, as decisions name it. */
export function currentWave({ wave, waves }: OpenRollout): WaveRef {
  return waveRef(waves, wave);
}

/** True while the last wave, which everyone has, is watched. */
export function isLastSoak(rollout: OpenRollout): boolean {
  return rollout.phase === 'Soaking' && currentWave(rollout).final;
}

/** True once nothing about the rollout can change any more, but for PDPs that still come to serve it. */
export function isEnded({ phase }: OpenRollout): boolean {
  return phase === 'Completed' || phase === 'Aborted' || phase === 'RolledBack';
}

/** The phase that people see. */
export function shownPhase({ phase, hold }: OpenRollout): RolloutPhase {
  switch (hold?.reason) {
    case 'PauseRequested':
    case 'AnalysisFailed':
    case 'AnalysisUnknown':
    case 'RepeatedFailure':
      return 'Paused';
    case 'ApprovalRequired':
      return 'AwaitingApproval';
    case 'ShadowWindow':
    case 'ShadowNoTraffic':
    case 'AwaitingSites':
    case 'LeaseGap':
      return 'Gating';
    case 'Soak':
    case 'DeadlineExceeded':
    case undefined:
      return phase;
  }
}
