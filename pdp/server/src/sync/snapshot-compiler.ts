import { Worker } from 'node:worker_threads';
import type { CompileAnswer, CompileRequest } from './compile-bundles.ts';

/** Compile bounds: beyond them the revision is refused and the process lives on. */
export const COMPILE_TIMEOUT_MS = 30_000;
export const COMPILE_MAX_HEAP_MB = 512;

/** Compiles the bundles of one revision away from the serving thread. Never rejects: failures are answers. */
export type CompileSnapshot = (request: CompileRequest, signal: AbortSignal) => Promise<CompileAnswer>;

/** The worker beside this module: TypeScript when run from source, JavaScript when bundled. */
const workerUrl = new URL(
  import.meta.url.endsWith('.ts') ? './compile-worker.ts' : './compile-worker.js',
  import.meta.url,
);

/** A compiler that starts a thread per revision: revisions are rare, and a thread of its own has its own heap limit. */
export function createSnapshotCompiler(timeoutMs = COMPILE_TIMEOUT_MS): CompileSnapshot {
  return async (request, signal) => {
    const worker = new Worker(workerUrl, { resourceLimits: { maxOldGenerationSizeMb: COMPILE_MAX_HEAP_MB } });
    try {
      return await answerOf(worker, request, signal, timeoutMs);
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
    const refuse = (code: string, message: string, deterministic: boolean) =>
      resolve({ ok: false, phase: 'Compile', code, deterministic, detail: { message } });
    const timer = setTimeout(() => refuse('CompileTimeout', `not compiled within ${timeoutMs} ms`, false), timeoutMs);
    const onAbort = () => refuse('Cancelled', 'a newer revision took its place', false);
    signal.addEventListener('abort', onAbort, { once: true });
    const settle = (answer: CompileAnswer) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(answer);
    };
    worker.once('message', settle);
    worker.once('error', (error: unknown) => {
      const code = error !== null && typeof error === 'object' && 'code' in error ? String(error.code) : 'Crashed';
      const memory = code === 'ERR_WORKER_OUT_OF_MEMORY';
      settle({
        ok: false,
        phase: memory ? 'Resources' : 'Compile',
        code: memory ? 'OutOfMemory' : 'CompilerCrashed',
        deterministic: false,
        detail: { message: `the compiler stopped: ${String(error)}`.slice(0, 1000) },
      });
    });
    worker.postMessage(request);
  });
}
