import type { Load } from '@edict/protocol';
import type { LoadMeter } from './load-meter.ts';

const NOTHING = { decisions: 0, denied: 0, errors: 0, unlogged: 0, p99Micros: 0 } as const;

/**
 * Makes what each Beat tells add up, whatever period the operator asks for: the load is measured more often than Beats are
 * sent, and what was measured since the last Beat is summed until the next one has gone out.
 */
export class BeatLoad {
  readonly #meter: Pick<LoadMeter, 'take'>;
  #sinceBeat: Omit<Load, 'rssBytes'> = NOTHING;

  constructor(meter: Pick<LoadMeter, 'take'>) {
    this.#meter = meter;
  }

  /** Everything since the last Beat, and the memory now. p99 is the highest of the periods measured. */
  measure(): Load {
    const taken = this.#meter.take();
    const before = this.#sinceBeat;
    const load = {
      decisions: before.decisions + taken.decisions,
      denied: before.denied + taken.denied,
      errors: before.errors + taken.errors,
      unlogged: before.unlogged + taken.unlogged,
      p99Micros: Math.max(before.p99Micros, taken.p99Micros),
      rssBytes: taken.rssBytes,
    };
    this.#sinceBeat = load;
    return load;
  }

  /** A Beat with the last measure has been sent. */
  sent(): void {
    this.#sinceBeat = NOTHING;
  }
}
