import { Worker } from 'node:worker_threads';
import { codeOf, messageOf } from '@edict/protocol';
import type { CompileAnswer, CompileFailure, CompileRequest } from './compile-bundles.ts';

/** Compile bounds: beyond them the revision is refused and the process lives on. */
export interface CompileLimits {
  /** Time for one revision. */
  readonly timeoutMs: number;
  /** Heap of the compiling thread; its memory comes on top of the process's own. */
  readonly maxHeapMb: number;
}

/** Bounds that hold unless others are given. */
export const COMPILE_LIMITS: CompileLimits = { timeoutMs: 30_000, maxHeapMb: 512 };

/** Compiles the bundles of one revision away from the serving thread. Never rejects: failures are answers. */
export type CompileSnapshot = (request: CompileRequest, signal: AbortSignal) => Promise<CompileAnswer>;

/** The worker beside this module: TypeScript when run from source, JavaScript when bundled. */
const workerUrl = new URL(
  import.meta.url.endsWith('.ts') ? './compile-worker.ts' : './compile-worker.js',
  import.meta.url,
);

const MAX_MESSAGE_LENGTH = 1_000;

/** A compiler that starts a thread per revision: revisions are rare, and a thread of its own has its own heap limit. */
export function createSnapshotCompiler(limits: CompileLimits = COMPILE_LIMITS): CompileSnapshot {
  return async (request, signal) => {
    let worker: Worker;
    try {
      worker = new Worker(workerUrl, { resourceLimits: { maxOldGenerationSizeMb: limits.maxHeapMb } });
    } catch (error) {
      return crash(error);
    }
    try {
      return await answerOf(worker, request, signal, limits.timeoutMs);
    } finally {
      await worker.terminate();
    }
  };
}

function answerOf(
  worker: Worker,
  request: CompileRequest,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<CompileAnswer> {
  return new Promise((resolve) => {
    const settle = (answer: CompileAnswer): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(answer);
    };
    const onAbort = (): void => settle(failure('Compile', 'Cancelled', 'a newer revision took its place'));
    const timer = setTimeout(() => {
      settle(failure('Compile', 'CompileTimeout', `not compiled within ${timeoutMs} ms`));
    }, timeoutMs);
    signal.addEventListener('abort', onAbort);
    worker.once('message', settle);
    worker.once('messageerror', (error: unknown) => settle(crash(error)));
    worker.once('error', (error: unknown) => settle(crash(error)));
    worker.once('exit', (code) => settle(crash(new Error(`its thread ended with code ${code} and no answer`))));
    if (signal.aborted) onAbort();
    else worker.postMessage(request);
  });
}

/** All of these may pass: the same revision is offered again. */
function failure(phase: CompileFailure['phase'], code: string, message: string): CompileFailure {
  return { ok: false, phase, code, deterministic: false, detail: { message } };
}

function crash(error: unknown): CompileFailure {
  const message = `the compiler stopped: ${messageOf(error)}`.slice(0, MAX_MESSAGE_LENGTH);
  return codeOf(error) === 'ERR_WORKER_OUT_OF_MEMORY'
    ? failure('Resources', 'OutOfMemory', message)
    : failure('Compile', 'CompilerCrashed', message);
}
