import type { HttpAnswer, HttpRequest, LookupAnswer, NetworkBuiltin, NetworkPort, RequestBounds } from '@edict/engine';
import { AllowedHosts } from './allowed-hosts.ts';
import { deadlineOf } from './deadline.ts';
import { lookupWords, type NetworkOutcome } from './exchange-error.ts';
import { HttpExchanger } from './http-exchange.ts';
import { sendRequest, type HttpSenderDeps, type SentRequest } from './http-sender.ts';
import { systemResolve, type ResolveName } from './resolve-name.ts';
import {
  DEFAULT_RESPONSE_CACHE,
  expiryOf,
  refreshed,
  ResponseCache,
  validatorsOf,
  type ResponseCacheLimits,
} from './response-cache.ts';
import type { TlsSources } from './tls-materials.ts';

/** Requests of all decisions together that may be under way; further ones fail at once. */
export const MAX_REQUESTS_UNDER_WAY = 256;

/** What one request to the network took. */
export interface NetworkObservation {
  readonly builtin: NetworkBuiltin;
  readonly outcome: NetworkOutcome;
  readonly durationMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export interface NetworkPortOptions {
  /** See {@link AllowedHosts}. */
  readonly allowedHosts: readonly string[];
  readonly tlsSources?: TlsSources;
  /** Bounds other than {@link DEFAULT_RESPONSE_CACHE}. */
  readonly cache?: Partial<ResponseCacheLimits>;
  readonly maxRequestsUnderWay?: number;
  /** What requests name themselves, unless the policy does. Default `Edict`. */
  readonly userAgent?: string;
  readonly observe?: (observation: NetworkObservation) => void;
  /** Resolves names. Default: as the machine does. */
  readonly resolve?: ResolveName;
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number;
}

/** A port to the real network. */
export interface ClosableNetworkPort extends NetworkPort {
  /** Ends what is under way, and closes all connections. */
  readonly close: () => void;
}

/**
 * Opens the network for policies, as far as the allow list goes.
 * @throws AllowedHostsError for an entry that is none
 */
export function createNetworkPort(options: NetworkPortOptions): ClosableNetworkPort {
  return new RealPort(options);
}

class RealPort implements ClosableNetworkPort {
  readonly #allowed: AllowedHosts;
  readonly #resolve: ResolveName;
  readonly #observe: (observation: NetworkObservation) => void;
  readonly #nowMs: () => number;
  readonly #exchanger: HttpExchanger;
  readonly #cache: ResponseCache;
  readonly #maxUnderWay: number;
  readonly #closing = new AbortController();
  readonly #senderDeps: HttpSenderDeps;
  #underWay = 0;

  constructor(options: NetworkPortOptions) {
    this.#allowed = new AllowedHosts(options.allowedHosts);
    this.#resolve = options.resolve ?? systemResolve;
    this.#observe = options.observe ?? (() => undefined);
    this.#nowMs = options.nowMs ?? Date.now;
    this.#exchanger = new HttpExchanger(this.#allowed, this.#resolve, options.userAgent ?? 'Edict');
    this.#cache = new ResponseCache({ ...DEFAULT_RESPONSE_CACHE, ...options.cache });
    this.#maxUnderWay = options.maxRequestsUnderWay ?? MAX_REQUESTS_UNDER_WAY;
    this.#senderDeps = {
      exchanger: this.#exchanger,
      tlsSources: options.tlsSources ?? {},
      closing: this.#closing.signal,
      random: Math.random,
    };
  }

