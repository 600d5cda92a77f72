import { Counter, type CounterConfiguration } from 'prom-client';

/** A count with one set of label values. */
export class CounterSeries {
  /** What was counted since the counter was last read. */
  pending = 0;

  /** Counts one more, or `by` more, which is not negative. */
  inc(by = 1): void {
    this.pending += by;
  }
}

/** A series, by the values of its labels in the order of the counter's label names. */
interface NamedSeries {
  readonly values: readonly string[];
  readonly counted: CounterSeries;
}

/**
 * A counter for what happens with every decision. That of prom-client looks its series up by labels each time, also those that
 * `labels` gives; of this one a series is found once and then only counts, and what it counted is added when metrics are read.
 */
export class SeriesCounter<L extends string> extends Counter<L> {
  readonly #labelNames: readonly L[];
  readonly #series = new Map<string, NamedSeries>();

  constructor(configuration: Omit<CounterConfiguration<L>, 'labelNames' | 'collect'> & { labelNames: readonly L[] }) {
    super({ ...configuration, labelNames: [...configuration.labelNames], collect: () => this.#collect() });
    this.#labelNames = configuration.labelNames;
  }

  /** The series of these label values, in the order of the label names; it is shown from now on, which makes its first count a rise. */
  series(...values: readonly string[]): CounterSeries {
    const key = JSON.stringify(values);
    let series = this.#series.get(key);
    if (series === undefined) this.#series.set(key, (series = { values, counted: new CounterSeries() }));
    return series.counted;
  }

  /** Shows no series any more that has this value of a label. Whoever still has one counts for nobody. */
  forget(label: L, value: string): void {
    const index = this.#labelNames.indexOf(label);
    for (const [key, { values }] of this.#series) {
      if (values[index] !== value) continue;
      this.#series.delete(key);
      this.remove(...values);
    }
  }

  #collect(): void {
    for (const { values, counted } of this.#series.values()) {
      this.labels(...values).inc(counted.pending);
      counted.pending = 0;
    }
  }
}
