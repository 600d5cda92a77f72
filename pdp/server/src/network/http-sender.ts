import type { HttpAnswer, HttpRequest, HttpResponse, RequestBounds } from '@edict/engine';
import { deadlineOf } from './deadline.ts';
import { ExchangeError, type NetworkOutcome } from './exchange-error.ts';
import { hostOf, type Exchange, type HttpExchanger } from './http-exchange.ts';
import { readTls, type TlsOptions, type TlsSources } from './tls-materials.ts';

/** An answer to `http.send`, and how it came about. */
export interface SentRequest {
  readonly answer: HttpAnswer;
  readonly outcome: NetworkOutcome;
}

export interface HttpSenderDeps {
  readonly exchanger: Pick<HttpExchanger, 'exchange'>;
  readonly tlsSources: TlsSources;
  /** Ends all requests. */
  readonly closing: AbortSignal;
  /** Between 0 and 1. */
  readonly random: () => number;
}

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 60_000;
const DELAY_FACTOR = 1.6;
const DELAY_JITTER = 0.2;

/** Sends what `http.send` wants sent: with redirects, retries and time-outs. Never rejects. */
export async function sendRequest(
  request: HttpRequest,
  bounds: RequestBounds,
  deps: HttpSenderDeps,
): Promise<SentRequest> {
  const overall = deadlineOf(bounds.maxMs, deps.closing);
  try {
    return await sendWithin(overall.signal, request, bounds, deps);
  } finally {
    overall.clear();
  }
}

async function sendWithin(
  overall: AbortSignal,
  request: HttpRequest,
  bounds: RequestBounds,
  deps: HttpSenderDeps,
): Promise<SentRequest> {
  const { method, headers, body } = request;
  const first: Hop = { method, url: new URL(request.url), headers, body };
  const timeoutMs = request.timeoutMs ?? bounds.timeoutMs;
  let hop = first;
  try {
    const tls = await readTls(request.tls, deps.tlsSources);
    for (let failures = 0; ; failures++) {
      const attempt = deadlineOf(timeoutMs === 0 ? undefined : Math.min(timeoutMs, bounds.maxMs), overall);
      const sent = await follow(first, request, bounds, { ...deps, tls, signal: attempt.signal });
      attempt.clear();
      if (sent.ok) return { answer: { ok: true, response: sent.response }, outcome: 'answered' };
      hop = sent.hop;
      const isFinal = failures >= request.maxRetries || !isWorthRetry(sent.error) || overall.aborted;
      if (isFinal || !(await pause(delayMs(failures, deps.random), overall))) throw sent.error;
    }
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    return { answer: failed(error, hop), outcome: error.outcome };
  }
}

/** One request on the way of redirects. */
interface Hop {
  readonly method: string;
  readonly url: URL;
  readonly headers: Exchange['headers'];
  readonly body: string | undefined;
}

type Followed =
  | { readonly ok: true; readonly response: HttpResponse }
  | { readonly ok: false; readonly error: ExchangeError; readonly hop: Hop };

interface FollowDeps extends HttpSenderDeps {
  readonly tls: TlsOptions;
  readonly signal: AbortSignal;
}

async function follow(
  first: Hop,
  { followRedirects }: HttpRequest,
  { maxResponseBytes, maxRedirects }: RequestBounds,
  { exchanger, tls, signal }: FollowDeps,
): Promise<Followed> {
  let hop = first;
  try {
    for (let redirects = 0; ; redirects++) {
      const response = await exchanger.exchange({ ...hop, tls, maxResponseBytes, signal });
      const next = followRedirects ? redirected(hop, response, first.url) : undefined;
      if (next === undefined) return { ok: true, response };
      hop = next;
      const { protocol } = hop.url;
      if (protocol !== 'http:' && protocol !== 'https:') {
        throw new ExchangeError('failed', `unsupported protocol scheme "${protocol.slice(0, -1)}"`);
      }
      if (redirects >= maxRedirects) throw new ExchangeError('failed', `stopped after ${maxRedirects} redirects`);
    }
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    return { ok: false, error, hop };
  }
}

/** Headers that only the host that they were meant for may see. */
const SENSITIVE = new Set(['authorization', 'cookie', 'cookie2', 'proxy-authorization', 'www-authenticate']);

/** Headers that say what the body is. */
const OF_BODY = /^content-/i;

/** The request that a redirect asks for, as Go's client makes it; undefined if it is none. */
function redirected(hop: Hop, response: HttpResponse, firstUrl: URL): Hop | undefined {
  const { statusCode, headers } = response;
  if (![301, 302, 303, 307, 308].includes(statusCode)) return undefined;
  const location = headers.find(([name]) => name.toLowerCase() === 'location')?.[1] ?? '';
  if (location === '') return undefined;
  const keepsMethod = statusCode >= 307;
  if (!URL.canParse(location, hop.url)) throw new ExchangeError('failed', 'failed to parse Location header');
  const url = new URL(location, hop.url);
  const isTrusted = isSameDomain(firstUrl, url);
  const isRelative = !URL.canParse(location);
  const kept = hop.headers.filter(([name]) => {
    const lower = name.toLowerCase();
    if (lower === 'host') return isRelative;
    if (lower === 'referer' || (!keepsMethod && OF_BODY.test(name))) return false;
    return isTrusted || !SENSITIVE.has(lower);
  });
  if (keepsMethod) return { ...hop, url, headers: kept };
  return { method: hop.method === 'HEAD' ? 'HEAD' : 'GET', url, headers: kept, body: undefined };
}

/** The same host or one below it. */
function isSameDomain(from: URL, to: URL): boolean {
  const [parent, child] = [hostOf(from), hostOf(to)];
  if (from.protocol === 'https:' && to.protocol === 'http:') return false;
  return parent === child || child.endsWith(`.${parent}`);
}

/** As in OPA, a response whose body broke off is not asked for again; nor is what can only end alike. */
function isWorthRetry({ outcome, during }: ExchangeError): boolean {
  return during === 'headers' && (outcome === 'failed' || outcome === 'timeout');
}

function delayMs(failures: number, random: () => number): number {
  const delay = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * DELAY_FACTOR ** failures);
  return delay * (1 + DELAY_JITTER * (2 * random() - 1));
}

/** Waits, and tells whether there is time left. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const wait = deadlineOf(ms, signal);
  if (!wait.signal.aborted) {
    wait.signal.addEventListener('abort', () => resolve(undefined));
    await promise;
  }
  wait.clear();
  return !signal.aborted;
}

function failed({ outcome, during, message }: ExchangeError, { method, url }: Hop): HttpAnswer {
  const isOurs = during === 'body' || outcome === 'invalid' || outcome === 'overloaded';
  if (isOurs) return { ok: false, failure: { kind: 'internal', message } };
  return { ok: false, failure: { kind: 'network', method, url: url.href, message, timedOut: outcome === 'timeout' } };
}
