import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageReply, problemReply, type ProblemName, type Reply } from './reply.ts';
import type { RouteRequest } from './router.ts';

export interface ListenerOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly maxBodyBytes: number;
  /** Bytes of unfinished bodies, over all requests; {@link MAX_HELD_BYTES} by default. */
  readonly maxHeldBytes?: number;
  /** Open connections; further ones are closed at once. {@link MAX_CONNECTIONS} by default. */
  readonly maxConnections?: number;
  /** Time for a client to send a whole request, headers and body. */
  readonly requestTimeoutMs: number;
  readonly handle: (request: RouteRequest) => Reply | Promise<Reply>;
  /** Told of every request that a bound of the listener kept from being handled. */
  readonly onRefused: (problem: ProblemName) => void;
  /** Told of bugs: a handler that threw. The client gets a 500 without details. */
  readonly onError: (error: unknown) => void;
}

/** A listening HTTP/1.1 server. */
export interface Listener {
  readonly address: AddressInfo;
  /** From now on every answer ends its connection, so that clients go elsewhere one by one. */
  readonly dismissClients: () => void;
  /** Takes no new connection, answers what is under way, and resolves when the last is gone or time is up. */
  readonly drain: (timeoutMs: number) => Promise<void>;
}

/** Default of {@link ListenerOptions.maxConnections}. */
export const MAX_CONNECTIONS = 10_000;
/** Default of {@link ListenerOptions.maxHeldBytes}. */
export const MAX_HELD_BYTES = 134_217_728;

/** Longer than the idle time-outs of common load balancers (60 s), so that they close first and never race us. */
const KEEP_ALIVE_MS = 75_000;
const MAX_HEADERS_BYTES = 32_768;
/** Node looks for requests that take too long only this often; its own default would let them have 30 s more. */
const TIMEOUT_CHECK_MS = 1_000;

/** Starts the server. Sockets live here and nowhere else. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const edge = new Edge(options);
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: options.requestTimeoutMs,
      headersTimeout: options.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, options.requestTimeoutMs),
      maxHeaderSize: MAX_HEADERS_BYTES,
      noDelay: true,
    },
    (message, response) => edge.serve(message, response),
  );
  server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
  server.on('drop', () => options.onRefused('overloaded'));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP address');
  return {
    address,
    dismissClients: () => edge.dismissClients(),
    drain: async (timeoutMs) => {
      edge.dismissClients();
      await close(server, timeoutMs);
    },
  };
}

async function close(server: Server, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), timeoutMs);
  await closed;
  clearTimeout(timer);
}

/** Between a request's bytes and the handler: bodies, their bounds, and the way back. */
class Edge {
  readonly #options: ListenerOptions;
  readonly #maxHeldBytes: number;
  #heldBytes = 0;
  #dismissing = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#maxHeldBytes = options.maxHeldBytes ?? MAX_HELD_BYTES;
  }

  dismissClients(): void {
    this.#dismissing = true;
  }

  serve(message: IncomingMessage, response: ServerResponse): void {
    const { maxBodyBytes } = this.#options;
    let first: Buffer | undefined;
    let more: Buffer[] | undefined;
    let size = 0;
    let heldBytes = 0;
    let refused = false;
    const release = (): void => {
      this.#heldBytes -= heldBytes;
      heldBytes = 0;
    };
    const refuse = (reply: Reply): void => {
      refused = true;
      first = undefined;
      more = undefined;
      release();
      this.#answer(message, response, reply, true);
    };
    message.on('data', (chunk: Buffer) => {
      if (refused) return;
      size += chunk.length;
      if (size > maxBodyBytes) {
        refuse(messageReply(413, `the body is larger than ${maxBodyBytes} bytes`));
      } else if (first === undefined) {
        first = chunk;
      } else {
        // Most bodies come in one piece and are handled before anything else can happen; only others are held.
        if (more === undefined) {
          more = [first];
          message.once('close', release);
        }
        more.push(chunk);
        this.#heldBytes += size - heldBytes;
        heldBytes = size;
        if (this.#heldBytes <= this.#maxHeldBytes) return;
        this.#options.onRefused('overloaded');
        refuse(problemReply('overloaded', 'The bodies of the requests under way fill the memory that they may have.'));
      }
    });
    message.on('end', () => {
      if (refused) return;
      const body = more === undefined ? (first ?? EMPTY) : Buffer.concat(more, size);
      this.#handle(message, response, body);
    });
    // The client went away; there is nobody to answer.
    message.on('error', () => response.destroy());
  }

  #handle(message: IncomingMessage, response: ServerResponse, body: Buffer): void {
    try {
      const reply = this.#options.handle(routeRequest(message, body));
      if (reply instanceof Promise) {
        reply.then(
          (answer) => this.#answer(message, response, answer, false),
          (error: unknown) => this.#fail(message, response, error),
        );
      } else {
        this.#answer(message, response, reply, false);
      }
    } catch (error) {
      this.#fail(message, response, error);
    }
  }

  #fail(message: IncomingMessage, response: ServerResponse, error: unknown): void {
    this.#options.onError(error);
    this.#answer(message, response, messageReply(500, 'internal error'), false);
  }

  #answer(message: IncomingMessage, response: ServerResponse, reply: Reply, closing: boolean): void {
    if (response.headersSent || response.destroyed) return;
    const { status, headers, body } = reply;
    const lines: string[] = [];
    for (const name in headers) lines.push(name, headers[name] ?? '');
    if (status !== 204) lines.push('content-length', String(Buffer.byteLength(body)));
    if (closing || this.#dismissing) lines.push('connection', 'close');
    response.writeHead(status, lines);
    response.end(message.method === 'HEAD' ? undefined : body);
  }
}

const EMPTY = Buffer.alloc(0);

function routeRequest(message: IncomingMessage, body: Buffer): RouteRequest {
  const url = message.url ?? '/';
  const mark = url.indexOf('?');
  const set = message.headers['policy-set'];
  return {
    method: message.method ?? 'GET',
    path: mark === -1 ? url : url.slice(0, mark),
    query: mark === -1 ? '' : url.slice(mark + 1),
    contentType: message.headers['content-type'],
    set: typeof set === 'string' ? set : undefined,
    body,
  };
}
