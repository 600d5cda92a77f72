import { Agent as HttpAgent, request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import type { HttpResponse } from '@edict/engine';
import type { AllowedHosts } from './allowed-hosts.ts';
import { ExchangeError, socketWords } from './exchange-error.ts';
import { forbiddenAddress, forbiddenHost, guardedLookup, type ResolveName } from './resolve-name.ts';
import type { TlsOptions } from './tls-materials.ts';

/** One request to one server, and what its response may take. */
export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | undefined;
  readonly tls: TlsOptions;
  readonly maxResponseBytes: number;
  /** Gives up: a time-out, or the end of the process. */
  readonly signal: AbortSignal;
}

/** Connections of one host at a time; further requests wait for one, within their time. */
const MAX_CONNECTIONS_PER_HOST = 64;

/** A connection that nobody uses is closed after this long: sooner than servers usually do. */
const IDLE_MS = 4_000;

/** Names that frame the message or belong to the connection: ours to set. */
const OWN_HEADERS = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Requests that may be sent again when a kept connection turns out to be closed. */
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** Requests that say so if they have no body. */
const WITH_BODY = new Set(['PATCH', 'POST', 'PUT']);

/** Headers that tell how the message was framed. */
const FRAMING = new Set(['transfer-encoding', 'trailer']);

/** Sends requests over connections that it keeps, and only to addresses that are allowed. */
export class HttpExchanger {
  readonly #allowed: AllowedHosts;
  readonly #lookup: ReturnType<typeof guardedLookup>;
  readonly #userAgent: string;
  readonly #http = new HttpAgent(AGENT_OPTIONS);
  readonly #https = new HttpsAgent(AGENT_OPTIONS);

  constructor(allowed: AllowedHosts, resolve: ResolveName, userAgent: string) {
    this.#allowed = allowed;
    this.#lookup = guardedLookup(allowed, resolve);
    this.#userAgent = userAgent;
  }

  /**
   * Sends one request and reads the response to its end.
   * @throws ExchangeError, whatever happens
   */
  async exchange(exchange: Exchange): Promise<HttpResponse> {
    const host = hostOf(exchange.url);
    if (!this.#allowed.allowsHost(host)) throw forbiddenHost(host);
    for (;;) {
      const result = await this.#attempt(exchange, host);
      if (result !== 'stale') return result;
    }
  }

  /** Closes all connections. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  /** `stale`: the request met a kept connection that the server had closed. Every such attempt uses up one of them. */
  #attempt(exchange: Exchange, host: string): Promise<HttpResponse | 'stale'> {
    const { promise, resolve, reject } = Promise.withResolvers<HttpResponse | 'stale'>();
    const request = this.#open(exchange, host);
    let isAnswered = false;
    request.on('socket', (socket) => this.#guard(socket, host));
    request.on('response', (response) => {
      isAnswered = true;
      readResponse(response, exchange, resolve, reject);
    });
    // Nobody asked for another protocol; the connection is closed with it.
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      reject(new ExchangeError('failed', 'the server switched protocols'));
    });
    request.on('error', (error) => {
      if (isAnswered) return; // reading the response reports it
      const isStale = request.reusedSocket && !exchange.signal.aborted && REPEATABLE.has(exchange.method);
      if (isStale) resolve('stale');
      else reject(errorOf(error, exchange.signal));
    });
    const { body = '' } = exchange;
    if (body === '') request.end();
    // Bytes, since a text would make Node encode the headers with it.
    else request.end(Buffer.from(body));
    return promise;
  }

  #open(exchange: Exchange, host: string): ClientRequest {
    const { method, url, signal } = exchange;
    const { serverName, ...tls } = exchange.tls;
    const isSecure = url.protocol === 'https:';
    try {
      const options = {
        method,
        hostname: host,
        port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port),
        path: url.pathname + url.search,
        headers: this.#headersOf(exchange),
        lookup: this.#lookup,
        signal,
      };
      if (!isSecure) return requestHttp({ ...options, agent: this.#http });
      const servername = serverName ?? (isIP(host) === 0 ? host : '');
      return requestHttps({ ...options, ...tls, servername, agent: this.#https });
    } catch (error) {
      throw new ExchangeError('invalid', socketWords(error)); // a header or a URL's user that is none
    }
  }

  #headersOf({ method, url, headers, body }: Exchange): Record<string, string> {
    const result: Record<string, string> = {};
    // Without a prototype, a header may have any name.
    Object.setPrototypeOf(result, null);
    result['Host'] = url.host;
    for (const [name, value] of headers) if (!OWN_HEADERS.has(name.toLowerCase())) result[name] = asBytes(value);
    result['User-Agent'] ??= this.#userAgent;
    if (url.username !== '' || url.password !== '') {
      const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
      result['Authorization'] ??= `Basic ${Buffer.from(user).toString('base64')}`;
    }
    if (body !== undefined && body !== '') result['Content-Length'] = String(Buffer.byteLength(body));
    else if (WITH_BODY.has(method)) result['Content-Length'] = '0';
    return result;
  }

  /** Sockets have been given allowed addresses only; this holds whatever the way that led to one. */
  #guard(socket: Socket, host: string): void {
    const check = (): void => {
      const { remoteAddress } = socket;
      if (remoteAddress === undefined || this.#allowed.allowsAddress(host, remoteAddress)) return;
      socket.destroy(forbiddenAddress(host, [{ address: remoteAddress, family: isIP(remoteAddress) }]));
    };
    if (socket.connecting) socket.once('connect', check);
    else check();
  }
}

const AGENT_OPTIONS = {
  keepAlive: true,
  maxSockets: MAX_CONNECTIONS_PER_HOST,
  maxFreeSockets: 8,
  scheduling: 'lifo',
  timeout: IDLE_MS,
} as const;

/** The host of a URL as a name or a bare address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function readResponse(
  response: IncomingMessage,
  { maxResponseBytes, signal }: Exchange,
  resolve: (response: HttpResponse) => void,
  reject: (error: ExchangeError) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxResponseBytes) {
      chunks.push(chunk);
      return;
    }
    reject(new ExchangeError('too-large', `the response body is larger than ${maxResponseBytes} bytes`, 'body'));
    response.destroy();
  });
  response.on('end', () => {
    const { statusCode = 0, statusMessage = '' } = response;
    const status = `${statusCode} ${statusMessage}`;
    resolve({ statusCode, status, headers: headerLines(response.rawHeaders), body: Buffer.concat(chunks, size) });
  });
  response.on('error', () => {
    reject(signal.aborted ? timeout('body') : new ExchangeError('failed', 'unexpected EOF', 'body'));
  });
}

function headerLines(raw: readonly string[]): readonly (readonly [string, string])[] {
  const lines: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    if (!FRAMING.has(name.toLowerCase())) lines.push([name, asText(raw[index + 1] ?? '')]);
  }
  return lines;
}

/** Node takes and gives each byte of a header as one character; these are UTF-8. */
function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function asText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function errorOf(error: unknown, signal: AbortSignal): ExchangeError {
  if (error instanceof ExchangeError) return error;
  return signal.aborted ? timeout('headers') : new ExchangeError('failed', socketWords(error));
}

/** That the time is over, in the words of Go's client. */
function timeout(during: 'headers' | 'body'): ExchangeError {
  const where =
    during === 'headers'
      ? 'Client.Timeout exceeded while awaiting headers'
      : 'Client.Timeout or context cancellation while reading body';
  return new ExchangeError('timeout', `context deadline exceeded (${where})`, during);
}
