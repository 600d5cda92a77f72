import { randomBytes } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket, type SecureContextOptions } from 'node:tls';
import type { Credentials } from './access/access.ts';
import { EventHub } from './events/event-hub.ts';
import { openEventStream } from './events/event-stream.ts';
import { answerApi, expectSource, type ApiDeps } from './http/api.ts';
import { forwardToLeader, mayForward, type FindLeader } from './http/forward.ts';
import { ProblemError, problemOf, PROBLEMS } from './http/problem.ts';
import { BODY_MAX_BYTES, Queries, readQuery } from './http/request.ts';

/** Connections at a time; event streams are among them. */
export const CONNECTIONS_MAX = 1_024;
/** Longest time for a request to arrive. */
const REQUEST_TIMEOUT_MS = 15_000;
/** Seconds after which a client may try again what is not to be had now. */
const RETRY_AFTER_SECONDS = '2';

/** One file of the page that the console serves. */
export interface PageFile {
  /** `''` for the page itself. */
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
  /** With its quotes. */
  readonly etag: string;
}

/** Certificate and key, and the authority of proxies that may say who asks; all PEM. */
export interface ConsoleTls {
  readonly certificate: string;
  readonly privateKey: string;
  readonly proxyCa?: string;
}

export interface ConsoleServerOptions extends ApiDeps {
  readonly host: string;
  readonly port: number;
  /** Absent: plain HTTP, for a loopback address alone. */
  readonly tls?: ConsoleTls;
  /** Where to pass requests on to while this replica does not lead. Absent: they are refused. */
  readonly findLeader?: FindLeader;
  /** Absent: the API alone. */
  readonly page?: { readonly files: readonly PageFile[]; readonly contentSecurityPolicy: string };
}

export interface ConsoleServer {
  readonly port: number;
  /** Serves with another certificate from the next connection on. */
  readonly setCertificate: (certificate: string, privateKey: string) => void;
  /** Ends streams and connections. */
  readonly close: () => Promise<void>;
}

/** Nothing inline, nothing from elsewhere, in no frame: also for answers that are no page. */
const NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'";

const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': NO_CONTENT_POLICY,
  'cache-control': 'no-store',
} as const;

/** Serves the console: its API below `/api/v1/`, the page elsewhere. */
export async function startConsoleServer(options: ConsoleServerOptions): Promise<ConsoleServer> {
  const { source, replica, clock, log, tls } = options;
  const hub = new EventHub({ source, replica, clock, epoch: randomBytes(6).toString('hex') });
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response, options, hub).catch((error: unknown) => {
      fail(response, error, options);
    });
  };
  const limits = { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS };
  const secure =
    tls === undefined ? undefined : createHttpsServer({ ...contextOf(tls), ...limits, ...clientAuth(tls) }, handle);
  const server = secure ?? createHttpServer(limits, handle);
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  server.on('error', (error) => {
    log.warn('the console failed to take a connection', { error: error.message });
  });
  return {
    port: (server.address() as AddressInfo).port,
    setCertificate: (certificate, privateKey) => {
      if (tls !== undefined) secure?.setSecureContext(contextOf({ ...tls, certificate, privateKey }));
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      hub.close();
      server.closeIdleConnections();
      // What was said last still goes out; who does not read it is not waited for.
      const cancel = clock.schedule(CLOSE_MS, () => server.closeAllConnections());
      await closed;
      cancel();
    },
  };
}

const CLOSE_MS = 1_000;

function contextOf({ certificate, privateKey, proxyCa }: ConsoleTls): SecureContextOptions {
  return {
    cert: certificate,
    key: privateKey,
    minVersion: 'TLSv1.2',
    ...(proxyCa === undefined ? {} : { ca: proxyCa }),
  };
}

