import { parentPort } from 'node:worker_threads';
import { compileBundles, type CompileRequest } from './compile-bundles.ts';

/** Thread entry: one request, one answer, so that a large policy never stalls a decision. */
parentPort?.on('message', (request: CompileRequest) => {
  parentPort?.postMessage(compileBundles(request));
});
