import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageReply, type Reply } from './reply.ts';
import type { RouteRequest } from './router.ts';

export interface ListenerOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly maxBodyBytes: number;
  /** Time for a client to send a whole request, headers and body. */
  readonly requestTimeoutMs: number;
  readonly handle: (request: RouteRequest) => Reply | Promise<Reply>;
  /** Told of bugs: a handler that threw. The client gets a 500 without details. */
  readonly onError: (error: unknown) => void;
}

/** A listening HTTP/1.1 server. */
export interface Listener {
  readonly address: AddressInfo;
  /** Answers what is under way, tells clients to close, and resolves when the last connection is gone or time is up. */
  readonly drain: (timeoutMs: number) => Promise<void>;
}

/** Longer than the idle time-outs of common load balancers (60 s), so that they close first and never race us. */
const KEEP_ALIVE_MS = 75_000;
const MAX_HEADERS_BYTES = 32_768;

/** Starts the server. Sockets live here and nowhere else. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  let draining = false;
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: options.requestTimeoutMs,
      headersTimeout: options.requestTimeoutMs,
      maxHeaderSize: MAX_HEADERS_BYTES,
      noDelay: true,
    },
    (message, response) => serve(message, response, options, () => draining),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP address');
  return {
    address,
    drain: async (timeoutMs) => {
      draining = true;
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

function serve(
  message: IncomingMessage,
  response: ServerResponse,
  options: ListenerOptions,
  isDraining: () => boolean,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let refused = false;
  const answer = (reply: Reply): void => {
    if (response.headersSent || response.destroyed) return;
    const headers: Record<string, string | number> = {
      ...reply.headers,
      'content-length': Buffer.byteLength(reply.body),
    };
    // A response sent while draining ends its connection, so that the client's next request goes elsewhere.
    if (isDraining() || refused) headers['connection'] = 'close';
    response.writeHead(reply.status, headers);
    response.end(message.method === 'HEAD' ? undefined : reply.body);
  };
  message.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= options.maxBodyBytes) {
      chunks.push(chunk);
    } else if (!refused) {
      refused = true;
      chunks.length = 0;
      answer(messageReply(413, `the body is larger than ${options.maxBodyBytes} bytes`));
    }
  });
  message.on('end', () => {
    if (refused) return;
    const [first] = chunks;
    const body = first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks, size);
    try {
      const reply = options.handle(routeRequest(message, body));
      if (reply instanceof Promise) reply.then(answer, (error: unknown) => fail(error));
      else answer(reply);
    } catch (error) {
      fail(error);
    }
  });
  // The client went away; there is nobody to answer.
  message.on('error', () => response.destroy());
  const fail = (error: unknown): void => {
    options.onError(error);
    answer(messageReply(500, 'internal error'));
  };
}

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