  readonly send = async (request: HttpRequest, bounds: RequestBounds): Promise<HttpAnswer> => {
    const startMs = performance.now();
    const { answer, outcome } = await this.#sendKnown(request, bounds);
    this.#observe({
      builtin: request.builtin,
      outcome,
      durationMs: performance.now() - startMs,
      requestBytes: outcome === 'cached' ? 0 : Buffer.byteLength(request.body ?? ''),
      responseBytes: answer.ok && outcome !== 'cached' ? answer.response.body.byteLength : 0,
    });
    return answer;
  };

  readonly lookup: NetworkPort['lookup'] = async ({ builtin, name }, bounds) => {
    const startMs = performance.now();
    const { answer, outcome } = await this.#lookupNow(name, Math.min(bounds.timeoutMs, bounds.maxMs));
    const durationMs = performance.now() - startMs;
    this.#observe({ builtin, outcome, durationMs, requestBytes: 0, responseBytes: 0 });
    return answer;
  };

  readonly close = (): void => {
    this.#closing.abort();
    this.#exchanger.close();
  };

  /** Answers from what earlier decisions have kept, if the policy wants that, else from the network. */
  async #sendKnown(request: HttpRequest, bounds: RequestBounds): Promise<SentRequest> {
    const { caching, key } = request;
    if (caching === undefined) return this.#sendNow(request, bounds);
    const kept = this.#cache.get(key);
    if (kept !== undefined && kept.expiresAtMs > this.#nowMs()) return fromCache(kept.response);
    const validators = kept === undefined ? [] : validatorsOf(kept.response);
    const sent = await this.#sendNow(withHeaders(request, validators), bounds);
    if (!sent.answer.ok) return sent;
    const { response } = sent.answer;
    const isUnchanged = kept !== undefined && validators.length > 0 && response.statusCode === 304;
    const current = isUnchanged ? refreshed(kept.response, response) : response;
    const expiresAtMs = expiryOf(current, caching, this.#nowMs());
    if (expiresAtMs === undefined) this.#cache.delete(key);
    else this.#cache.set(key, { response: current, expiresAtMs });
    return isUnchanged ? fromCache(current) : sent;
  }

  async #sendNow(request: HttpRequest, bounds: RequestBounds): Promise<SentRequest> {
    if (this.#isFull()) {
      return { answer: { ok: false, failure: { kind: 'internal', message: OVERLOADED } }, outcome: 'overloaded' };
    }
    this.#underWay++;
    try {
      return await sendRequest(request, bounds, this.#senderDeps);
    } finally {
      this.#underWay--;
    }
  }

  async #lookupNow(
    name: string,
    maxMs: number,
  ): Promise<{ readonly answer: LookupAnswer; readonly outcome: NetworkOutcome }> {
    const failed = (outcome: NetworkOutcome, message: string) => ({ answer: { ok: false, message }, outcome }) as const;
    if (!this.#allowed.allowsHost(name)) return failed('forbidden-host', `disallowed host: ${name}`);
    if (this.#isFull()) return failed('overloaded', OVERLOADED);
    const { promise: isOver, resolve: giveUp } = Promise.withResolvers<undefined>();
    const deadline = deadlineOf(maxMs, this.#closing.signal);
    if (deadline.signal.aborted) giveUp(undefined);
    deadline.signal.addEventListener('abort', () => giveUp(undefined));
    this.#underWay++;
    // The machine cannot be told to stop resolving: what it does counts until it has ended.
    const resolving = this.#resolve(name).finally(() => this.#underWay--);
    try {
      const found = await Promise.race([resolving, isOver]);
      if (found === undefined) return failed('timeout', `lookup ${name}: i/o timeout`);
      return { answer: { ok: true, addresses: found.map(({ address }) => address) }, outcome: 'answered' };
    } catch (error) {
      return failed('failed', lookupWords(name, error));
    } finally {
      deadline.clear();
    }
  }

  #isFull(): boolean {
    return this.#underWay >= this.#maxUnderWay;
  }
}

const OVERLOADED = 'too many requests to the network are under way';

function fromCache(response: Extract<HttpAnswer, { readonly ok: true }>['response']): SentRequest {
  return { answer: { ok: true, response }, outcome: 'cached' };
}

function withHeaders(request: HttpRequest, added: HttpRequest['headers']): HttpRequest {
  if (added.length === 0) return request;
  const names = new Set(added.map(([name]) => name.toLowerCase()));
  const own = request.headers.filter(([name]) => !names.has(name.toLowerCase()));
  return { ...request, headers: [...own, ...added] };
}
