import { Worker } from 'node:worker_threads';
import { codeOf, messageOf } from '@edict/protocol';
import { TESTS_TIMEOUT_MS } from '@edict/engine';
import type { CompileAnswer, CompileFailure, CompileRequest } from './compile-bundles.ts';
import type { TestAnswer, TestRequest } from './run-tests.ts';

/** Compile bounds: beyond them the revision is refused and the process lives on. */
export interface CompileLimits {
  /** Time for one revision. */
  readonly timeoutMs: number;
  /** Heap of the compiling thread; its memory comes on top of the process's own. */
  readonly maxHeapMb: number;
  /** Time for the tests of one revision. */
  readonly testsTimeoutMs: number;
  /** A thread without work is ended, and its memory given back, after this long. */
  readonly idleMs: number;
}

/** Bounds that hold unless others are given. */
export const COMPILE_LIMITS: CompileLimits = {
  timeoutMs: 30_000,
  maxHeapMb: 512,
  testsTimeoutMs: TESTS_TIMEOUT_MS,
  idleMs: 10_000,
};

/** What the thread may take longer than its tests may: to read them, and to notice that time is up. */
const TESTS_GRACE_MS = 5_000;

/** Compiles the bundles of one revision away from the serving thread. Never rejects: failures are answers. */
export type CompileSnapshot = (request: CompileRequest, signal: AbortSignal) => Promise<CompileAnswer>;

/** Runs the tests of one revision away from the serving thread. Never rejects: failures are answers. */
export type TestSnapshot = (request: Omit<TestRequest, 'timeoutMs'>, signal: AbortSignal) => Promise<TestAnswer>;

/** The worker beside this module: TypeScript when run from source, JavaScript when bundled. */
const workerUrl = new URL(
  import.meta.url.endsWith('.ts') ? './compile-worker.ts' : './compile-worker.js',
  import.meta.url,
);

/** Compiling makes much that is soon garbage: a small young heap keeps the thread at two thirds of the memory it would take. */
const YOUNG_HEAP_MB = 16;

const MAX_MESSAGE_LENGTH = 1_000;

/**
 * Compiles one revision after the other on a thread of its own, which has its own heap limit. The thread is kept for the
 * next revision, since a fresh one takes many times longer than an edit to compile, but only while it behaves: after a
 * time-out, a crash or work that was given up the next revision gets a new one.
 */
export class SnapshotCompiler {
  readonly #limits: CompileLimits;
  readonly #onThreadEnd: () => void;
  #worker: Worker | undefined;
  #settle: ((answer: CompileFailure) => void) | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  /** `onThreadEnd` is called whenever a thread has ended, and its memory is free. */
  constructor(limits: CompileLimits = COMPILE_LIMITS, onThreadEnd: () => void = () => undefined) {
    this.#limits = limits;
    this.#onThreadEnd = onThreadEnd;
  }

  /** True while there is a thread. */
  get hasThread(): boolean {
    return this.#worker !== undefined;
  }

  /** See {@link CompileSnapshot}. The time limit counts from when the revision's turn has come. */
  readonly compile: CompileSnapshot = (request, signal) => {
    const { timeoutMs } = this.#limits;
    const late = failure('Compile', 'CompileTimeout', `not compiled within ${timeoutMs} ms`);
    return this.#inTurn<CompileAnswer>(request, timeoutMs, late, signal);
  };

  /** See {@link TestSnapshot}. Tests that take too long here would do so anywhere. */
  readonly test: TestSnapshot = (request, signal) => {
    const { testsTimeoutMs: timeoutMs } = this.#limits;
    const late = {
      ...failure('Test', 'TestsTimeout', `the tests took longer than ${timeoutMs} ms`),
      deterministic: true,
    };
    OWN_FAILURES.add(late);
    return this.#inTurn<TestAnswer>({ ...request, timeoutMs }, timeoutMs + TESTS_GRACE_MS, late, signal);
  };

  /** Ends the thread; work under way is answered as cancelled. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#settle?.(CANCELLED);
    await this.#turn;
    await this.#endThread();
  }

  #inTurn<A>(
    request: CompileRequest | TestRequest,
    timeoutMs: number,
    late: CompileFailure,
    signal: AbortSignal,
  ): Promise<A | CompileFailure> {
    const answer = this.#turn.then(() => this.#ask<A>(request, timeoutMs, late, signal));
    this.#turn = answer;
    return answer;
  }

  async #ask<A>(
    request: CompileRequest | TestRequest,
    timeoutMs: number,
    late: CompileFailure,
    signal: AbortSignal,
  ): Promise<A | CompileFailure> {
    if (signal.aborted || this.#closed) return CANCELLED;
    clearTimeout(this.#idle);
    let worker: Worker;
    try {
      worker = this.#worker ??= this.#startThread();
      worker.ref();
    } catch (error) {
      return crash(error);
    }
    const { promise, resolve } = Promise.withResolvers<A | CompileFailure>();
    this.#settle = resolve;
    const onAbort = (): void => resolve(CANCELLED);
    signal.addEventListener('abort', onAbort);
    const timer = setTimeout(() => resolve(late), timeoutMs);
    worker.once('message', resolve);
    worker.postMessage(request);
    const answer = await promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    worker.off('message', resolve);
    this.#settle = undefined;
    if (isFromThread(answer)) {
      worker.unref();
      this.#idle = setTimeout(() => void this.#endThread(), this.#limits.idleMs).unref();
    } else {
      await this.#endThread();
    }
    return answer;
  }

  #startThread(): Worker {
    const worker = new Worker(workerUrl, {
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.maxHeapMb, maxYoungGenerationSizeMb: YOUNG_HEAP_MB },
    });
    const ended = (error: unknown): void => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#settle?.(crash(error));
    };
    worker.on('error', ended);
    worker.on('messageerror', (error) => this.#settle?.(crash(error)));
    worker.on('exit', (code) => ended(new Error(`its thread ended with code ${code} and no answer`)));
    return worker;
  }

  async #endThread(): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#worker = undefined;
    // Its end must not be taken for a crash under the next revision.
    worker?.removeAllListeners();
    worker?.on('error', () => undefined);
    await worker?.terminate();
    if (worker !== undefined) this.#onThreadEnd();
  }
}

/** Whether the thread itself answered, and so is ready for more. */
function isFromThread(answer: unknown): boolean {
  return !OWN_FAILURES.has(answer as CompileFailure);
}

const OWN_FAILURES = new WeakSet<CompileFailure>();

/** All of these may pass: the same revision is offered again. */
function failure(phase: CompileFailure['phase'], code: string, message: string): CompileFailure {
  const own: CompileFailure = { ok: false, phase, code, deterministic: false, detail: { message } };
  OWN_FAILURES.add(own);
  return own;
}

const CANCELLED = failure('Compile', 'Cancelled', 'nobody waits for this revision any more');

function crash(error: unknown): CompileFailure {
  const message = `the compiler stopped: ${messageOf(error)}`.slice(0, MAX_MESSAGE_LENGTH);
  return codeOf(error) === 'ERR_WORKER_OUT_OF_MEMORY'
    ? failure('Resources', 'OutOfMemory', message)
    : failure('Compile', 'CompilerCrashed', message);
}
