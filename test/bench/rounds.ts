/** Something whose speed is measured: `run(n)` does the work for `n` inputs, taken in turn. */
export interface Contender {
  readonly name: string;
  readonly run: (count: number) => void;
}

/** How long and how often contenders run. */
export interface RoundOptions {
  readonly rounds: number;
  /** Wall time that one batch of one contender should take. */
  readonly batchMs: number;
}

/** Best time of each contender in nanoseconds per input. Contenders take turns, so that all see the same machine. */
export function measureInRounds(
  contenders: readonly Contender[],
  { rounds, batchMs }: RoundOptions,
): ReadonlyMap<string, number> {
  const counts = contenders.map((contender) => calibrate(contender, batchMs));
  const best = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    contenders.forEach(({ name, run }, index) => {
      const count = counts[index] ?? 1;
      const ns = timeNs(run, count) / count;
      best.set(name, Math.min(best.get(name) ?? Infinity, ns));
    });
  }
  return best;
}

/** How many inputs fill a batch; runs the contender long enough for the JIT to see it. */
function calibrate({ run }: Contender, batchMs: number): number {
  let count = 1;
  for (;;) {
    const ms = timeNs(run, count) / 1e6;
    if (ms >= batchMs) break;
    count = Math.max(count * 2, Math.floor((count * batchMs) / Math.max(ms, 0.001) / 2));
  }
  const ms = timeNs(run, count) / 1e6;
  return Math.max(1, Math.round((count * batchMs) / ms));
}

function timeNs(run: (count: number) => void, count: number): number {
  const start = process.hrtime.bigint();
  run(count);
  return Number(process.hrtime.bigint() - start);
}
