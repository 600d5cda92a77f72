import type { EvaluateOptions, Instance, Outcome, Program, StepBudget } from '../api.ts';
import type { Value } from '../runtime/value.ts';
import { EvaluationFailure } from '../runtime/evaluation.ts';
import {
  DEFAULT_NETWORK_LIMITS,
  isNetworkBuiltin,
  type HttpAnswer,
  type HttpRequest,
  type LookupAnswer,
  type LookupRequest,
  type NetworkAccess,
  type NetworkBuiltin,
  type NetworkLimits,
  type RequestBounds,
} from './port.ts';

/** Failures that a session keeps of one evaluation. */
const MAX_FAILURES = 4;

/**
 * What one decision has learnt from the network, and what it waits for. An evaluation that needs an answer which is not
 * there ends; {@link withNetwork} fetches the answer and evaluates again. That gives what waiting would have given,
 * because within one session every answer, the time and everything drawn at random stay what they are.
 */
export class NetworkSession {
  /** What has been drawn at random: the same in every attempt. */
  readonly cache = new Map<string, unknown>();
  /** The time in all attempts, ns since the epoch; set by the first evaluation that does not bring its own. */
  nowNs: bigint | undefined = undefined;
  /** Steps that evaluations without a budget of their own share; set by the first of them. */
  budget: StepBudget | undefined = undefined;
  /** Milliseconds that evaluations took so far, as they measure it themselves; waiting is not in it. */
  evaluatedMs = 0;
  /** What calls failed with in the evaluation under way or the last one, with the built-in's name; the first few. */
  failures: readonly string[] = [];
  readonly #access: NetworkAccess;
  readonly #limits: NetworkLimits;
  readonly #elapsedMs: () => number;
  readonly #answers = new Map<string, HttpAnswer | LookupAnswer>();
  readonly #values = new WeakMap<HttpAnswer, Value>();
  readonly #refused = new Set<NetworkBuiltin>();
  #pending: HttpRequest | LookupRequest | undefined = undefined;
  #waitedMs = 0;

  /** `elapsedMs` is a clock that never goes back. */
  constructor(access: NetworkAccess, elapsedMs: () => number = () => performance.now()) {
    this.#access = access;
    this.#limits = { ...DEFAULT_NETWORK_LIMITS, ...access.limits };
    this.#elapsedMs = elapsedMs;
  }

  /** Whether an evaluation ended because an answer was missing: what it gave is nothing to rely on. */
  get isWaiting(): boolean {
    return this.#pending !== undefined;
  }

  /** Requests made so far. */
  get requests(): number {
    return this.#answers.size;
  }

  /** Largest request that a built-in may make, in bytes. */
  get maxRequestBytes(): number {
    return this.#limits.maxRequestBytes;
  }

