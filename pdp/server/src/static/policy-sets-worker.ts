import { parentPort, workerData } from 'node:worker_threads';
import { policySetsOf } from './policy-sets.ts';
import type { PolicyFile } from './policy-folder.ts';

/** What the thread is started with. */
export interface PolicySetsRequest {
  readonly files: readonly PolicyFile[];
  readonly unsafeBuiltins: readonly string[];
}

// Thread entry: checking compiles every policy, which must not stall decisions.
const { files, unsafeBuiltins } = workerData as PolicySetsRequest;
parentPort?.postMessage(policySetsOf(files, unsafeBuiltins));
