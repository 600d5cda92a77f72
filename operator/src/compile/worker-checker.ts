import { Worker } from 'node:worker_threads';
import type { Clock } from '../clock.ts';
import { CheckError, type DomainChecker } from './domain-checker.ts';
import type { WorkerReply, WorkerRequest, WorkerSettings } from './worker-messages.ts';

/** Compiling makes much that is soon garbage: a small young heap keeps the thread at two thirds of the memory it would take. */
const YOUNG_HEAP_MB = 16;

export interface WorkerCheckerOptions {
  readonly clock: Clock;
  /** Longest check; then the thread is ended and begun anew. Default 30 s. */
  readonly timeoutMs?: number;
  /** Checks that may wait. Default 1024. */
  readonly maxWaiting?: number;
  /** Largest heap of the thread, MiB. Default 512. */
  readonly maxHeapMb?: number;
  /** Built-ins that policies may not call. Default: those that reach the network. */
  readonly unsafeBuiltins?: readonly string[] | undefined;
  /** The thread's entry; differs where the program is bundled into one file. */
  readonly workerUrl?: URL;
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type Question = DistributiveOmit<WorkerRequest, 'id'>;

interface Job {
  readonly question: Question;
  readonly resolve: (reply: WorkerReply) => void;
  readonly reject: (error: CheckError) => void;
}

/**
 * A checker in one worker thread, started on first use, begun anew when a check exhausts its time or its memory: a domain
 * that does so fails alone.
 */
export function createWorkerChecker(options: WorkerCheckerOptions): DomainChecker {
  const thread = new CheckThread(options);
  return {
    checkDomain: async (subject, context) => {
      const reply = await thread.ask({ type: 'domain', subject, context });
      if (reply.type === 'domain') return reply.verdict;
      throw unexpected(reply);
    },
    checkCombination: async (bundles, changed, documents) => {
      const reply = await thread.ask({ type: 'combination', bundles, changed, documents });
      if (reply.type === 'combination') return reply.problems;
      throw unexpected(reply);
    },
    runTests: async (domains, suites, documents, timeoutMs) => {
      const reply = await thread.ask({ type: 'tests', domains, suites, documents, timeoutMs });
      if (reply.type === 'tests') return reply.outcome;
      throw unexpected(reply);
    },
    close: () => thread.close(),
  };
}

function unexpected(reply: WorkerReply): CheckError {
  return new CheckError('Crashed', reply.type === 'failed' ? reply.message : `unexpected answer ${reply.type}`);
}

class CheckThread {
  readonly #options: WorkerCheckerOptions;
  readonly #waiting: Job[] = [];
  #current: { readonly id: number; readonly job: Job; readonly cancelTimer: () => void } | undefined;
  #worker: Worker | undefined;
  #nextId = 1;
  #isClosed = false;

  constructor(options: WorkerCheckerOptions) {
    this.#options = options;
  }

  ask(question: Question): Promise<WorkerReply> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(new CheckError('Closed', 'the checker is closed'));
      } else if (this.#waiting.length >= (this.#options.maxWaiting ?? 1024)) {
        reject(new CheckError('Busy', `${this.#waiting.length} checks wait already`));
      } else {
        this.#waiting.push({ question, resolve, reject });
        this.#next();
      }
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = new CheckError('Closed', 'the checker is closed');
    for (const job of this.#waiting.splice(0)) job.reject(closed);
    this.#finish()?.reject(closed);
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #next(): void {
    if (this.#current !== undefined) return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    const id = this.#nextId;
    this.#nextId += 1;
    const timeoutMs = this.#options.timeoutMs ?? 30_000;
    const cancelTimer = this.#options.clock.schedule(timeoutMs, () => {
      this.#abandon(new CheckError('Timeout', `the check took longer than ${timeoutMs} ms`));
    });
    this.#current = { id, job, cancelTimer };
    this.#worker ??= this.#start();
    const request: WorkerRequest = { id, ...job.question };
    this.#worker.postMessage(request);
  }

  #start(): Worker {
    const worker = new Worker(this.#options.workerUrl ?? new URL('./check-worker.ts', import.meta.url), {
      workerData: { unsafeBuiltins: this.#options.unsafeBuiltins } satisfies WorkerSettings,
      resourceLimits: {
        maxOldGenerationSizeMb: this.#options.maxHeapMb ?? 512,
        maxYoungGenerationSizeMb: YOUNG_HEAP_MB,
      },
    });
    worker.unref();
    worker.on('message', (reply: WorkerReply) => {
      if (worker !== this.#worker || this.#current?.id !== reply.id) return;
      this.#finish()?.resolve(reply);
      this.#next();
    });
    worker.on('error', (cause: unknown) => {
      const text = cause instanceof Error ? cause.message : String(cause);
      if (worker === this.#worker) this.#abandon(new CheckError('Crashed', `the check failed: ${text}`, { cause }));
    });
    worker.on('exit', (code) => {
      if (worker === this.#worker) this.#abandon(new CheckError('Crashed', `the thread ended with code ${code}`));
    });
    return worker;
  }

  /** Gives up the check under way and the thread with it. */
  #abandon(error: CheckError): void {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#finish()?.reject(error);
    // It may be in the middle of a computation; what it still answers is not listened to.
    worker?.terminate().catch(() => undefined);
    this.#next();
  }

  #finish(): Job | undefined {
    const current = this.#current;
    this.#current = undefined;
    current?.cancelTimer();
    return current?.job;
  }
}
