import type { Gauge } from 'prom-client';
import type { OperatorLog } from '../observability/log.ts';

export interface ApiClockOptions {
  readonly now: () => number;
  readonly log: Pick<OperatorLog, 'info' | 'error'>;
  /** Seconds that the apiserver's clock is ahead of ours. */
  readonly offset?: Gauge;
}

/** From this on a difference is told and made up for: certificates and schedules bear less, the apiserver's dates are whole seconds. */
export const CLOCK_OFFSET_TOLERATED_MS = 30_000;
/** An answer that took longer says too little about the clock. */
const ROUND_TRIP_MAX_MS = 10_000;

/**
 * The time as the cluster has it. What the operator dates (certificates, ages of keys) others compare with their own clocks, so a
 * machine whose clock is wrong must not date it: as long as the difference to the apiserver is more than
 * {@link CLOCK_OFFSET_TOLERATED_MS}, `now` is the apiserver's.
 */
export class ApiClock {
  readonly #options: ApiClockOptions;
  #offsetMs = 0;
  #isOff = false;

  constructor(options: ApiClockOptions) {
    this.#options = options;
  }

  /** Milliseconds since the epoch. */
  readonly now = (): number => this.#options.now() + (this.#isOff ? this.#offsetMs : 0);

  /** What the `Date` of an answer says, and when it was asked for and heard by our clock. */
  readonly heard = (serverMs: number, askedMs: number, heardMs: number): void => {
    const { log, offset } = this.#options;
    // A clock that was set meanwhile says nothing.
    if (heardMs < askedMs || heardMs - askedMs > ROUND_TRIP_MAX_MS) return;
    // The date was cut to whole seconds.
    this.#offsetMs = serverMs + 500 - (askedMs + heardMs) / 2;
    offset?.set(Math.round(this.#offsetMs) / 1000);
    const isOff = Math.abs(this.#offsetMs) > CLOCK_OFFSET_TOLERATED_MS;
    if (isOff === this.#isOff) return;
    this.#isOff = isOff;
    const offsetSeconds = Math.round(this.#offsetMs / 1000);
    if (isOff) {
      log.error("the clock of this node differs from the API server's: set it, or its time service, right", {
        offsetSeconds,
      });
    } else log.info("the clock of this node agrees with the API server's again", { offsetSeconds });
  };
}
