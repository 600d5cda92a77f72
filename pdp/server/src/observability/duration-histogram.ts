import type { Metric, Registry } from 'prom-client';

export interface DurationHistogramOptions<L extends string> {
  readonly name: string;
  readonly help: string;
  /** The one label that series differ in. */
  readonly label: L;
  /** Upper bounds of the buckets in seconds, rising. */
  readonly bounds: readonly number[];
  readonly registry: Registry;
}

/** A value as prom-client's registries print it, and add it up over processes. */
interface ExportedValue {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/**
 * A histogram for what happens with every decision. That of prom-client looks its series up by labels each time, which costs
 * more than all else that is measured; this one finds it once, and is the same to who reads metrics.
 */
export class DurationHistogram<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly labelNames: readonly [L];
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, DurationSeries>();

  constructor({ name, help, label, bounds, registry }: DurationHistogramOptions<L>) {
    this.name = name;
    this.help = help;
    this.labelNames = [label];
    this.#bounds = bounds;
    // A registry asks no more of a metric than its name and `get`; its type names the classes that prom-client has itself.
    registry.registerMetric(this as unknown as Metric);
  }

  /** The series of one label value; it is shown from its first observation on. */
  series(value: string): DurationSeries {
    let series = this.#series.get(value);
    if (series === undefined) this.#series.set(value, (series = new DurationSeries(this.#bounds)));
    return series;
  }

  /** For registries. */
  get(): Promise<{
    readonly name: string;
    readonly help: string;
    readonly type: 'histogram';
    readonly aggregator: 'sum';
    readonly values: readonly ExportedValue[];
  }> {
    const { name, help, type, aggregator } = this;
    const values = [...this.#series].flatMap(([value, series]) => this.#exported(value, series));
    return Promise.resolve({ name, help, type, aggregator, values });
  }

  #exported(value: string, { counts, sum }: DurationSeries): readonly ExportedValue[] {
    const total = counts.reduce((all, count) => all + count, 0);
    if (total === 0) return [];
    const own = { [this.labelNames[0]]: value };
    const metricName = `${this.name}_bucket`;
    let upToHere = 0;
    const buckets = this.#bounds.map((le, index): ExportedValue => {
      upToHere += counts[index] ?? 0;
      return { metricName, labels: { le, ...own }, value: upToHere };
    });
    return [
      ...buckets,
      { metricName, labels: { le: '+Inf', ...own }, value: total },
      { metricName: `${this.name}_sum`, labels: own, value: sum },
      { metricName: `${this.name}_count`, labels: own, value: total },
    ];
  }
}

/** Durations with one label value. */
export class DurationSeries {
  /** By bucket, not added up; the last holds what is beyond all bounds. */
  readonly counts: Float64Array;
  sum = 0;
  readonly #bounds: Float64Array;

  constructor(bounds: readonly number[]) {
    this.#bounds = Float64Array.from(bounds);
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** One duration. */
  observe(seconds: number): void {
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && seconds > (bounds[index] ?? Infinity)) index++;
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.sum += seconds;
  }
}