/** People have no certificates: one is asked for, and looked at only where it comes. */
function clientAuth({ proxyCa }: ConsoleTls): {
  readonly requestCert?: boolean;
  readonly rejectUnauthorized?: boolean;
} {
  return proxyCa === undefined ? {} : { requestCert: true, rejectUnauthorized: false };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: ConsoleServerOptions,
  hub: EventHub,
): Promise<void> {
  const method = request.method ?? 'GET';
  const url = new URL(request.url ?? '/', 'http://console');
  const path = partsOf(url.pathname);
  if (path[0] !== 'api') {
    servePage(request, response, url.pathname.slice(1), options);
    return;
  }
  if (path[1] !== 'v1') throw new ProblemError('not-found', 'the API is below /api/v1/');
  const credentials = credentialsOf(request);
  const user = await options.access.authenticate(credentials);
  if (path[2] !== 'whoami' && options.source() === undefined && mayForward(request)) {
    const leader = await options.findLeader?.();
    if (leader !== undefined) {
      await forwardToLeader(request, response, leader);
      return;
    }
  }
  if (path[2] === 'events' && path.length === 3) {
    if (method !== 'GET') throw new ProblemError('method-not-allowed', 'use GET');
    const { namespace, set } = readQuery(Queries.events, url.searchParams);
    expectSource(options);
    const lastEventId = request.headers['last-event-id'];
    const stream = { credentials, user, namespace, set, lastEventId: String(lastEventId ?? '') };
    await openEventStream(response, stream, { ...options, hub }, SECURITY_HEADERS);
    return;
  }
  const body = method === 'POST' ? await readBody(request) : '';
  const contentType = request.headers['content-type'];
  const call = { method, path: path.slice(2), query: url.searchParams, contentType, body };
  const answer = await answerApi(call, user, options);
  const text = JSON.stringify(answer);
  response
    .writeHead(200, { ...SECURITY_HEADERS, 'content-type': 'application/json; charset=utf-8' })
    .end(request.method === 'HEAD' ? undefined : text);
}

function partsOf(pathname: string): readonly string[] {
  try {
    return pathname
      .split('/')
      .slice(1)
      .filter((part, at, all) => part !== '' || at < all.length - 1)
      .map(decodeURIComponent);
  } catch (cause) {
    throw new ProblemError('invalid-request', 'the path is not well encoded', { cause });
  }
}

function servePage(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  { page }: ConsoleServerOptions,
): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') throw new ProblemError('method-not-allowed', 'use GET');
  const file = page?.files.find((found) => found.path === path);
  if (page === undefined || file === undefined) throw new ProblemError('not-found', 'there is no such page');
  const headers = {
    ...SECURITY_HEADERS,
    'content-security-policy': page.contentSecurityPolicy,
    'content-type': file.contentType,
    // Asked about each time, so that an upgrade is seen at once.
    'cache-control': 'no-cache',
    etag: file.etag,
  };
  if (request.headers['if-none-match'] === file.etag) {
    response.writeHead(304, headers).end();
    return;
  }
  response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : file.body);
}

function credentialsOf(request: IncomingMessage): Credentials {
  const { socket, headers, headersDistinct } = request;
  const isProven = socket instanceof TLSSocket && socket.authorized;
  const subject = isProven ? socket.getPeerCertificate().subject.CN : undefined;
  return {
    authorization: headers.authorization,
    headers: headersDistinct,
    certificateName: Array.isArray(subject) ? subject[0] : subject,
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_MAX_BYTES) throw new ProblemError('body-too-large', `a body has at most ${BODY_MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Answers with a problem. What nobody foresaw is logged whole, and told without details. */
function fail(response: ServerResponse, error: unknown, { log }: ConsoleServerOptions): void {
  const problem =
    error instanceof ProblemError
      ? error
      : new ProblemError('internal', 'the operator failed to answer; its log says why', { cause: error });
  if (problem.code === 'internal') log.error('the console failed to answer', { error: textOf(error) });
  if (problem.code === 'unavailable')
    log.warn('the console cannot answer', { error: textOf(problem.cause ?? problem) });
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const [status] = PROBLEMS[problem.code];
  const mayRetry = status === 503 || status === 429;
  response
    .writeHead(status, {
      ...SECURITY_HEADERS,
      'content-type': 'application/problem+json',
      ...(mayRetry ? { 'retry-after': RETRY_AFTER_SECONDS } : {}),
      ...(status === 401 ? { 'www-authenticate': 'Bearer realm="edict"' } : {}),
      // The rest of a body that is too large is not read; and another connection may reach another replica.
      ...(status === 413 || problem.code === 'not-leading' ? { connection: 'close' } : {}),
    })
    .end(JSON.stringify(problemOf(problem)));
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
