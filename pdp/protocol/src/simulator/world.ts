import { createRandom } from '../random.ts';
import { VirtualTime } from './virtual-time.ts';

/** A deliberate fault in the protocol, to show that the invariants notice. */
export type BrokenVariant = 'activate-on-prepare' | 'commit-without-acks' | 'serve-staged-from-disk';

/** How a run is laid out. All of it follows from the seed unless given. */
export interface SimulationOptions {
  readonly seed: number;
  readonly pdps?: number;
  /** Virtual time with faults. */
  readonly chaosMs?: number;
  readonly variant?: BrokenVariant;
}

/** How hostile the world of one run is. Shares are probabilities. */
export interface FaultProfile {
  readonly loss: number;
  readonly duplication: number;
  /** False: messages of one stream keep their order, as TCP has it. */
  readonly reorder: boolean;
  readonly maxDelayMs: number;
  readonly transientFailure: number;
  readonly persistFailure: number;
  readonly crashAtWrite: number;
  readonly storeFailure: number;
  readonly spuriousConflict: number;
  readonly badRevision: number;
  readonly membersKnown: boolean;
}

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
  readonly random: () => number;
  readonly profile: FaultProfile;
  readonly variant: BrokenVariant | undefined;
  readonly lines: string[] = [];
  readonly #tracing: boolean;
  /** False in the last part of a run, in which everything must come right. */
  faults = true;

  constructor(options: SimulationOptions, tracing: boolean) {
    this.random = createRandom(options.seed);
    this.variant = options.variant;
    this.#tracing = tracing;
    const harsh = this.random();
    this.profile = {
      loss: this.random() < 0.5 ? 0 : 0.15 * harsh,
      duplication: this.random() < 0.5 ? 0 : 0.15 * harsh,
      reorder: this.random() < 0.5,
      maxDelayMs: 5 + this.random() * (harsh > 0.7 ? 3000 : 200),
      transientFailure: 0.15 * harsh,
      persistFailure: 0.1 * harsh,
      crashAtWrite: 0.08 * harsh,
      storeFailure: 0.15 * harsh,
      spuriousConflict: 0.15 * harsh,
      badRevision: 0.25,
      membersKnown: this.random() < 0.6,
    };
  }

  /** True with probability `share` while faults are on. */
  strikes(share: number): boolean {
    // The number is drawn in any case, so that a run's chances do not shift when faults end.
    return this.random() < share && this.faults;
  }

  /** A whole number below `bound`. */
  below(bound: number): number {
    return Math.floor(this.random() * bound);
  }

  /** How long a message or a piece of work takes now. */
  delay(maxMs: number = this.profile.maxDelayMs): number {
    return 0.5 + this.random() * (this.faults ? maxMs : Math.min(maxMs, 50));
  }

  /** Adds a line to the trace; `describe` runs only if one is kept. */
  note(who: string, describe: () => string): void {
    if (this.#tracing)
      this.lines.push(`${(this.time.now / 1000).toFixed(3).padStart(9)} ${who.padEnd(8)} ${describe()}`);
  }
}
