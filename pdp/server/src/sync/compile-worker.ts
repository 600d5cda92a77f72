import { getPriority, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { CompiledSnapshot } from '@edict/engine';
import { compileBundles, type CompileAnswer, type CompileRequest } from './compile-bundles.ts';
import { runTests, type TestAnswer, type TestRequest } from './run-tests.ts';

/**
 * Where cores are short, decisions go before compiling: about three times as much of a core, so that a revision is still
 * prepared in time.
 */
const NICENESS = 5;

// Without a process id it is about this thread on Linux, and only there: elsewhere decisions would be made slower with it.
if (process.platform === 'linux' && getPriority() < NICENESS) setPriority(NICENESS);

/** The last good content: what the next one has in common with it need not be compiled again. */
let earlier: CompiledSnapshot | undefined;
/** The name of that, and what it was compiled from. */
let earlierName: string | undefined;
let earlierBundles: CompileRequest['bundles'] = [];

/** Thread entry: one answer for each request, so that a large policy never stalls a decision. */
parentPort?.on('message', (request: CompileRequest | TestRequest) => {
  parentPort?.postMessage('suites' in request ? test(request) : compile(request));
});

function compile(request: CompileRequest): CompileAnswer {
  const answer = compileBundles(request, earlier);
  if (answer.ok) {
    earlier = answer.compiled;
    earlierName = request.name;
    earlierBundles = request.bundles;
  }
  return answer;
}

function test(request: TestRequest): TestAnswer {
  if (request.compiled !== undefined) return runTests(request, request.compiled, request.bundles ?? []);
  if (request.name !== earlierName || earlier === undefined) return { ok: 'unknown' };
  return runTests(request, earlier, earlierBundles);
}
