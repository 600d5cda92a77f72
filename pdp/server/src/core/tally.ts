import type { ProblemName } from '../http/reply.ts';
import type { LoadMeter } from '../observability/load-meter.ts';
import type { PdpMetrics } from '../observability/metrics.ts';
import type { CounterSeries } from '../observability/series-counter.ts';
import type { ApiName } from './session.ts';

/** The metrics that decisions and their refusals are counted in. */
export type TallyMetrics = Pick<PdpMetrics, 'decisions' | 'decisionSeconds' | 'invalid' | 'refused'>;

/** Counts for one API what became of its requests. */
export class Tally {
  readonly #api: ApiName;
  readonly #metrics: TallyMetrics;
  readonly #meter: Pick<LoadMeter, 'decided' | 'refused'>;
  // Looked up once: a label look-up costs more than a count.
  readonly #permits: CounterSeries;
  readonly #denies: CounterSeries;
  readonly #answers: CounterSeries;
  readonly #invalid: CounterSeries;
  readonly #seconds: { readonly observe: (seconds: number) => void };

  constructor(api: ApiName, metrics: TallyMetrics, meter: Pick<LoadMeter, 'decided' | 'refused'>) {
    this.#api = api;
    this.#metrics = metrics;
    this.#meter = meter;
    this.#permits = metrics.decisions.series(api, 'permit');
    this.#denies = metrics.decisions.series(api, 'deny');
    this.#answers = metrics.decisions.series(api, 'answer');
    this.#invalid = metrics.invalid.series(api);
    this.#seconds = metrics.decisionSeconds.series(api);
  }

  /** One decision and how long it took; `allow` is undefined for a document that is no decision. */
  decided(allow: boolean | undefined, ns: number): void {
    (allow === undefined ? this.#answers : allow ? this.#permits : this.#denies).inc();
    this.#seconds.observe(ns / 1e9);
    this.#meter.decided(allow !== false, ns);
  }

  /** One request that got a problem in place of a decision. */
  refused(problem: ProblemName): void {
    this.#metrics.refused.inc({ api: this.#api, problem });
    this.#meter.refused();
  }

  /** One request that was wrong. */
  invalid(): void {
    this.#invalid.inc();
  }
}
