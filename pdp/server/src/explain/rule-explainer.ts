import { Worker } from 'node:worker_threads';
import { messageOf, type Clock } from '@edict/protocol';
import type { BundleFiles, PolicyRules, RulesFound, RulesQuestion } from './explain-policies.ts';

/** The rules behind a decision, for each policy in the order of the question; or why they cannot be told. */
export type RulesAnswer =
  | { readonly kind: 'found'; readonly policies: readonly PolicyRules[] }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Finds the rules behind a decision. Never rejects. */
export type FindRules = (question: RulesQuestion) => Promise<RulesAnswer>;

/** Bounds of explanations: they cost decisions nothing but what other threads of the machine take. */
export interface ExplainLimits {
  /** Time for one question from when its turn has come, reading and compiling included. */
  readonly timeoutMs: number;
  /** Questions that may wait for their turn. */
  readonly maxWaiting: number;
  /** Heap of the thread. */
  readonly maxHeapMb: number;
  /** A thread without work is ended, and its memory given back, after this long. */
  readonly idleMs: number;
}

/** Bounds that hold unless others are given. */
export const EXPLAIN_LIMITS: ExplainLimits = { timeoutMs: 5_000, maxWaiting: 16, maxHeapMb: 256, idleMs: 30_000 };

export interface RuleExplainerOptions {
  /** The bundles of a revision by the digest of its manifest. Rejects where they are not there. */
  readonly bundlesOf: (digest: string) => Promise<BundleFiles>;
  readonly limits?: ExplainLimits | undefined;
  readonly timers: Pick<Clock, 'schedule'>;
}

/**
 * Evaluates policies once more on a thread of its own, which is there only while it is asked: one question after the other,
 * and not for ever.
 */
export class RuleExplainer {
  readonly #options: RuleExplainerOptions;
  readonly #limits: ExplainLimits;
  #worker: Worker | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #cancelIdle: (() => void) | undefined;
  /** Answers the question that has its turn. */
  #giveUp: ((reason: string) => void) | undefined;
  #closed = false;

  constructor(options: RuleExplainerOptions) {
    this.#options = options;
    this.#limits = options.limits ?? EXPLAIN_LIMITS;
  }

  /** True while there is a thread. */
  get hasThread(): boolean {
    return this.#worker !== undefined;
  }

  /** See {@link FindRules}. */
  readonly find: FindRules = (question) => {
    if (this.#waiting >= this.#limits.maxWaiting)
      return Promise.resolve(unavailable('too many explanations are asked for at once'));
    this.#waiting++;
    const answer = this.#turn.then(async () => {
      this.#waiting--;
      return await this.#findNow(question);
    });
    this.#turn = answer;
    return answer;
  };

  /** Ends the thread; who waits is told so. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#giveUp?.('the process is shutting down');
    await this.#turn;
    await this.#endThread();
  }

  async #findNow(question: RulesQuestion): Promise<RulesAnswer> {
    if (this.#closed) return unavailable('the process is shutting down');
    this.#cancelIdle?.();
    const { promise: givenUp, resolve } = Promise.withResolvers<RulesAnswer>();
    const over = new AbortController();
    this.#giveUp = (reason) => resolve(unavailable(reason));
    const { timeoutMs, idleMs } = this.#limits;
    const { schedule } = this.#options.timers;
    const cancel = schedule(timeoutMs, () => this.#giveUp?.(`not explained within ${timeoutMs} ms`));
    const asked = this.#askThread(question, over.signal).catch((error: unknown) => unavailable(messageOf(error)));
    const answer = await Promise.race([asked, givenUp]);
    over.abort();
    cancel();
    this.#giveUp = undefined;
    // A thread that has not answered may never: the next question gets a new one.
    if (answer.kind === 'unavailable') await this.#endThread();
    else this.#cancelIdle = schedule(idleMs, () => void this.#endThread());
    return answer;
  }

  async #askThread(question: RulesQuestion, over: AbortSignal): Promise<RulesAnswer> {
    const first = await this.#exchange({ question });
    if (first.kind === 'found') return first;
    const bundles = await this.#options.bundlesOf(question.digest);
    if (over.aborted) return unavailable('nobody waits for it any more');
    const second = await this.#exchange({ question, bundles });
    return second.kind === 'found' ? second : unavailable('the revision has no bundles');
  }

  /** Does not settle if the thread ends. */
  async #exchange(message: { readonly question: RulesQuestion; readonly bundles?: BundleFiles }): Promise<RulesFound> {
    const worker = (this.#worker ??= this.#startThread());
    worker.ref();
    return await new Promise<RulesFound>((resolve) => {
      worker.once('message', (found: RulesFound) => {
        worker.unref();
        resolve(found);
      });
      worker.postMessage(message);
    });
  }

  #startThread(): Worker {
    const { maxHeapMb } = this.#limits;
    const worker = new Worker(new URL('./explain-worker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    });
    const ended = (error: unknown): void => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#giveUp?.(`explaining stopped: ${messageOf(error)}`);
    };
    worker.on('error', ended);
    worker.on('messageerror', ended);
    worker.on('exit', (code) => ended(new Error(`its thread ended with code ${code}`)));
    return worker;
  }

  async #endThread(): Promise<void> {
    this.#cancelIdle?.();
    const worker = this.#worker;
    this.#worker = undefined;
    // Its end must not be taken for a crash under the next question.
    worker?.removeAllListeners();
    worker?.on('error', () => undefined);
    await worker?.terminate();
  }
}

function unavailable(reason: string): RulesAnswer {
  return { kind: 'unavailable', reason };
}
