import type { Digest, RevisionId, SetKey } from '../identifiers.ts';
import type { SignedRevision } from '@edict/bundle';
import type { ClockSample } from '../clock-offset.ts';
import type {
  BootReason,
  CommitTiming,
  EngineInfo,
  Load,
  ManifestSummary,
  NackDetail,
  NackPhase,
  SetLoad,
  SetState,
  ShadowCounts,
  ShadowRequest,
  ShadowSample,
  Share,
  TestCounts,
  Vouch,
} from '../messages.ts';
import type { RandomState } from '../random.ts';

/** A revision whose bytes this PDP has, verified. */
export interface Slot {
  readonly revision: SignedRevision;
  readonly manifest: ManifestSummary;
}

/**
 * What one set's durable record holds. It is written as a whole (write a temporary file, fsync, rename, fsync the
 * folder), so a crash finds the record before or the record after, never a mixture.
 */
export interface DurableRecord {
  readonly active?: Slot;
  readonly staged?: Slot;
  readonly lkg?: Slot;
  /** Served to a share of the principals beside `active`, which is older. */
  readonly canary?: CanaryRecord;
}

/** A slot with the principals that it is for. */
export interface CanaryRecord extends Slot {
  readonly share: Share;
}

/** What preparing cost, as told in Prepared. */
export interface PrepareReport {
  readonly compileMs: number;
  readonly heapDeltaBytes: number;
  readonly tests: TestCounts;
}

export interface ActiveSlot extends Slot {
  readonly report: PrepareReport;
  /** False while the durable record still names the revision before. */
  readonly persisted: boolean;
  readonly activatedAt: number;
  readonly swapMicros: number;
  /** How the moment was kept that its commit named. */
  readonly timing?: CommitTiming;
}

/** A revision that serves a share of the principals. */
export interface CanarySlot extends ActiveSlot {
  readonly share: Share;
}

/** A slot beside the active one. After a restart its bytes are there but not yet compiled. */
export interface SpareSlot extends Slot {
  readonly report: PrepareReport;
  readonly compiled: boolean;
}

/** Steps of a preparation, in order. */
export type JobStep = 'Waiting' | 'Manifest' | 'Bundles' | 'Compiling' | 'Testing' | 'Persisting';

/** How a revision is to be activated. */
export interface CommitTerms {
  /** Absent: for everyone. */
  readonly share?: Share;
  /** Not before this moment, monotonic. Absent: at once. */
  readonly dueAt?: number;
  readonly timing?: CommitTiming;
}

/** One preparation under way. `id` marks the effects that it caused, so that late answers of an older one are dropped. */
export interface PrepareJob {
  readonly kind: 'Prepare';
  readonly id: number;
  readonly revision: SignedRevision;
  readonly ticket: string;
  readonly step: JobStep;
  /** Set once a Commit for it arrived: activate when ready. */
  readonly commit?: CommitTerms;
  /** The shadow evaluation that was asked for with it. */
  readonly shadow?: ShadowRequest;
  readonly manifest?: ManifestSummary;
  readonly report: PrepareReport;
}

/**
 * Loading what the disk held, before the first stream: what was active, then the canary if there was one; then both are put
 * in place, the canary first, so that no request is answered without it.
 */
export interface BootJob {
  readonly kind: 'Boot';
  readonly id: number;
  readonly slot: Slot;
  readonly source: 'active' | 'lkg';
  readonly step: 'Active' | 'Canary' | 'Split' | 'Swap';
  readonly canary?: CanarySlot;
  /** Tries that failed for reasons that may pass. */
  readonly failures: number;
  readonly report: PrepareReport;
}

/** The way from staged to active: the durable record first, then one reference. */
export interface Activation {
  readonly id: number;
  readonly slot: Slot;
  readonly report: PrepareReport;
  readonly terms: CommitTerms;
  /** `Timed`: durable, and the moment is awaited that its commit named. */
  readonly step: 'Persisting' | 'Timed' | 'Swapping';
  readonly persisted: boolean;
}

/** A shadow evaluation of the staged revision, under way or ended. */
export interface ShadowRun {
  readonly id: number;
  readonly revision: RevisionId;
  readonly done: boolean;
  readonly counts: ShadowCounts;
  readonly samples: readonly ShadowSample[];
}

/** A word of the operator, as a PDP keeps it. */
export interface OperatorWord {
  /** The decisions that the word is about were read no earlier than this, by the PDP's monotonic clock. */
  readonly asOf: number;
  readonly vouch: Vouch;
}

