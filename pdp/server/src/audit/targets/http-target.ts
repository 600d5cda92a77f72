import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { codeOf, messageOf, type Clock } from '@edict/protocol';
import { asLines } from '../as-lines.ts';
import { DeliveryError, type Delivery, type Target } from './target.ts';

export interface HttpTargetOptions {
  readonly url: string;
  /** `JsonArray`: `[event,...]`, as OPA uploads decision logs; `JsonLines`: one event per line. */
  readonly body: 'JsonArray' | 'JsonLines';
  readonly compress: boolean;
  /** Time for one request, answer included. */
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Bearer token; read again for every request. */
  readonly tokenFile: string | undefined;
  /** CAs that are trusted in place of the system's; read again for every request. */
  readonly caFile: string | undefined;
  readonly clock: Pick<Clock, 'now'>;
}

/** The receiver takes exception to the records themselves; everything else may get better. */
const REFUSED: ReadonlySet<number> = new Set([400, 413, 422]);

/** A receiver that asks for more rest than this does not get it: records would pile up for a slip. */
const MAX_RETRY_AFTER_MS = 300_000;

const gzipped = promisify(gzip);

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

/**
 * Batches by POST. A batch that the receiver refuses is sent again in halves, until the records that it does not take are
 * found. Redirects are not followed: a token must not go where it was not meant for.
 */
export function httpTarget(options: HttpTargetOptions): Target {
  return new HttpTarget(options);
}

class HttpTarget implements Target {
  readonly #options: HttpTargetOptions;
  #agent: { readonly ca: string | undefined; readonly agent: HttpAgent } | undefined;

  constructor(options: HttpTargetOptions) {
    this.#options = options;
  }

  readonly deliver = async (texts: readonly string[]): Promise<Delivery> => {
    const rejected: string[] = [];
    let cause = '';
    const parts: (readonly string[])[] = [texts];
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      let status: number;
      try {
        status = await this.#post(part);
      } catch (error) {
        // Halves that were taken before are not sent again.
        const failure = error instanceof DeliveryError ? error : new DeliveryError(messageOf(error));
        return { rejected, cause, left: [part, ...parts.toReversed()].flat(), error: failure };
      }
      if (status < 300) continue;
      if (part.length > 1) {
        const middle = Math.ceil(part.length / 2);
        parts.push(part.slice(middle), part.slice(0, middle));
      } else {
        rejected.push(...part);
        cause = `status ${status}`;
      }
    }
    return { rejected, cause };
  };

  readonly reopen = (): void => undefined;

  readonly close = (): Promise<void> => {
    this.#agent?.agent.destroy();
    return Promise.resolve();
  };

  /** The status of the answer, if it is one that ends the matter. */
  async #post(texts: readonly string[]): Promise<number> {
    const { body, compress, headers, tokenFile } = this.#options;
    const plain = body === 'JsonArray' ? Buffer.from(`[${texts.join(',')}]`) : asLines(texts);
    const bytes = compress ? await gzipped(plain) : plain;
    const token = tokenFile === undefined ? undefined : (await readFile(tokenFile, 'utf8')).trim();
    const answer = await this.#exchange(bytes, {
      ...headers,
      'content-type': body === 'JsonArray' ? 'application/json' : 'application/x-ndjson',
      ...(compress ? { 'content-encoding': 'gzip' } : {}),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      'content-length': String(bytes.length),
    });
    const { status, retryAfter } = answer;
    if ((status >= 200 && status < 300) || REFUSED.has(status)) return status;
    throw new DeliveryError(`status ${status}`, retryAfterMs(retryAfter, this.#options.clock.now()));
  }

  async #exchange(bytes: Buffer, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const { url, timeoutMs } = this.#options;
    const agent = await this.#currentAgent();
    const send = url.startsWith('https:') ? requestHttps : requestHttp;
    return await new Promise((resolve, reject) => {
      const call = send(url, { method: 'POST', agent, headers, signal: AbortSignal.timeout(timeoutMs) });
      call.on('error', (error) => reject(codeOf(error) === 'ABORT_ERR' ? new DeliveryError('timed out') : error));
      call.on('response', (response) => {
        response.on('error', reject).on('end', () => {
          resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] });
        });
        response.resume();
      });
      call.end(bytes);
    });
  }

  async #currentAgent(): Promise<HttpAgent> {
    const { caFile, url } = this.#options;
    const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8');
    if (this.#agent !== undefined && this.#agent.ca === ca) return this.#agent.agent;
    this.#agent?.agent.destroy();
    const agent = url.startsWith('https:')
      ? new HttpsAgent({ keepAlive: true, maxSockets: 1, ...(ca === undefined ? {} : { ca }) })
      : new HttpAgent({ keepAlive: true, maxSockets: 1 });
    this.#agent = { ca, agent };
    return agent;
  }
}

/** Reads `Retry-After`: seconds, or a date. */
function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms));
}
