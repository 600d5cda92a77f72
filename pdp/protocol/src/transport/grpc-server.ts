import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { systemClock, type Clock } from '../clock.ts';
import type { RequestHead } from '../http2/request-head.ts';
import { ServerConnection, type ConnectionLimits } from '../http2/server-connection.ts';
import type { ServerStream } from '../http2/server-stream.ts';
import type { Writer } from '../http2/writer.ts';
import { codeOf, messageOf, type Log } from '../log.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import type { AcceptTunnel } from '../tunnel/leader-tunnels.ts';
import type { AcceptBytes, AcceptStream } from './accept.ts';
import { exchangeOverStream, type ArtifactExchange } from './artifact-exchange.ts';
import type { Certificate, RotatingCertificate } from './certificate.ts';
import { endWith, refuse, serveStream } from './grpc-accepted-stream.ts';
import type { StreamClose } from './stream.ts';
import { CONNECT_PATH, TUNNEL_PATH } from './grpc-service.ts';
import { statusHeaders } from './grpc-status.ts';
import { listen } from './listen.ts';
import { BYTES_CODEC, OPERATOR_CODEC, TUNNEL_CODEC } from './message-codec.ts';
import { PeerError, refusalOf, type PeerErrorCode } from './peer-error.ts';

/** How long a stream waits for the judgement on its token, and a connection for the end of its handshake. */
export const AUTHENTICATION_TIMEOUT_MS = 10_000;
/** How long a connection may be without a stream. */
export const IDLE_CONNECTION_MS = 10_000;
/** Connections at a time, those included whose handshake or token is not through; more are closed at once. */
export const CONNECTIONS_MAX = 24_000;
/** How often connections are looked at that may have been idle, or slow, for too long. */
export const SWEEP_MS = 1_000;

/**
 * What a connection may do. A PDP has one stream on it, and its transfers, of which there are four at a time by default; its
 * headers are a token and a few names; what it sends before its token is judged is held; it pings every 20 s.
 */
const LIMITS: ConnectionLimits = {
  maxConcurrentStreams: 16,
  maxHeaderBytes: 16_384,
  streamWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  readTimeoutMs: 10_000,
  writeTimeoutMs: 10_000,
  idleTimeoutMs: IDLE_CONNECTION_MS,
  floodBurst: 1_000,
  floodPerSecond: 100,
};
const ALPN = 'h2';

/** What serves streams over gRPC. */
export interface GrpcServerOptions {
  /** Address to listen on, and port; 0 for any. */
  readonly host: string;
  readonly port: number;
  readonly certificate: RotatingCertificate;
  /** Who sends this token. @throws PeerError */
  readonly authenticate: (token: string, signal: AbortSignal) => Promise<PeerIdentity>;
  /**
   * Who has a certificate with these names, which one of `clientCa` of the server's certificate has signed. Asked of streams
   * without a token; absent: these are refused. @throws PeerError
   */
  readonly identify?: (names: readonly string[]) => PeerIdentity;
  /** Takes streams while this replica leads; undefined: it does not, and PDPs are to dial again after `notLeaderRetryMs`. */
  readonly acceptor: () => AcceptStream | undefined;
  /** Takes them while it does not lead, and carries them to the leader; absent or undefined: as above. */
  readonly carrier?: () => AcceptBytes | undefined;
  /** Takes what followers carry; absent: there is no such method. */
  readonly tunnels?: TunnelDoor;
  readonly notLeaderRetryMs: () => number;
  /** Whom they may dial in its place, and when; undefined where that is not known. */
  readonly leader?: () => StreamClose['leader'];
  /** Answers what is fetched by the same connections; absent: there is nothing to fetch. */
  readonly get?: (exchange: ArtifactExchange) => void;
  /** Default {@link CONNECTIONS_MAX}. */
  readonly connectionsMax?: number;
  readonly log: Log;
  /** The machine's by default. */
  readonly clock?: Clock;
}

/** Where followers knock. */
export interface TunnelDoor {
  /** Which replica sends this token. @throws PeerError */
  readonly authenticate: (token: string, signal: AbortSignal) => Promise<PeerIdentity>;
  /** Undefined while this replica does not lead. */
  readonly acceptor: () => AcceptTunnel | undefined;
}

/** A listening server. */
export interface GrpcServer {
  readonly port: number;
  /** Ends every stream and the listening socket. */
  readonly close: () => Promise<void>;
}

