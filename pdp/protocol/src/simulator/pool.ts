import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { SimulationOptions, SimulationResult } from './options.ts';

/** Many seeds with the same layout. */
export interface Campaign {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly layout: Omit<SimulationOptions, 'seed'>;
  /** Threads; absent: one per core. */
  readonly threads?: number;
  /** Called for each seed as it ends, in no order. */
  readonly onResult: (result: SimulationResult) => void;
}

/** Runs every seed of the campaign, each on whichever thread is free. Rejects if a thread dies. */
export async function runCampaign({ firstSeed, seeds, layout, onResult, threads }: Campaign): Promise<void> {
  const count = Math.min(seeds, threads ?? availableParallelism());
  let next = firstSeed;
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./seed-worker.ts', import.meta.url));
      const give = (): void => {
        if (next >= firstSeed + seeds) {
          resolve();
          void worker.terminate();
          return;
        }
        worker.postMessage({ ...layout, seed: next });
        next += 1;
      };
      worker.on('message', (result: SimulationResult) => {
        onResult(result);
        give();
      });
      worker.on('error', reject);
      give();
    });
  await Promise.all(Array.from({ length: count }, work));
}
