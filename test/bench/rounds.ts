/** Something whose speed is measured. */
export interface Contender {
  readonly name: string;
  /** Nanoseconds that `count` inputs take, taken in turn. A contender in another process times itself. */
  readonly timeNs: (count: number) => number | Promise<number>;
}

/** How long and how often contenders run. */
export interface RoundOptions {
  readonly rounds: number;
  /** Wall time that one batch of one contender should take. */
  readonly batchMs: number;
}

/** Best time of each contender in nanoseconds per input. Contenders take turns, so that all see the same machine. */
export async function measureInRounds(
  contenders: readonly Contender[],
  { rounds, batchMs }: RoundOptions,
): Promise<ReadonlyMap<string, number>> {
  const counts: number[] = [];
  for (const contender of contenders) counts.push(await calibrate(contender, batchMs));
  const best = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    for (const [index, { name, timeNs }] of contenders.entries()) {
      const count = counts[index] ?? 1;
      const ns = (await timeNs(count)) / count;
      best.set(name, Math.min(best.get(name) ?? Infinity, ns));
    }
  }
  return best;
}

/** Times `run` by the clock of this process. */
export function timing(run: (count: number) => void): (count: number) => number {
  return (count) => {
    const start = process.hrtime.bigint();
    run(count);
    return Number(process.hrtime.bigint() - start);
  };
}

/** How many inputs fill a batch; runs the contender long enough for the JIT to see it. */
async function calibrate({ timeNs }: Contender, batchMs: number): Promise<number> {
  let count = 1;
  for (;;) {
    const ms = (await timeNs(count)) / 1e6;
    if (ms >= batchMs) break;
    count = Math.max(count * 2, Math.floor((count * batchMs) / Math.max(ms, 0.001) / 2));
  }
  const ms = (await timeNs(count)) / 1e6;
  return Math.max(1, Math.round((count * batchMs) / ms));
}
