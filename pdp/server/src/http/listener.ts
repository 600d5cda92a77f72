import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import {
  ANONYMOUS,
  LOCAL,
  type Authenticator,
  type Peer,
  type RefusalReason,
} from '../authentication/authenticator.ts';
import { peerOfTls } from '../authentication/tls-peer.ts';
import type { ProblemName } from './reply.ts';
import type { Handle } from './route.ts';
import type { ConnectionHost, DropReason } from './transport/connection-host.ts';
import { Connections } from './transport/connections.ts';
import { MAX_REQUESTS } from './transport/dispatcher.ts';
import { clearSocketPath, openSocketTo } from './transport/socket-path.ts';
import { secureContextOptions, type TlsFiles } from './transport/tls-files.ts';

export interface ListenerOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** A unix socket to listen on besides, and who may open it; its clients are let in by that alone. */
  readonly socket?: SocketOptions | undefined;
  /** Speaks TLS on the port, HTTP/2 and HTTP/1.1 by ALPN. Without it the port is plain, and HTTP/2 by prior knowledge. */
  readonly tls?: ListenerTls | undefined;
  /** Without one nobody is asked who they are. */
  readonly authenticator?: Authenticator | undefined;
  readonly maxBodyBytes: number;
  /** Bytes of unfinished bodies, over all requests; {@link MAX_HELD_BYTES} by default. */
  readonly maxHeldBytes?: number | undefined;
  /** Open connections; further ones are closed at once. {@link MAX_CONNECTIONS} by default. */
  readonly maxConnections?: number | undefined;
  /** Requests that may wait for their answers at once; `MAX_REQUESTS` by default. */
  readonly maxRequests?: number | undefined;
  /** Requests under way on one HTTP/2 connection; {@link MAX_STREAMS} by default. */
  readonly maxStreams?: number | undefined;
  /** Requests after which a connection is closed; never by default. */
  readonly maxRequestsPerConnection?: number | undefined;
  /** Time for a client to send a whole request, headers and body, and for a TLS handshake. */
  readonly requestTimeoutMs: number;
  /** Time between two requests of a connection; {@link KEEP_ALIVE_MS} by default. */
  readonly keepAliveMs?: number | undefined;
  /** Time for a client to take an answer; {@link WRITE_TIMEOUT_MS} by default. */
  readonly writeTimeoutMs?: number | undefined;
  readonly handle: Handle;
  /** Told of every request that a bound of the listener kept from being handled. */
  readonly onRefused: (problem: ProblemName) => void;
  /** Told of every request whose caller was not let in. */
  readonly onUnauthenticated?: ((reason: RefusalReason) => void) | undefined;
  /** Told of every connection that was closed before its client had all that it asked for. */
  readonly onDropped?: ((reason: DropReason) => void) | undefined;
  /** What bodies that are on their way count against besides; nothing by default. */
  readonly accountOf?: ConnectionHost['accountOf'] | undefined;
  /** Told of every connection, with what it speaks. */
  readonly onConnection?: ((protocol: 'http1' | 'http2') => void) | undefined;
  /** Told of bugs: a handler that threw. The client gets a 500 without details. */
  readonly onError: (error: unknown) => void;
}

/** A unix socket and the mode of its file. */
export interface SocketOptions {
  readonly path: string;
  readonly mode: number;
}

/** How a port speaks TLS. */
export interface ListenerTls {
  readonly files: TlsFiles;
  /** Whether a client must show a certificate; `Optional` asks for one and takes it where there is one. */
  readonly clientCertificates: 'None' | 'Optional' | 'Required';
}

/** A listening server: HTTP/1.1, and HTTP/2. */
export interface Listener {
  readonly address: AddressInfo;
  /** Connections that are open now. */
  readonly connections: number;
  /** From now on every answer ends its connection, so that clients go elsewhere one by one. */
  readonly dismissClients: () => void;
  /** Takes no new connection, answers what is under way, and resolves when the last is gone or time is up. */
  readonly drain: (timeoutMs: number) => Promise<void>;
}