  /** Whether the built-in may be called. */
  allows(builtin: NetworkBuiltin): boolean {
    if (this.#access.allowedBuiltins.includes(builtin)) return true;
    if (!this.#refused.has(builtin)) {
      this.#refused.add(builtin);
      this.#access.onRefused?.(builtin);
    }
    return false;
  }

  /**
   * The answer to a request.
   * @throws EvaluationFailure if it is not there yet
   */
  send(request: HttpRequest): HttpAnswer {
    return this.#ask(request) as HttpAnswer;
  }

  /**
   * The answer to a look-up.
   * @throws EvaluationFailure if it is not there yet
   */
  lookup(request: LookupRequest): LookupAnswer {
    return this.#ask(request) as LookupAnswer;
  }

  /** Keeps what a call failed with. */
  failed(builtin: NetworkBuiltin, message: string): void {
    if (this.failures.length < MAX_FAILURES) this.failures = [...this.failures, `${builtin}: ${message}`];
  }

  /** The value that an answer stands for, read once for all attempts. */
  valueOf(answer: HttpAnswer, read: () => Value): Value {
    let value = this.#values.get(answer);
    if (value === undefined) {
      value = read();
      this.#values.set(answer, value);
    }
    return value;
  }

  /** Fetches the answer that an evaluation waits for. Rejects only if the port does. */
  async settle(): Promise<void> {
    const request = this.#pending;
    if (request === undefined) return;
    const startMs = this.#elapsedMs();
    try {
      this.#answers.set(request.key, await this.#fetch(request));
    } finally {
      this.#waitedMs += this.#elapsedMs() - startMs;
      this.#pending = undefined;
    }
  }

  /** Keys begin with the name of the built-in, so that an answer is of the kind of its request. */
  #ask(request: HttpRequest | LookupRequest): HttpAnswer | LookupAnswer {
    const known = this.#answers.get(request.key);
    if (known !== undefined) return known;
    const { maxRequests, maxWaitMs } = this.#limits;
    if (this.#answers.size >= maxRequests) {
      return refusal(request, `the decision asks the network more than ${String(maxRequests)} times`);
    }
    if (this.#waitedMs >= maxWaitMs) {
      return refusal(request, `the decision has waited for the network for ${String(maxWaitMs)} ms`);
    }
    this.#pending = request;
    throw new EvaluationFailure('eval_cancel_error', 'the evaluation waits for the network');
  }

  #fetch(request: HttpRequest | LookupRequest): Promise<HttpAnswer | LookupAnswer> {
    const { timeoutMs, maxWaitMs, maxResponseBytes, maxRedirects } = this.#limits;
    const maxMs = maxWaitMs - this.#waitedMs;
    const bounds: RequestBounds = { timeoutMs, maxMs, maxResponseBytes, maxRedirects };
    const { port } = this.#access;
    return request.builtin === 'http.send' ? port.send(request, bounds) : port.lookup(request, bounds);
  }
}

function refusal({ builtin }: HttpRequest | LookupRequest, message: string): HttpAnswer | LookupAnswer {
  return builtin === 'http.send' ? { ok: false, failure: { kind: 'internal', message } } : { ok: false, message };
}

/**
 * Runs a synchronous computation whose evaluations use `session`, fetches the answer that it turns out to need, runs it
 * again, and so on, until it needs nothing more. Synchronous if it needs nothing. The computation must do the same each
 * time, and what it does while `session.isWaiting` is thrown away, exceptions included. Rejects with what the computation
 * throws, or the port.
 */
export function withNetwork<T>(session: NetworkSession, attempt: () => T): T | Promise<T> {
  const first = attemptWith(session, attempt);
  return first.done ? first.value : settleAndRetry(session, attempt);
}

async function settleAndRetry<T>(session: NetworkSession, attempt: () => T): Promise<T> {
  for (;;) {
    await session.settle();
    const next = attemptWith(session, attempt);
    if (next.done) return next.value;
  }
}

type Attempt<T> = { readonly done: true; readonly value: T } | { readonly done: false };

function attemptWith<T>(session: NetworkSession, attempt: () => T): Attempt<T> {
  try {
    const value = attempt();
    return session.isWaiting ? { done: false } : { done: true, value };
  } catch (error) {
    if (!session.isWaiting) throw error;
    return { done: false };
  }
}

/**
 * Evaluates an entry point of a program that may ask the network. Synchronous if it does not. The steps and the time of
 * `options` are those of all evaluations of the session together; waiting is bounded by the session.
 */
export function evaluateWithNetwork(
  instance: Instance,
  entrypoint: string,
  input: Value,
  session: NetworkSession,
  options: EvaluateOptions = {},
): Outcome | Promise<Outcome> {
  const how: EvaluateOptions = { ...options, network: session };
  return withNetwork(session, () => instance.evaluate(entrypoint, input, how));
}

/** Whether a program can call a built-in that asks the network. */
export function programUsesNetwork(program: Program): boolean {
  return program.builtins.some(isNetworkBuiltin);
}
