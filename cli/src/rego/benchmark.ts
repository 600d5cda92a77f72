/** What a benchmark needs of the machine. */
export interface BenchmarkMachine {
  /** Nanoseconds since whenever: never goes back. */
  readonly nowNs: () => bigint;
  /** Bytes allocated since the start of the process. */
  readonly allocatedBytes: () => number;
}

/** What a benchmark measured. Times are in nanoseconds. */
export interface BenchmarkResult {
  /** How many evaluations were measured. */
  readonly samples: number;
  readonly totalNs: number;
  readonly nsPerOp: number;
  readonly bytesPerOp: number;
  readonly timing: Timing;
}

/** How long single evaluations took, the clock's own time included. */
export interface Timing {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly median: number;
  readonly stddev: number;
  readonly max: number;
  /** By percent. */
  readonly percentiles: readonly (readonly [percent: number, ns: number])[];
}

const PERCENTS = [75, 90, 95, 99, 99.9, 99.99] as const;
/** Share of the time that goes into warming up, and into timing evaluations one by one. */
const WARM_UP_SHARE = 0.3;
const SINGLE_SHARE = 0.3;
/** Most evaluations that are timed one by one. */
const MAX_SINGLE = 200_000;
/** The clock is asked once for so many nanoseconds of evaluations. */
const BATCH_NS = 200_000;

/** Runs `evaluate` for about `durationMs`: first to warm up, then one by one, then in batches for the mean. */
export function benchmark(evaluate: () => void, durationMs: number, machine: BenchmarkMachine): BenchmarkResult {
  const budgetNs = durationMs * 1e6;
  const singleNs = warmUp(evaluate, budgetNs * WARM_UP_SHARE, machine);
  const timing = timeSingly(evaluate, budgetNs * SINGLE_SHARE, machine);
  const batch = Math.max(1, Math.min(100_000, Math.round(BATCH_NS / Math.max(1, singleNs))));
  const deadline = budgetNs * (1 - WARM_UP_SHARE - SINGLE_SHARE);
  const allocated = machine.allocatedBytes();
  const start = machine.nowNs();
  let samples = 0;
  let totalNs: number;
  do {
    for (let i = 0; i < batch; i++) evaluate();
    samples += batch;
    totalNs = Number(machine.nowNs() - start);
  } while (totalNs < deadline);
  return {
    samples,
    totalNs,
    nsPerOp: totalNs / samples,
    bytesPerOp: Math.max(0, (machine.allocatedBytes() - allocated) / samples),
    timing,
  };
}

/** Gives the mean of one evaluation. */
function warmUp(evaluate: () => void, budgetNs: number, { nowNs }: BenchmarkMachine): number {
  const start = nowNs();
  let runs = 0;
  for (;;) {
    evaluate();
    runs++;
    const spent = Number(nowNs() - start);
    if (spent >= budgetNs) return spent / runs;
  }
}

function timeSingly(evaluate: () => void, budgetNs: number, { nowNs }: BenchmarkMachine): Timing {
  const times: number[] = [];
  const begin = nowNs();
  let end = begin;
  do {
    const start = nowNs();
    evaluate();
    end = nowNs();
    times.push(Number(end - start));
  } while (Number(end - begin) < budgetNs && times.length < MAX_SINGLE);
  return timingOf(times);
}

/** Sums times up; there must be one. */
export function timingOf(times: readonly number[]): Timing {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (percent: number): number => {
    // 99.9 % of 1,000 is 999, not what doubles make of it.
    const rank = Math.ceil(Math.round(percent * sorted.length * 100) / 10_000);
    return sorted[Math.max(0, rank - 1)] ?? 0;
  };
  const mean = sorted.reduce((sum, time) => sum + time, 0) / sorted.length;
  const variance = sorted.reduce((sum, time) => sum + (time - mean) ** 2, 0) / sorted.length;
  return {
    count: sorted.length,
    min: sorted[0] ?? 0,
    mean,
    median: at(50),
    stddev: Math.sqrt(variance),
    max: sorted.at(-1) ?? 0,
    percentiles: PERCENTS.map((percent) => [percent, at(percent)]),
  };
}

/** Names and numbers of a result, as OPA's benchmarks call them. */
export function benchmarkMetrics(
  { samples, nsPerOp, bytesPerOp, timing }: BenchmarkResult,
  withMemory: boolean,
  withTiming: boolean,
): readonly (readonly [name: string, value: number])[] {
  const histogram = 'histogram_timer_rego_query_eval_ns';
  return [
    ['samples', samples],
    ['ns/op', Math.round(nsPerOp)],
    ...(withMemory ? [['B/op', Math.round(bytesPerOp)] as const] : []),
    ...(withTiming
      ? [
          ...timing.percentiles.map(([percent, ns]) => [`${histogram}_${percent}%`, ns] as const),
          [`${histogram}_count`, timing.count] as const,
          [`${histogram}_max`, timing.max] as const,
          [`${histogram}_mean`, Math.round(timing.mean)] as const,
          [`${histogram}_median`, timing.median] as const,
          [`${histogram}_min`, timing.min] as const,
          [`${histogram}_stddev`, Math.round(timing.stddev)] as const,
        ]
      : []),
  ];
}
