import { getPriority, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { CompiledSnapshot } from '@edict/engine';
import { compileBundles, type CompileRequest } from './compile-bundles.ts';

/**
 * Where cores are short, decisions go before compiling: about three times as much of a core, so that a revision is still
 * prepared in time.
 */
const NICENESS = 5;

// Without a process id it is about this thread on Linux, and only there: elsewhere decisions would be made slower with it.
if (process.platform === 'linux' && getPriority() < NICENESS) setPriority(NICENESS);

/** The last good content: what the next one has in common with it need not be compiled again. */
let earlier: CompiledSnapshot | undefined;

/** Thread entry: one answer for each request, so that a large policy never stalls a decision. */
parentPort?.on('message', (request: CompileRequest) => {
  const answer = compileBundles(request, earlier);
  if (answer.ok) earlier = answer.compiled;
  parentPort?.postMessage(answer);
});
