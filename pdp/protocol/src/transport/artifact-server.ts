import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseManifest } from '@edict/bundle';
import type { Clock } from '../clock.ts';
import { isDigest } from '../digest-form.ts';
import type { Digest, NodeId } from '../identifiers.ts';
import { messageOf, type Log } from '../log.ts';
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
  /** The key that the tickets were made with. */
  readonly ticketKey: Uint8Array;
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
  /** Answers one request, whichever connection it came by. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Ends every connection and the listening socket. */
  readonly close: () => Promise<void>;
}

/**
 * Serves `GET /v1/bundles/<digest>`: the manifest that the ticket is for, and the bundles that this manifest names. Any
 * replica may serve; it needs the store and the tickets' key, not leadership.
 */
export async function serveArtifacts(options: ArtifactServerOptions): Promise<ArtifactServer> {
  const { certificate } = options;
  const handle = createHandler(options);
  const { cert, key } = certificate.current();
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch((error: unknown) => {
      options.log.warn('an artifact could not be served', { path: request.url ?? '', error: messageOf(error) });
      if (response.headersSent) response.destroy();
      else answer(response, 500);
    });
  };
  const server = createServer({ cert, key, minVersion: 'TLSv1.2', maxHeaderSize: 16_384 }, serve);
  server.headersTimeout = 10_000;
  server.requestTimeout = 20_000;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const stop = certificate.onChange((next) => {
    server.setSecureContext({ cert: next.cert, key: next.key, minVersion: 'TLSv1.2' });
  });
  const port = await listen(server, options.host, options.port);
  return {
    port,
    handle: serve,
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

function answer(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-length': '0', 'cache-control': 'no-store', ...headers });
  response.end();
}

function createHandler(
  options: ArtifactServerOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { store, ticketKey, clock, onRequest } = options;
  const { transfersMax = TRANSFERS_MAX, transfersWaitingMax = TRANSFERS_WAITING_MAX } = options;
  const named = new Map<Digest, ReadonlySet<Digest>>();
  const waiting = new Set<() => void>();
  const transfersPerNodeMax = options.transfersPerNodeMax ?? TRANSFERS_PER_NODE_MAX;
  const byNode = new Map<NodeId, number>();
  let transfers = 0;

  /** Waits for a place; false if whoever asked has gone meanwhile. */
  async function turn(response: ServerResponse): Promise<boolean> {
    if (transfers < transfersMax) {
      transfers += 1;
      return true;
    }
    return new Promise((resolve) => {
      const begin = (): void => {
        response.off('close', leave);
        resolve(true);
      };
      const leave = (): void => {
        waiting.delete(begin);
        resolve(false);
      };
      waiting.add(begin);
      response.once('close', leave);
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

  async function serve(ticket: Ticket, digest: Digest, response: ServerResponse): Promise<void> {
    const kind = digest === ticket.manifest ? 'manifest' : 'bundle';
    const abort = new AbortController();
    response.on('close', () => {
      abort.abort();
    });
    let bytes: Uint8Array | 'Refused' | undefined;
    try {
      bytes = await bytesFor(ticket, digest, abort.signal);
    } catch (error) {
      onRequest(kind, 'failed', 0);
      throw error;
    }
    // Gone while its bytes were read: it would not close a second time.
    if (abort.signal.aborted) return;
    if (bytes === 'Refused') {
      onRequest(kind, 'refused', 0);
      answer(response, 403);
    } else if (bytes === undefined) {
      onRequest(kind, 'missing', 0);
      answer(response, 404);
    } else {
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        'content-length': String(bytes.length),
        'cache-control': 'private, immutable, max-age=31536000',
        etag: `"${digest}"`,
      });
      await new Promise<void>((resolve) => {
        response.once('close', resolve);
        response.end(bytes);
      });
      onRequest(kind, 'sent', bytes.length);
    }
  }

  return async (request, response) => {
    const [, name] = /^\/v1\/bundles\/([^/?#]+)$/.exec(request.url ?? '') ?? [];
    if (name === undefined || !isDigest(name)) {
      if ((await options.otherwise?.(request, response)) !== true) answer(response, 404);
      return;
    }
    if (request.method !== 'GET') {
      answer(response, 405, { allow: 'GET' });
      return;
    }
    const [, text] = /^Bearer ([\w.-]{1,1024})$/.exec(request.headers.authorization ?? '') ?? [];
    const ticket = text === undefined ? 'Malformed' : checkTicket(text, ticketKey, clock.now());
    if (typeof ticket === 'string') {
      onRequest('bundle', 'refused', 0);
      answer(response, 401, { 'www-authenticate': `Bearer error="${ticket}"` });
      return;
    }
    const own = byNode.get(ticket.nodeId) ?? 0;
    const isFull = transfers >= transfersMax && waiting.size >= transfersWaitingMax;
    if (isFull || own >= transfersPerNodeMax) {
      onRequest('bundle', 'busy', 0);
      answer(response, 503, { 'retry-after': String(RETRY_AFTER_SECONDS) });
      return;
    }
    byNode.set(ticket.nodeId, own + 1);
    try {
      if (!(await turn(response))) return;
      try {
        await serve(ticket, name, response);
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
