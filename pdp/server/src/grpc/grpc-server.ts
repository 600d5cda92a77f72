import type { IncomingHttpHeaders } from 'node:http2';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import {
  createServer as createSecureServer,
  type SecureContextOptions,
  type TlsOptions,
  type TLSSocket,
} from 'node:tls';
import {
  encodeBlock,
  ServerConnection,
  type ConnectionLimits,
  type Http2ErrorCode,
  type RequestHead,
  type ServerStream,
} from '@edict/protocol/http2';
import { systemClock } from '@edict/protocol';
import { WriteBatch } from '../http/transport/write-batch.ts';
import { answerCall, refuse, type CallDeps, type OpenCall } from './grpc-call.ts';
import type { GrpcMethod, GrpcMethodLabel } from './grpc-method.ts';
import { failure, type GrpcCode, type GrpcFailure } from './status.ts';

/** What the gRPC server takes unless told otherwise. */
export const GRPC_DEFAULTS = {
  maxMessageBytes: 4_194_304,
  maxConnections: 10_000,
  /** Calls of one connection that may be under way. */
  maxConcurrentStreams: 1_000,
  /** Bytes of unfinished messages, over all calls. */
  maxHeldBytes: 134_217_728,
  requestTimeoutMs: 10_000,
  /** Time for a caller to take what it is sent. */
  writeTimeoutMs: 30_000,
  /**
   * Proxies cancel calls whose own clients went away, and ask whether the connection is alive. So many of these frames are
   * taken at once, and each second; beyond them a connection is closed as an attack (CVE-2023-44487).
   */
  floodBurst: 10_000,
  floodPerSecond: 1_000,
} as const;

/** Where to listen: a TCP address, or the path of a unix socket. */
export type GrpcAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export interface GrpcServerOptions {
  readonly listen: GrpcAddress;
  readonly methods: readonly GrpcMethod[];
  readonly maxMessageBytes?: number | undefined;
  readonly maxConnections?: number | undefined;
  readonly maxConcurrentStreams?: number | undefined;
  readonly maxHeldBytes?: number | undefined;
  /** Time for a caller to send a whole message. */
  readonly requestTimeoutMs?: number | undefined;
  readonly writeTimeoutMs?: number | undefined;
  readonly floodBurst?: number | undefined;
  readonly floodPerSecond?: number | undefined;
  /** Certificate and key, and what clients have to show; without it the server speaks HTTP/2 in clear text. */
  readonly tls?: TlsOptions | undefined;
  /** Who calls, or why the call is refused; nobody is asked without it. */
  readonly authenticate?:
    ((metadata: Readonly<IncomingHttpHeaders>, socket: Socket) => Authenticated | Promise<Authenticated>) | undefined;
  /** Told of every call that has ended, with the time it took in seconds. */
  readonly onCall: (method: GrpcMethodLabel, code: GrpcCode, seconds: number) => void;
  /** Told of every connection that was broken off for what its client did to HTTP/2, with the error's name there. */
  readonly onBroken?: ((code: Http2ErrorCode) => void) | undefined;
  /** Told of bugs: a method that threw. */
  readonly onError: (error: unknown) => void;
}

export type Authenticated = { readonly kind: 'caller'; readonly caller: string | undefined } | GrpcFailure;

/** A listening server. */
export interface GrpcServer {
  readonly address: AddressInfo | string;
  /** Takes new certificates for connections from now on. Only for a server with `tls`. */
  readonly setSecureContext: (options: SecureContextOptions) => void;
  /** Tells every client to open another connection, and goes on answering on those that are open. */
  readonly dismissClients: () => void;
  /** Takes no new connection, answers what is under way, and resolves when the last is gone or time is up. */
  readonly drain: (timeoutMs: number) => Promise<void>;
}

const MAX_HEADER_BYTES = 65_536;
/** A client may send so much before it is used: of each call, and of a connection. */
const STREAM_WINDOW_BYTES = 262_144;
const CONNECTION_WINDOW_BYTES = 1_048_576;
/** Connections whose client is gone without a word are found out by probes. */
const SOCKETS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 };
const SWEEP_MS = 1_000;
const ALPN = 'h2';

/** Starts the server. Rejects when the address is taken. */
export async function listenGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const { tls, requestTimeoutMs: handshakeTimeout = GRPC_DEFAULTS.requestTimeoutMs } = options;
  const secure =
    tls === undefined
      ? undefined
      : createSecureServer({
          ...tls,
          ...SOCKETS,
          // Of a list of protocols Node keeps a copy for each connection, in a slab of 64 KiB that few of them share.
          ALPNCallback: ({ protocols }) => (protocols.includes(ALPN) ? ALPN : undefined),
          handshakeTimeout,
        });
  const server = secure ?? createServer(SOCKETS);
  server.maxConnections = options.maxConnections ?? GRPC_DEFAULTS.maxConnections;
  const edge = new GrpcEdge(options, server);
  if (secure === undefined) server.on('connection', (socket: Socket) => edge.connect(socket));
  else {
    server.on('connection', (socket: Socket) => edge.track(socket));
    secure.on('secureConnection', (socket: TLSSocket) => {
      if (socket.alpnProtocol === ALPN) edge.connect(socket);
      else socket.destroy();
    });
    // Node closes no socket whose handshake took too long.
    secure.on('tlsClientError', (_error: Error, socket: TLSSocket) => socket.destroy());
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.listen, resolve);
  });
  const address = server.address();
  if (address === null) throw new Error('the gRPC server has no address');
  return {
    address,
    setSecureContext: (context) => secure?.setSecureContext(context),
    dismissClients: () => edge.dismissClients(),
    drain: (timeoutMs) => edge.drain(timeoutMs),
  };
}

