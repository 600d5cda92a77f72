import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { HttpRequest, RequestBounds } from '@edict/engine';

/** Bounds that no test meets unless it says so. */
export const ROOMY: RequestBounds = { timeoutMs: 30_000, maxMs: 30_000, maxResponseBytes: 65_536, maxRedirects: 10 };

/** A GET of a URL, as `http.send` would have it. */
export function aRequest(url: string, over: Partial<HttpRequest> = {}): HttpRequest {
  return {
    builtin: 'http.send',
    key: `http.send:${url}`,
    method: 'GET',
    url,
    headers: [],
    body: undefined,
    followRedirects: false,
    timeoutMs: undefined,
    maxRetries: 0,
    tls: { authorities: [], useSystemAuthorities: false, identities: [], skipVerify: false, serverName: '' },
    caching: undefined,
    ...over,
  };
}

/** A request that a test server got. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A server on a free port of 127.0.0.1, and what it got. */
export interface TestServer {
  readonly port: number;
  readonly url: string;
  readonly received: Received[];
  /** Sockets that were opened so far. */
  readonly sockets: readonly Socket[];
  readonly close: () => Promise<void>;
}

/** Starts an HTTP server, or an HTTPS server if it is given a certificate. */
export async function startServer(
  answer: (request: Received, response: ServerResponse) => void,
  tls?: ServerOptions,
): Promise<TestServer> {
  const received: Received[] = [];
  const listener: RequestListener = (message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      const { method = '', url = '', headers } = message;
      const request = { method, url, headers, body: Buffer.concat(chunks).toString() };
      received.push(request);
      answer(request, response);
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  const started = await listenOn(server);
  return { ...started, url: started.url.replace('http:', tls === undefined ? 'http:' : 'https:'), received };
}

/** Starts a server that writes what it likes. */
export async function startRawServer(connected: (socket: Socket) => void): Promise<TestServer> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined); // the client gives up on it: that is what is tested
    connected(socket);
  });
  return { ...(await listenOn(server)), received: [] };
}

async function listenOn(server: Server) {
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    sockets,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
