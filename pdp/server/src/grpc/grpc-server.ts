import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
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
  /** Certificate and key, and what clients have to show; without it the server speaks HTTP/2 in clear text. */
  readonly tls?: SecureServerOptions | undefined;
  /** Who calls, or why the call is refused; nobody is asked without it. */
  readonly authenticate?:
    ((metadata: IncomingHttpHeaders, socket: Socket) => Authenticated | Promise<Authenticated>) | undefined;
  /** Told of every call that has ended, with the time it took in seconds. */
  readonly onCall: (method: GrpcMethodLabel, code: GrpcCode, seconds: number) => void;
  /** Told of bugs: a method that threw. */
  readonly onError: (error: unknown) => void;
}

export type Authenticated = { readonly kind: 'caller'; readonly caller: string | undefined } | GrpcFailure;

/** A listening server. */
export interface GrpcServer {
  readonly address: AddressInfo | string;
  /** Takes new certificates for connections from now on. Only for a server with `tls`. */
  readonly setSecureContext: (options: SecureServerOptions) => void;
  /** Tells every client to open another connection, and goes on answering on those that are open. */
  readonly dismissClients: () => void;
  /** Takes no new connection, answers what is under way, and resolves when the last is gone or time is up. */
  readonly drain: (timeoutMs: number) => Promise<void>;
}

const MAX_HEADER_BYTES = 65_536;
/** Proxies cancel calls whose own clients went away; beyond this a connection is closed as an attack (CVE-2023-44487). */
const RESETS = { streamResetBurst: 10_000, streamResetRate: 1_000 };
/** Connections whose client is gone without a word are found out by probes. */
const SOCKETS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 };
const SWEEP_MS = 1_000;
/** GOAWAY with the largest id: no call is refused yet, but the client learns that it has to connect anew. */
const LAST_STREAM_ID = 2 ** 31 - 1;

/** Starts the server. Rejects when the address is taken. */
export async function listenGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const settings = {
    maxConcurrentStreams: options.maxConcurrentStreams ?? GRPC_DEFAULTS.maxConcurrentStreams,
    maxHeaderListSize: MAX_HEADER_BYTES,
    enablePush: false,
  };
  const secure =
    options.tls === undefined
      ? undefined
      : createSecureServer({ ...options.tls, settings, ...RESETS, ...SOCKETS, allowHTTP1: false });
  const server = secure ?? createServer({ settings, ...RESETS, ...SOCKETS });
  server.maxConnections = options.maxConnections ?? GRPC_DEFAULTS.maxConnections;
  const edge = new GrpcEdge(options, server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.listen, resolve);
  });
  const address = server.address();
  if (address === null) throw new Error('the gRPC server has no address');
  return {
    address,
    setSecureContext: (tls) => secure?.setSecureContext(tls),
    dismissClients: () => edge.dismissClients(),
    drain: (timeoutMs) => edge.drain(timeoutMs),
  };
}

/** Between connections and calls. */
class GrpcEdge {
  readonly #server: Http2Server | Http2SecureServer;
  readonly #methods: ReadonlyMap<string, GrpcMethod>;
  readonly #deps: CallDeps;
  readonly #authenticate: GrpcServerOptions['authenticate'];
  readonly #sessions = new Set<ServerHttp2Session>();
  /** Calls whose message has not come as a whole, and streams. */
  readonly #open = new Set<OpenCall>();
  readonly #requestTimeoutMs: number;
  readonly #sweeping: NodeJS.Timeout;

  constructor(options: GrpcServerOptions, server: Http2Server | Http2SecureServer) {
    this.#server = server;
    this.#methods = new Map(options.methods.map((method) => [method.path, method]));
    this.#authenticate = options.authenticate;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? GRPC_DEFAULTS.requestTimeoutMs;
    this.#deps = {
      maxMessageBytes: options.maxMessageBytes ?? GRPC_DEFAULTS.maxMessageBytes,
      maxHeldBytes: options.maxHeldBytes ?? GRPC_DEFAULTS.maxHeldBytes,
      held: { bytes: 0 },
      open: this.#open,
      onCall: options.onCall,
      onError: options.onError,
    };
    server.on('session', (session: ServerHttp2Session) => this.#join(session));
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => this.#serve(stream, headers));
    this.#sweeping = setInterval(() => this.#sweep(performance.now()), SWEEP_MS);
    this.#sweeping.unref();
  }

  dismissClients(): void {
    for (const session of this.#sessions) {
      if (!session.destroyed) session.goaway(0, LAST_STREAM_ID);
    }
  }

  async drain(timeoutMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const call of this.#open) call.end(STOPPING);
    for (const session of this.#sessions) session.close();
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, timeoutMs);
    await closed;
    clearTimeout(timer);
    clearInterval(this.#sweeping);
  }

  #join(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.on('close', () => this.#sessions.delete(session));
    // The client broke the connection or the protocol: its calls tell that themselves.
    session.on('error', () => undefined);
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // Without a listener a client that goes would end the process. `close` follows.
    stream.on('error', () => undefined);
    const contentType = headers['content-type'] ?? '';
    if (headers[':method'] !== 'POST' || !/^application\/grpc(?:$|[;+])/.test(contentType)) {
      this.#deps.onCall('unknown', 'INVALID_ARGUMENT', 0);
      stream.respond({ ':status': headers[':method'] === 'POST' ? 415 : 405 }, { endStream: true });
      return;
    }
    const path = headers[':path'] ?? '';
    const method = this.#methods.get(path);
    if (method === undefined) {
      this.#deps.onCall('unknown', 'UNIMPLEMENTED', 0);
      refuse(stream, failure('UNIMPLEMENTED', `${path} is not served here`));
      return;
    }
    const { session } = stream;
    if (this.#authenticate === undefined || method.isPublic === true || session === undefined) {
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
    const who = this.#authenticate(headers, session.socket);
    if (!(who instanceof Promise)) admitted(who);
    else {
      who.then(admitted, (error: unknown) => {
        this.#deps.onError(error);
        admitted(failure('UNAUTHENTICATED', 'the caller could not be authenticated'));
      });
    }
  }

  /** Ends calls whose message takes too long to come. */
  #sweep(nowMs: number): void {
    for (const call of this.#open) {
      if (call.waitsSinceMs !== undefined && nowMs - call.waitsSinceMs > this.#requestTimeoutMs) call.end(TOO_SLOW);
    }
  }
}

const TOO_SLOW = failure('DEADLINE_EXCEEDED', 'the message took too long to come');
const STOPPING = failure('UNAVAILABLE', 'the server is shutting down');
