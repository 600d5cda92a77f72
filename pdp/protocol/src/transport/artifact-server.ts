import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseManifest } from '@edict/bundle';
import type { Clock } from '../clock.ts';
import { isDigest } from '../digest-form.ts';
import type { Digest, NodeId } from '../identifiers.ts';
import { messageOf, type Log } from '../log.ts';
import { exchangeOverHttp, type AnswerHeaders, type ArtifactExchange } from './artifact-exchange.ts';
import type { RotatingCertificate } from './certificate.ts';
import { listen } from './listen.ts';
import { checkTicket, type Ticket } from './ticket.ts';

/** Transfers that a replica serves at a time; more wait. */
export const TRANSFERS_MAX = 64;
/** Transfers that wait: a fleet asks for a new bundle at one moment. More are told to come back. */
export const TRANSFERS_WAITING_MAX = 4_096;
/** Transfers to one PDP at a time; more are told to come back. PDPs ask for as many by themselves. */
export const TRANSFERS_PER_NODE_MAX = 4;
/** Manifests whose lists of bundles are kept in memory. */
const MANIFESTS_CACHED_MAX = 256;
const RETRY_AFTER_SECONDS = 1;
/**
 * How long a connection is kept for the next transfer. A PDP fetches a manifest and at once its bundles, and then nothing until
 * the next edit; a fleet's connections would cost as much memory as its streams.
 */
const KEEP_ALIVE_MS = 5_000;

/** Where the bytes come from. */
export interface ArtifactStore {
  readonly getManifest: (digest: Digest, signal: AbortSignal) => Promise<Uint8Array | undefined>;
  readonly getBundle: (digest: Digest, signal: AbortSignal) => Promise<Uint8Array | undefined>;
}

/** How a request ended. */
export type ArtifactOutcome = 'sent' | 'refused' | 'missing' | 'busy' | 'failed';

export interface ArtifactServerOptions {
  readonly host: string;
  /** 0 for any. */
  readonly port: number;
  readonly certificate: RotatingCertificate;
  readonly store: ArtifactStore;
  /** The key that the tickets were made with, asked for each request. */
  readonly ticketKey: () => Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
  readonly onRequest: (kind: 'manifest' | 'bundle', outcome: ArtifactOutcome, bytes: number) => void;
  readonly transfersMax?: number;
  readonly transfersWaitingMax?: number;
  /** Default {@link TRANSFERS_PER_NODE_MAX}. */
  readonly transfersPerNodeMax?: number;
  /** Takes requests for other paths: resolves false if this is none of its own either. */
  readonly otherwise?: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
}

/** A listening server. */
export interface ArtifactServer {
  readonly port: number;
  /** Answers one who came by another connection than this server's own. */
  readonly handle: (exchange: ArtifactExchange) => void;
  /** Ends every connection and the listening socket. */
  readonly close: () => Promise<void>;
}

/**
 * Serves `GET /v1/bundles/<digest>`: the manifest that the ticket is for, and the bundles that this manifest names. Any
 * replica may serve; it needs the store and the tickets' key, not leadership.
 */