/** What a set knows about its lease. */
export interface LeaseState {
  /** Age of the newest word that what is served satisfies: see {@link OperatorWord.asOf}. Absent: none. */
  readonly grantedAsOf?: number;
  /** The newest word, while what is served does not satisfy it. */
  readonly waiting?: OperatorWord;
  readonly minRev: number;
  readonly stableRev: number;
  readonly cutOffUntil?: number;
}

/** Nobody has vouched for anything. */
export const NO_LEASE: LeaseState = { minRev: 0, stableRev: 0 };

/** A content that this engine can never take. */
export interface Refusal {
  readonly digest: Digest;
  readonly phase: NackPhase;
  readonly code: string;
  readonly detail: NackDetail;
}

/** One set in one PDP. Four slots, at most one preparation and one activation. */
export interface SetMachine {
  readonly set: SetKey;
  readonly active?: ActiveSlot;
  readonly staged?: SpareSlot;
  readonly lkg?: SpareSlot;
  /** Newer than `active`. */
  readonly canary?: CanarySlot;
  readonly job?: PrepareJob | BootJob;
  readonly activation?: Activation;
  /** A staged revision whose Commit came while the activation of the one before was under way. */
  readonly commitWhenFree?: { readonly revision: RevisionId; readonly terms: CommitTerms };
  readonly shadow?: ShadowRun;
  readonly lease: LeaseState;
  readonly refused: readonly Refusal[];
  /** Next job or activation id. */
  readonly nextId: number;
  /** Set while the record that was active at boot could not be loaded and `lkg` serves in its place. */
  readonly bootFault?: string;
}

/** What one set measured since the last Beat. */
export interface SetLoads {
  readonly load: SetLoad;
  /** The part that the canary answered. */
  readonly canaryLoad?: SetLoad;
}

/** What does not change while the process runs. */
export interface PdpConfig {
  readonly engine: EngineInfo;
  /** 0: no limit known. */
  readonly capacityBytes: number;
  /** Beat period until a Welcome says another. */
  readonly heartbeatMs: number;
  /** After this long without a BeatAck the stream is given up. */
  readonly presenceTimeoutMs: number;
  /** Delay before a failed record of the active revision is written again. */
  readonly persistRetryMs: number;
}

/** Defaults of {@link PdpConfig}, but for the engine. */
export const PDP_DEFAULTS = {
  capacityBytes: 0,
  heartbeatMs: 2_000,
  presenceTimeoutMs: 10_000,
  persistRetryMs: 5_000,
} as const;

/** The whole state of one PDP's side of the protocol. */
export interface PdpState {
  readonly config: PdpConfig;
  readonly connection: 'Down' | 'Booting' | 'Up';
  readonly sets: ReadonlyMap<SetKey, SetMachine>;
  readonly bootReason: BootReason;
  readonly seq: number;
  readonly heartbeatMs: number;
  readonly lastHeardAt: number;
  readonly load: Load;
  readonly setLoads: ReadonlyMap<SetKey, SetLoads>;
  /** Ids of the keys whose signatures are taken here, as Beats tell them; absent until they are known. */
  readonly trustedKeys?: readonly string[];
  /** Beats of this stream without an answer so far, with the time of each. */
  readonly unanswered: ReadonlyMap<number, number>;
  readonly clockSamples: readonly ClockSample[];
  readonly random: RandomState;
}

/** Nothing measured. */
export const NO_LOAD: Load = { decisions: 0, errors: 0, denied: 0, p99Micros: 0, unlogged: 0, rssBytes: 0 };

/** The report of a content that was not compiled or tested anew. */
export const NO_REPORT: PrepareReport = { compileMs: 0, heapDeltaBytes: 0, tests: { passed: 0, failed: 0 } };

/** Where a set stands, in the words of the protocol. */
export function setStateOf(machine: SetMachine): SetState {
  const { job } = machine;
  if (job?.kind === 'Boot') return 'Verified';
  if (job !== undefined) return stateOfStep(job.step);
  if (machine.staged !== undefined || machine.activation !== undefined) return 'Staged';
  return machine.active === undefined ? 'Empty' : 'Active';
}

function stateOfStep(step: JobStep): SetState {
  switch (step) {
    case 'Waiting':
    case 'Manifest':
    case 'Bundles':
      return 'Fetching';
    case 'Compiling':
      return 'Verified';
    case 'Testing':
    case 'Persisting':
      return 'Compiled';
  }
}

/** The revision that a set serves to those who are not in a canary's share, if any. */
export function servedRevision(state: PdpState, set: SetKey): RevisionId | undefined {
  return state.sets.get(set)?.active?.revision;
}