/** Between connections and calls. */
class GrpcEdge {
  readonly #server: Server;
  readonly #methods: ReadonlyMap<string, GrpcMethod>;
  readonly #deps: CallDeps;
  readonly #authenticate: GrpcServerOptions['authenticate'];
  readonly #onBroken: NonNullable<GrpcServerOptions['onBroken']>;
  readonly #limits: ConnectionLimits;
  readonly #connections = new Set<ServerConnection>();
  /** What lies below TLS, handshakes that are under way included. */
  readonly #sockets = new Set<Socket>();
  /** Calls whose message has not come as a whole, and streams. */
  readonly #open = new Set<OpenCall>();
  readonly #sweeping: NodeJS.Timeout;
  readonly #writes = new WriteBatch(systemClock.monotonic, setImmediate);

  constructor(options: GrpcServerOptions, server: Server) {
    this.#server = server;
    this.#methods = new Map(options.methods.map((method) => [method.path, method]));
    this.#authenticate = options.authenticate;
    this.#onBroken = options.onBroken ?? (() => undefined);
    this.#limits = {
      maxConcurrentStreams: options.maxConcurrentStreams ?? GRPC_DEFAULTS.maxConcurrentStreams,
      maxHeaderBytes: MAX_HEADER_BYTES,
      streamWindowBytes: STREAM_WINDOW_BYTES,
      connectionWindowBytes: CONNECTION_WINDOW_BYTES,
      readTimeoutMs: options.requestTimeoutMs ?? GRPC_DEFAULTS.requestTimeoutMs,
      writeTimeoutMs: options.writeTimeoutMs ?? GRPC_DEFAULTS.writeTimeoutMs,
      floodBurst: options.floodBurst ?? GRPC_DEFAULTS.floodBurst,
      floodPerSecond: options.floodPerSecond ?? GRPC_DEFAULTS.floodPerSecond,
    };
    this.#deps = {
      maxMessageBytes: options.maxMessageBytes ?? GRPC_DEFAULTS.maxMessageBytes,
      maxHeldBytes: options.maxHeldBytes ?? GRPC_DEFAULTS.maxHeldBytes,
      held: { bytes: 0 },
      open: this.#open,
      onCall: options.onCall,
      onError: options.onError,
    };
    this.#sweeping = setInterval(() => this.#sweep(systemClock.monotonic()), SWEEP_MS);
    this.#sweeping.unref();
  }

  /** Knows of a socket until it is closed. */
  track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  /** Serves HTTP/2 on a socket. */
  connect(socket: Socket): void {
    const connection = new ServerConnection({
      socket,
      limits: this.#limits,
      nowMs: systemClock.monotonic,
      repeatsHeads: true,
      writes: this.#writes,
      onRequest: (stream, head) => this.#serve(socket, stream, head),
      onBroken: (code, cause) => {
        if (code === 'INTERNAL_ERROR') this.#deps.onError(cause);
        this.#onBroken(code);
      },
      onClosed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
  }

  dismissClients(): void {
    for (const connection of this.#connections) connection.dismiss();
  }

  async drain(timeoutMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const call of this.#open) call.end(STOPPING);
    for (const connection of this.#connections) connection.drain();
    const timer = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
      for (const socket of this.#sockets) socket.destroy();
    }, timeoutMs);
    await closed;
    clearTimeout(timer);
    clearInterval(this.#sweeping);
  }

  #serve(socket: Socket, stream: ServerStream, { method: verb, path, headers }: RequestHead): void {
    if (verb !== 'POST' || !isGrpc(headers['content-type'])) {
      this.#deps.onCall('unknown', 'INVALID_ARGUMENT', 0);
      stream.headers(verb === 'POST' ? UNSUPPORTED_TYPE : METHOD_NOT_ALLOWED, true);
      return;
    }
    const method = this.#methods.get(path);
    if (method === undefined) {
      this.#deps.onCall('unknown', 'UNIMPLEMENTED', 0);
      refuse(stream, failure('UNIMPLEMENTED', `${path} is not served here`));
      return;
    }
    if (this.#authenticate === undefined || method.isPublic === true) {
      answerCall(this.#deps, method, stream, headers, undefined);
      return;
    }
    const admitted = (who: Authenticated): void => {
      if (who.kind === 'caller') answerCall(this.#deps, method, stream, headers, who.caller);
      else {
        this.#deps.onCall(method.label, who.code, 0);
        refuse(stream, who);
      }
    };
    const who = this.#authenticate(headers, socket);
    if (!(who instanceof Promise)) admitted(who);
    else {
      who.then(admitted, (error: unknown) => {
        this.#deps.onError(error);
        admitted(failure('UNAUTHENTICATED', 'the caller could not be authenticated'));
      });
    }
  }

  /** Ends calls whose message takes too long to come, and connections whose clients take too long. */
  #sweep(nowMs: number): void {
    for (const call of this.#open) {
      if (call.waitsSinceMs !== undefined && nowMs - call.waitsSinceMs > this.#limits.readTimeoutMs) call.end(TOO_SLOW);
    }
    for (const connection of this.#connections) connection.check(nowMs);
  }
}

function isGrpc(contentType: string | undefined): boolean {
  return contentType === 'application/grpc' || /^application\/grpc[;+]/.test(contentType ?? '');
}

const UNSUPPORTED_TYPE = encodeBlock([[':status', '415']]);
const METHOD_NOT_ALLOWED = encodeBlock([[':status', '405']]);
const TOO_SLOW = failure('DEADLINE_EXCEEDED', 'the message took too long to come');
const STOPPING = failure('UNAVAILABLE', 'the server is shutting down');
