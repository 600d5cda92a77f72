import { parentPort } from 'node:worker_threads';
import type { CompiledSnapshot } from '@edict/engine';
import { compileBundles, type CompileRequest } from './compile-bundles.ts';

/** The last good content: what the next one has in common with it need not be compiled again. */
let earlier: CompiledSnapshot | undefined;

/** Thread entry: one answer for each request, so that a large policy never stalls a decision. */
parentPort?.on('message', (request: CompileRequest) => {
  const answer = compileBundles(request, earlier);
  if (answer.ok) earlier = answer.compiled;
  parentPort?.postMessage(answer);
});