/** Default of {@link ListenerOptions.maxConnections}. */
export const MAX_CONNECTIONS = 10_000;
/** Default of {@link ListenerOptions.maxHeldBytes}. */
export const MAX_HELD_BYTES = 134_217_728;
/** Default of {@link ListenerOptions.maxStreams}. */
export const MAX_STREAMS = 100;
/** Longer than the idle time-outs of common load balancers (60 s), so that they close first and never race us. */
export const KEEP_ALIVE_MS = 75_000;
/** Default of {@link ListenerOptions.writeTimeoutMs}. */
export const WRITE_TIMEOUT_MS = 30_000;

/** By ALPN, the best first. */
const PROTOCOLS = ['h2', 'http/1.1'];

/** Starts the server. Rejects when an address is taken. Sockets live here and in `transport/`, and nowhere else. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { socket, tls } = options;
  const connections = new Connections({
    ...options,
    maxHeldBytes: options.maxHeldBytes ?? MAX_HELD_BYTES,
    maxRequests: options.maxRequests ?? MAX_REQUESTS,
    maxRequestsPerConnection: options.maxRequestsPerConnection ?? Infinity,
    maxStreams: options.maxStreams ?? MAX_STREAMS,
    keepAliveMs: options.keepAliveMs ?? KEEP_ALIVE_MS,
    writeTimeoutMs: options.writeTimeoutMs ?? WRITE_TIMEOUT_MS,
    onDropped: options.onDropped ?? (() => undefined),
  });
  const main = tls === undefined ? plainServer(connections, ANONYMOUS) : tlsServer(connections, tls, options);
  const servers = [main];
  try {
    if (socket !== undefined) {
      await clearSocketPath(socket.path);
      const local = plainServer(connections, LOCAL);
      servers.push(local);
      bound(local, connections, options);
      await started(local, () => local.listen(socket.path));
      await openSocketTo(socket.path, socket.mode);
    }
    bound(main, connections, options);
    await started(main, () => main.listen(options.port, options.host));
  } catch (error) {
    for (const server of servers) server.close();
    connections.close();
    throw error;
  }
  const address = main.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP address');
  return {
    address,
    get connections() {
      return connections.count;
    },
    dismissClients: () => connections.dismiss(),
    drain: async (timeoutMs) => {
      connections.dismiss();
      await close(servers, connections, timeoutMs);
    },
  };
}

/** A plain server: HTTP/1, and HTTP/2 for clients that begin with it. Half-closed clients get their answers. */
function plainServer(connections: Connections, peer: Peer): Server {
  return createServer({ allowHalfOpen: true, noDelay: true }, (socket) => connections.addPlain(socket, peer));
}

function tlsServer(connections: Connections, tls: ListenerTls, options: ListenerOptions): Server {
  const server: TlsServer = createTlsServer(
    {
      ...secureContextOptions(tls.files.current),
      // Of a list of protocols Node keeps a copy for each connection, in a slab that few of them share.
      ALPNCallback: ({ protocols }) => PROTOCOLS.find((name) => protocols.includes(name)),
      requestCert: tls.clientCertificates !== 'None',
      rejectUnauthorized: tls.clientCertificates === 'Required',
      handshakeTimeout: options.requestTimeoutMs,
      allowHalfOpen: true,
      noDelay: true,
    },
    (socket: TLSSocket) => connections.addSecure(socket, peerOfTls(socket), socket.alpnProtocol === 'h2'),
  );
  const unfollow = tls.files.follow((materials) => server.setSecureContext(secureContextOptions(materials)));
  server.on('close', unfollow);
  server.on('tlsClientError', (_error, socket) => {
    options.onDropped?.('handshake');
    socket.destroy();
  });
  return server;
}

function bound(server: Server, connections: Connections, options: ListenerOptions): void {
  server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
  server.on('drop', () => {
    options.onRefused('overloaded');
    options.onDropped?.('too-many');
  });
  // The socket below TLS, which is there before a handshake has ended.
  server.on('connection', (socket: Socket) => connections.track(socket));
}

async function started(server: Server, start: () => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    start();
  });
}

async function close(servers: readonly Server[], connections: Connections, timeoutMs: number): Promise<void> {
  const closed = Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  connections.closeIdle();
  const timer = setTimeout(() => connections.destroy(), timeoutMs);
  await closed;
  clearTimeout(timer);
  connections.close();
}
