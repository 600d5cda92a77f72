/** Everything that may go wrong or be done in a run, by name: a failing run is shrunk by leaving some of it out. */
export const FAULT_KINDS = [
  'loss',
  'duplication',
  'reordering',
  'delay',
  'slow-readers',
  'pdp-partitions',
  'replica-partitions',
  'store-partitions',
  'pdp-crashes',
  'crashes-at-writes',
  'operator-crashes',
  'second-leaders',
  'tunnels',
  'stale-reads',
  'store-errors',
  'disk-errors',
  'work-errors',
  'clock-drift',
  'clock-jumps',
  'joins',
  'leaves',
  'bad-policy',
  'forgeries',
  'liars',
  'waves',
  'shadow',
  'user',
  'recreation',
] as const;

/** One of {@link FAULT_KINDS}. */
export type FaultKind = (typeof FAULT_KINDS)[number];

/** A deliberate fault in the protocol, to show that the invariants notice. */
export const BROKEN_VARIANTS = [
  'activate-on-prepare',
  'commit-without-acks',
  'serve-staged-from-disk',
  'record-after-swap',
  'record-goes-back',
  'no-lease-gate',
  'lease-too-long',
  'unsigned-accepted',
  'share-lowered',
  'salt-per-node',
  'joiner-gets-undecided',
  'undecided-accepted',
  'crossed-streams',
] as const;

/** One of {@link BROKEN_VARIANTS}. */
export type BrokenVariant = (typeof BROKEN_VARIANTS)[number];

/** How a run is laid out. What is not given follows from the seed. */
export interface SimulationOptions {
  readonly seed: number;
  /** PDPs at the beginning. */
  readonly pdps?: number;
  /** Replicas that do not lead and carry the streams of PDPs to the one that does; none by default. */
  readonly followers?: number;
  /** Faults go on until so many steps are done; absent: for {@link chaosMs}. */
  readonly steps?: number;
  /** Virtual time with faults. */
  readonly chaosMs?: number;
  /** What is left out. */
  readonly without?: readonly FaultKind[];
  readonly variant?: BrokenVariant;
}

/** What happened in a run, in numbers. */
export interface SimulationFigures {
  readonly steps: number;
  readonly revisions: number;
  /** Waves decided to be served. */
  readonly commits: number;
  readonly swaps: number;
  readonly splits: number;
  /** Commits that PDPs refused: none of them was signed as decided. */
  readonly undecided: number;
  /** Streams of PDPs that followers took and carried. */
  readonly carried: number;
  /** Longest virtual time from the end of the faults until every connected PDP served the committed revision. */
  readonly convergenceMs: number;
}

/** How a run ended. */
export interface SimulationResult {
  readonly seed: number;
  /** The invariant that did not hold, and how; undefined if all did. */
  readonly violation?: { readonly invariant: string; readonly message: string };
  /** What happened, one line each; empty for a run that went well. */
  readonly trace: readonly string[];
  readonly figures: SimulationFigures;
}
