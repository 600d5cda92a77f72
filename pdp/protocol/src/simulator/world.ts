import { createRandom } from '../random.ts';
import type { BrokenVariant, FaultKind, SimulationOptions } from './options.ts';
import { VirtualTime } from './virtual-time.ts';

/** Trace lines that are kept: the newest. */
const TRACE_MAX = 5_000;

/** How hostile the world of one run is. Shares are probabilities; 0 for what is left out. */
export interface FaultProfile {
  readonly loss: number;
  readonly duplication: number;
  /** False: messages of one stream keep their order, as TCP has it. */
  readonly reorder: boolean;
  readonly maxDelayMs: number;
  /** Share of the messages after which a reader has no room for a while. */
  readonly slowReader: number;
  readonly workFailure: number;
  readonly diskFailure: number;
  readonly crashAtWrite: number;
  readonly storeFailure: number;
  readonly spuriousConflict: number;
  /** Longest age of what a replica reads. */
  readonly staleReadMs: number;
  /** Greatest share by which a clock runs fast or slow: any two differ by at most twice that. */
  readonly drift: number;
  readonly badRevision: number;
  readonly membersKnown: boolean;
  /** Messages go through the wire codec. */
  readonly encoded: boolean;
}

const NO_FAULTS: FaultProfile = {
  loss: 0,
  duplication: 0,
  reorder: false,
  maxDelayMs: 5,
  slowReader: 0,
  workFailure: 0,
  diskFailure: 0,
  crashAtWrite: 0,
  storeFailure: 0,
  spuriousConflict: 0,
  staleReadMs: 0,
  drift: 0,
  badRevision: 0,
  membersKnown: false,
  encoded: false,
};

/** An invariant does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly invariant: string;
  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

/** What every part of a run shares: time, chance, the faults' dial and the trace. */
export class World {
  readonly time = new VirtualTime();
  readonly profile: FaultProfile;
  readonly variant: BrokenVariant | undefined;
  readonly lines: string[] = [];
  readonly #seed: number;
  readonly #left: ReadonlySet<FaultKind>;
  readonly #random: () => number;
  readonly #tracing: boolean;
  /** False in the last part of a run, in which everything must come right. */
  faults = true;
  /** True while promises may have been settled: their reactions have to run before the next step. */
  unsettled = false;
  #violation: Violation | undefined;

  constructor(options: SimulationOptions, tracing: boolean, given?: Partial<FaultProfile>) {
    this.#seed = options.seed;
    this.#left = new Set(options.without ?? []);
    this.variant = options.variant;
    this.#tracing = tracing;
    this.#random = this.stream('world');
    this.profile = given === undefined ? this.#profile(this.stream('profile')) : { ...NO_FAULTS, ...given };
  }

  /** Chances of their own, so that leaving one kind of fault out does not move those of another. */
  stream(name: string): () => number {
    let hash = this.#seed | 0;
    for (const char of name) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) | 0;
    const random = createRandom(hash);
    random();
    return random;
  }

  /** True unless the kind of fault is left out. */
  has(kind: FaultKind): boolean {
    return !this.#left.has(kind);
  }

  #profile(random: () => number): FaultProfile {
    const share = (kind: FaultKind, most: number): number => {
      const value = random() * most;
      return this.has(kind) ? value : 0;
    };
    const harsh = random();
    const [isLossy, isDoubling, isReordering, isSlow] = [random(), random(), random(), random()];
    const delay = 5 + random() * (harsh > 0.7 ? 3000 : 200);
    return {
      loss: isLossy < 0.5 ? 0 : share('loss', 0.15 * harsh),
      duplication: isDoubling < 0.5 ? 0 : share('duplication', 0.15 * harsh),
      reorder: isReordering < 0.5 && this.has('reordering'),
      maxDelayMs: this.has('delay') ? delay : 5,
      slowReader: isSlow < 0.6 ? 0 : share('slow-readers', 0.3),
      workFailure: share('work-errors', 0.12 * harsh),
      diskFailure: share('disk-errors', 0.1 * harsh),
      crashAtWrite: share('crashes-at-writes', 0.08 * harsh),
      storeFailure: share('store-errors', 0.15 * harsh),
      spuriousConflict: share('store-errors', 0.15 * harsh),
      staleReadMs: share('stale-reads', 3000),
      drift: share('clock-drift', 0.005),
      badRevision: share('bad-policy', 0.3),
      membersKnown: random() < 0.6,
      encoded: random() < 0.1,
    };
  }

  /** The first invariant that did not hold. */
  get violation(): Violation | undefined {
    return this.#violation;
  }

  /** An invariant does not hold: the run ends after this step. Never thrown through a machine, which might catch it. */
  fail(invariant: string, message: string): void {
    this.note('judge', () => `${invariant} BROKEN: ${message}`);
    this.#violation ??= new Violation(invariant, message);
  }

  /** A number in [0, 1) of the common stream. */
  random(): number {
    return this.#random();
  }

  /** True with probability `share` while faults are on. */
  strikes(share: number): boolean {
    return share > 0 && this.faults && this.#random() < share;
  }

  /** A whole number below `bound`. */
  below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  /** How long a message or a piece of work takes now. */
  delay(maxMs: number = this.profile.maxDelayMs): number {
    return 0.5 + this.#random() * (this.faults ? maxMs : Math.min(maxMs, 50));
  }

  /** Adds a line to the trace; `describe` runs only if one is kept. */
  note(who: string, describe: () => string): void {
    if (!this.#tracing) return;
    this.lines.push(`${(this.time.now / 1000).toFixed(3).padStart(9)} ${who.padEnd(8)} ${describe()}`);
    if (this.lines.length >= 2 * TRACE_MAX) this.lines.splice(0, TRACE_MAX);
  }
}
