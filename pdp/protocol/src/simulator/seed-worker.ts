import { parentPort } from 'node:worker_threads';
import type { SimulationOptions } from './options.ts';
import { simulate } from './run.ts';

/** A thread of the pool: takes options, answers with the result. Whatever a run throws ends the thread with that error. */
parentPort?.on('message', (options: SimulationOptions) => {
  void simulate(options).then((result) => {
    parentPort?.postMessage(result);
  });
});