/** Listens. @throws if the port cannot be bound */
export async function serveGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const { certificate, host, port, log, clock = systemClock, connectionsMax = CONNECTIONS_MAX } = options;
  const server = createServer({
    ...contextOf(certificate.current()),
    // Asked for, and needed only where there is no token. Whether one is asked for stays as it is at the start.
    requestCert: certificate.current().clientCa !== undefined,
    rejectUnauthorized: false,
    // Of a list of protocols Node keeps a copy for each connection, in a slab of 64 KiB that few of them share.
    ALPNCallback: ({ protocols }) => (protocols.includes(ALPN) ? ALPN : undefined),
    handshakeTimeout: AUTHENTICATION_TIMEOUT_MS,
    noDelay: true,
  });
  const stop = certificate.onChange((next) => {
    server.setSecureContext(contextOf(next));
  });
  let dropped = 0;
  server.maxConnections = connectionsMax;
  server.on('drop', () => {
    dropped += 1;
  });
  const sockets = new Set<Socket>();
  const connections = new Set<ServerConnection>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('secureConnection', (socket) => {
    if (socket.alpnProtocol !== ALPN) {
      socket.destroy();
      return;
    }
    const connection = serveConnection(socket, options, clock, () => connections.delete(connection));
    connections.add(connection);
  });
  // Node closes no socket whose handshake failed or took too long.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  let cancelSweep = clock.schedule(SWEEP_MS, sweep);
  function sweep(): void {
    const now = clock.monotonic();
    for (const connection of connections) connection.check(now);
    if (dropped > 0) log.warn('connections were closed at once: there are too many', { dropped, connectionsMax });
    dropped = 0;
    cancelSweep = clock.schedule(SWEEP_MS, sweep);
  }
  const bound = await listen(server, host, port);
  return {
    port: bound,
    close: () =>
      new Promise((resolve) => {
        stop();
        cancelSweep();
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/**
 * Key exchanges in the order of preference. That with ML-KEM, for which OpenSSL keeps 10 kB as long as the connection lives, is
 * there for clients that offer no other.
 */
const KEY_EXCHANGES = 'X25519:P-256:X25519MLKEM768';

/** No PDP resumes a session: what would be kept and sent for that is left out. */
function contextOf({ cert, key, clientCa }: Certificate): SecureContextOptions {
  return {
    cert,
    key,
    ...(clientCa === undefined ? {} : { ca: clientCa }),
    minVersion: 'TLSv1.2',
    ecdhCurve: KEY_EXCHANGES,
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/**
 * Serves HTTP/2 on one connection, with as little beside it as can be: a leader has thousands. One whose peer is gone needs no
 * pings to be found: the protocol ends a stream that is silent, and a connection without streams is closed.
 */
function serveConnection(
  socket: TLSSocket,
  options: GrpcServerOptions,
  clock: Clock,
  onClosed: () => void,
): ServerConnection {
  const peer = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
  return new ServerConnection({
    socket,
    limits: LIMITS,
    nowMs: clock.monotonic,
    repeatsHeads: false,
    writes: AFTER_THIS_TURN,
    onRequest: (stream, head) => {
      answerRequest(stream, head, options, { peer, socket });
    },
    onBroken: (code, cause) => {
      const error = cause === undefined ? 'it does not read' : messageOf(cause);
      options.log.warn('a connection was broken off', { peer, code, error });
    },
    onClosed,
  });
}

/** What is sent to one PDP in one go is one write. */
const AFTER_THIS_TURN = {
  add: (writer: Writer) => {
    queueMicrotask(() => {
      writer.writeNow();
    });
  },
};

/** Who is at the other end of a connection. */
interface Remote {
  /** `address:port`. */
  readonly peer: string;
  readonly socket: TLSSocket;
}

function answerRequest(stream: ServerStream, head: RequestHead, options: GrpcServerOptions, remote: Remote): void {
  if (head.method === 'GET' && options.get !== undefined) {
    options.get(exchangeOverStream(stream, head));
    return;
  }
  admit(stream, head, options, remote).catch((error: unknown) => {
    options.log.warn('a stream could not be admitted', { peer: remote.peer, error: messageOf(error) });
    stream.reset('INTERNAL_ERROR');
  });
}

async function admit(
  stream: ServerStream,
  { method, path, headers }: RequestHead,
  options: GrpcServerOptions,
  remote: Remote,
): Promise<void> {
  const isTunnel = path === TUNNEL_PATH && options.tunnels !== undefined;
  if ((path !== CONNECT_PATH && !isTunnel) || method !== 'POST') {
    endWith(stream, statusHeaders(UNIMPLEMENTED, 'there is no such method'));
    return;
  }
  const token = bearerToken(headers.authorization);
  if (isTunnel) await admitFollower(stream, token, options.tunnels, options, remote);
  else await admitPdp(stream, token, options, remote);
}

async function admitPdp(
  stream: ServerStream,
  token: string | undefined,
  options: GrpcServerOptions,
  { peer, socket }: Remote,
): Promise<void> {
  const names = token === undefined && options.identify !== undefined ? clientNames(socket) : [];
  if (token === undefined && names.length === 0) {
    refuse(stream, { code: 'Unauthenticated', reason: 'no bearer token' });
    return;
  }
  if (options.acceptor() === undefined && options.carrier?.() === undefined) {
    refuseNotLeader(stream, options);
    return;
  }
  const identity = await identified(stream, peer, options, () => identityOf(token, names, options));
  if (identity === undefined || stream.isClosed) return;
  const hasArtifacts = options.get !== undefined;
  // Leadership may have been lost, or won, while the token was judged.
  const accept = options.acceptor();
  const carry = accept === undefined ? options.carrier?.() : undefined;
  if (accept !== undefined) serveStream(stream, OPERATOR_CODEC, (own) => accept(identity, own), hasArtifacts);
  else if (carry !== undefined) serveStream(stream, BYTES_CODEC, (own) => carry(identity, own), hasArtifacts);
  else refuseNotLeader(stream, options);
}

async function admitFollower(
  stream: ServerStream,
  token: string | undefined,
  { authenticate, acceptor }: TunnelDoor,
  options: GrpcServerOptions,
  { peer }: Remote,
): Promise<void> {
  if (token === undefined) {
    refuse(stream, { code: 'Unauthenticated', reason: 'no bearer token' });
    return;
  }
  if (acceptor() === undefined) {
    refuseNotLeader(stream, options);
    return;
  }
  const follower = await identified(stream, peer, options, () =>
    authenticate(token, AbortSignal.timeout(AUTHENTICATION_TIMEOUT_MS)),
  );
  if (follower === undefined || stream.isClosed) return;
  const accept = acceptor();
  if (accept === undefined) refuseNotLeader(stream, options);
  else serveStream(stream, TUNNEL_CODEC, (own) => accept(follower.podName, own), false);
}

/** Who it is, or undefined for somebody who has been refused. */
async function identified(
  stream: ServerStream,
  peer: string,
  { log }: GrpcServerOptions,
  identify: () => Promise<PeerIdentity>,
): Promise<PeerIdentity | undefined> {
  try {
    return await identify();
  } catch (error) {
    const code = codeOf(error) as PeerErrorCode | undefined;
    log.warn('a stream was refused', { peer, code: code ?? 'Internal', error: messageOf(error) });
    refuse(stream, refusalOf(code, messageOf(error)));
    return undefined;
  }
}

async function identityOf(
  token: string | undefined,
  names: readonly string[],
  { authenticate, identify }: GrpcServerOptions,
): Promise<PeerIdentity> {
  if (token !== undefined) return await authenticate(token, AbortSignal.timeout(AUTHENTICATION_TIMEOUT_MS));
  if (identify === undefined) throw new PeerError('InvalidToken', 'no bearer token');
  return identify(names);
}

/** The names in the certificate of whoever is at the other end; none unless one of our authorities has signed it. */
function clientNames(socket: TLSSocket): readonly string[] {
  if (!socket.authorized) return [];
  const { subjectaltname = '' } = socket.getPeerCertificate();
  // What Node puts into quotes holds what would pass for another name.
  return subjectaltname.split(', ').flatMap((entry) => /^(?:DNS|URI):([^"\s]+)$/.exec(entry)?.[1] ?? []);
}

/** Of gRPC: the method is not known. */
const UNIMPLEMENTED = 12;

function refuseNotLeader(stream: ServerStream, options: GrpcServerOptions): void {
  const leader = options.leader?.();
  refuse(stream, {
    code: 'Unavailable',
    reason: 'not leader',
    retryAfterMs: options.notLeaderRetryMs(),
    ...(leader === undefined ? {} : { leader }),
  });
}

function bearerToken(value: string | undefined): string | undefined {
  const [, token] = /^Bearer ([\x21-\x7e]{1,8192})$/.exec(value ?? '') ?? [];
  return token;
}