export async function serveArtifacts(options: ArtifactServerOptions): Promise<ArtifactServer> {
  const { certificate } = options;
  const serve = createHandler(options);
  const { cert, key } = certificate.current();
  const handle = (exchange: ArtifactExchange): void => {
    serve(exchange).catch((error: unknown) => {
      options.log.warn('an artifact could not be served', { path: exchange.path, error: messageOf(error) });
      return answer(exchange, 500);
    });
  };
  const server = createServer({ cert, key, minVersion: 'TLSv1.2', maxHeaderSize: 16_384 }, (request, response) => {
    takeRequest(request, response, handle, options);
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 20_000;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const stop = certificate.onChange((next) => {
    server.setSecureContext({ cert: next.cert, key: next.key, minVersion: 'TLSv1.2' });
  });
  const port = await listen(server, options.host, options.port);
  return {
    port,
    handle,
    close: () =>
      new Promise((resolve) => {
        stop();
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** Asks the server's other user first where the path is that of no artifact. */
function takeRequest(
  request: IncomingMessage,
  response: ServerResponse,
  handle: (exchange: ArtifactExchange) => void,
  { otherwise, log }: ArtifactServerOptions,
): void {
  if (otherwise === undefined || digestIn(request.url ?? '') !== undefined) {
    handle(exchangeOverHttp(request, response));
    return;
  }
  otherwise(request, response).then(
    (isTaken) => {
      if (!isTaken) handle(exchangeOverHttp(request, response));
    },
    (error: unknown) => {
      log.warn('a request could not be answered', { path: request.url ?? '', error: messageOf(error) });
      if (response.headersSent) response.destroy();
      else response.writeHead(500, EMPTY_ANSWER).end();
    },
  );
}

const EMPTY_ANSWER = { 'content-length': '0', 'cache-control': 'no-store' } as const;

/** Answers without a body. */
function answer(exchange: ArtifactExchange, status: number, headers: AnswerHeaders = {}): Promise<void> {
  return exchange.answer(status, { ...EMPTY_ANSWER, ...headers });
}

/** The digest that a path asks for. */
function digestIn(path: string): Digest | undefined {
  const [, name] = /^\/v1\/bundles\/([^/?#]+)$/.exec(path) ?? [];
  return name !== undefined && isDigest(name) ? name : undefined;
}

function createHandler(options: ArtifactServerOptions): (exchange: ArtifactExchange) => Promise<void> {
  const { store, ticketKey, clock, onRequest } = options;
  const { transfersMax = TRANSFERS_MAX, transfersWaitingMax = TRANSFERS_WAITING_MAX } = options;
  const named = new Map<Digest, ReadonlySet<Digest>>();
  const waiting = new Set<() => void>();
  const transfersPerNodeMax = options.transfersPerNodeMax ?? TRANSFERS_PER_NODE_MAX;
  const byNode = new Map<NodeId, number>();
  let transfers = 0;

  /** Waits for a place; false if whoever asked has gone meanwhile. */
  async function turn(gone: AbortSignal): Promise<boolean> {
    if (gone.aborted) return false;
    if (transfers < transfersMax) {
      transfers += 1;
      return true;
    }
    return new Promise((resolve) => {
      const begin = (): void => {
        gone.removeEventListener('abort', leave);
        resolve(true);
      };
      const leave = (): void => {
        waiting.delete(begin);
        resolve(false);
      };
      waiting.add(begin);
      gone.addEventListener('abort', leave, { once: true });
    });
  }

  /** Hands the place to the first who waits, or gives it back. */
  function done(): void {
    const [next] = waiting;
    if (next === undefined) {
      transfers -= 1;
      return;
    }
    waiting.delete(next);
    next();
  }

  /** The bundles that a manifest names, from memory if it was asked for a moment ago. */
  async function namedBy(manifest: Digest, signal: AbortSignal): Promise<ReadonlySet<Digest> | undefined> {
    const known = named.get(manifest);
    if (known !== undefined) {
      named.delete(manifest);
      named.set(manifest, known);
      return known;
    }
    const bytes = await store.getManifest(manifest, signal);
    if (bytes === undefined) return undefined;
    const { domains, tests } = parseManifest(bytes);
    const digests = new Set([...domains.map(({ digest }) => digest), ...tests]);
    named.set(manifest, digests);
    const oldest = named.keys().next().value;
    if (named.size > MANIFESTS_CACHED_MAX && oldest !== undefined) named.delete(oldest);
    return digests;
  }

  async function bytesFor(
    ticket: Ticket,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<Uint8Array | 'Refused' | undefined> {
    if (digest === ticket.manifest) return await store.getManifest(digest, signal);
    const digests = await namedBy(ticket.manifest, signal);
    if (digests === undefined) return undefined;
    return digests.has(digest) ? await store.getBundle(digest, signal) : 'Refused';
  }

  async function serve(ticket: Ticket, digest: Digest, exchange: ArtifactExchange): Promise<void> {
    const kind = digest === ticket.manifest ? 'manifest' : 'bundle';
    let bytes: Uint8Array | 'Refused' | undefined;
    try {
      bytes = await bytesFor(ticket, digest, exchange.gone);
    } catch (error) {
      onRequest(kind, 'failed', 0);
      throw error;
    }
    // Gone while its bytes were read: nobody takes an answer.
    if (exchange.gone.aborted) return;
    if (bytes === 'Refused') {
      onRequest(kind, 'refused', 0);
      await answer(exchange, 403);
    } else if (bytes === undefined) {
      onRequest(kind, 'missing', 0);
      await answer(exchange, 404);
    } else {
      const headers = {
        'content-type': 'application/octet-stream',
        'content-length': String(bytes.length),
        'cache-control': 'private, immutable, max-age=31536000',
        etag: `"${digest}"`,
      };
      await exchange.answer(200, headers, bytes);
      onRequest(kind, 'sent', bytes.length);
    }
  }

  return async (exchange) => {
    const digest = digestIn(exchange.path);
    if (digest === undefined) return answer(exchange, 404);
    if (exchange.method !== 'GET') return answer(exchange, 405, { allow: 'GET' });
    const [, text] = /^Bearer ([\w.-]{1,1024})$/.exec(exchange.authorization ?? '') ?? [];
    const ticket = text === undefined ? 'Malformed' : checkTicket(text, ticketKey(), clock.now());
    if (typeof ticket === 'string') {
      onRequest('bundle', 'refused', 0);
      return answer(exchange, 401, { 'www-authenticate': `Bearer error="${ticket}"` });
    }
    const own = byNode.get(ticket.nodeId) ?? 0;
    const isFull = transfers >= transfersMax && waiting.size >= transfersWaitingMax;
    if (isFull || own >= transfersPerNodeMax) {
      onRequest('bundle', 'busy', 0);
      return answer(exchange, 503, { 'retry-after': String(RETRY_AFTER_SECONDS) });
    }
    byNode.set(ticket.nodeId, own + 1);
    try {
      if (!(await turn(exchange.gone))) return;
      try {
        await serve(ticket, digest, exchange);
      } finally {
        done();
      }
    } finally {
      const left = (byNode.get(ticket.nodeId) ?? 1) - 1;
      if (left === 0) byNode.delete(ticket.nodeId);
      else byNode.set(ticket.nodeId, left);
    }
  };
}
