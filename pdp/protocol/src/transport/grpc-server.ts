import type { IncomingMessage, ServerResponse } from 'node:http';
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { systemClock, type Clock } from '../clock.ts';
import { MESSAGE_MAX_BYTES } from '../limits.ts';
import { codeOf, messageOf, type Log } from '../log.ts';
import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import { decodePdpMessage, encodeOperatorMessage } from '../wire/codec.ts';
import type { AcceptStream } from './accept.ts';
import type { RotatingCertificate } from './certificate.ts';
import { FrameCutter, FrameError, frameOf } from './grpc-frames.ts';
import { ARTIFACTS_HEADER, CONNECT_PATH, CONTENT_TYPE, RETRY_AFTER_TRAILER } from './grpc-service.ts';
import { STATUS_OF_CLOSE, statusHeaders } from './grpc-status.ts';
import { listen } from './listen.ts';
import type { PeerErrorCode } from './peer-error.ts';
import type { MessageStream, StreamClose, StreamHandlers } from './stream.ts';

/** How long a stream waits for the judgement on its token, and a connection for the end of its handshake. */
export const AUTHENTICATION_TIMEOUT_MS = 10_000;
/** How long a connection may be without a stream, and how long the end of a stream may take to get out. */
export const IDLE_CONNECTION_MS = 10_000;
/** Streams of one connection: a PDP has one, and its transfers, of which there are four at a time by default. */
const STREAMS_PER_CONNECTION = 16;
/** Bytes of all headers of a request: a token and a few names. */
const HEADERS_MAX_BYTES = 16_384;

/** What serves streams over gRPC. */
export interface GrpcServerOptions {
  /** Address to listen on, and port; 0 for any. */
  readonly host: string;
  readonly port: number;
  readonly certificate: RotatingCertificate;
  /** Who sends this token. @throws PeerError */
  readonly authenticate: (token: string, signal: AbortSignal) => Promise<PeerIdentity>;
  /** Takes streams while this replica leads; undefined: it does not, and PDPs are to dial again after `notLeaderRetryMs`. */
  readonly acceptor: () => AcceptStream | undefined;
  readonly notLeaderRetryMs: () => number;
  /** Answers GETs by the same connections, as those of an HTTP server; absent: there is nothing to get. */
  readonly get?: (request: IncomingMessage, response: ServerResponse) => void;
  readonly log: Log;
  /** The machine's by default. */
  readonly clock?: Clock;
}

/** A listening server. */
export interface GrpcServer {
  readonly port: number;
  /** Ends every stream and the listening socket. */
  readonly close: () => Promise<void>;
}

/** Listens. @throws if the port cannot be bound */
export async function serveGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const { certificate, host, port } = options;
  // Loaded here: PDPs have this module too, and many never need it.
  const { createSecureServer, Http2ServerRequest, Http2ServerResponse } = await import('node:http2');
  const { cert, key } = certificate.current();
  const server = createSecureServer({
    cert,
    key,
    minVersion: 'TLSv1.2',
    handshakeTimeout: AUTHENTICATION_TIMEOUT_MS,
    settings: {
      enablePush: false,
      maxConcurrentStreams: STREAMS_PER_CONNECTION,
      maxHeaderListSize: HEADERS_MAX_BYTES,
    },
  });
  const stop = certificate.onChange((next) => {
    server.setSecureContext({ cert: next.cert, key: next.key, minVersion: 'TLSv1.2' });
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    // What is wrong with one connection is its own affair; its stream is told too.
    session.on('error', () => undefined);
    endWhenIdle(session, options.clock ?? systemClock);
  });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    // A stream that fails without a listener would be an uncaught error.
    stream.on('error', () => undefined);
    if (headers[':method'] === 'GET' && options.get !== undefined) {
      const request = new Http2ServerRequest(stream, headers, {}, []);
      // A body is of no interest, and one that nobody reads keeps the stream from closing.
      stream.resume();
      // Both are made to stand in for those of an HTTP/1.1 server, which their types do not say.
      options.get(request as unknown as IncomingMessage, new Http2ServerResponse(stream) as unknown as ServerResponse);
      return;
    }
    admit(stream, headers, options).catch((error: unknown) => {
      options.log.warn('a stream could not be admitted', { peer: peerOf(stream), error: messageOf(error) });
      refuse(stream, { code: 'Unavailable', reason: 'internal error' }, options.clock);
    });
  });
  const bound = await listen(server, host, port);
  return {
    port: bound,
    close: () =>
      new Promise((resolve) => {
        stop();
        server.close(() => {
          resolve();
        });
        for (const session of sessions) session.destroy();
      }),
  };
}

/**
 * A connection is there for its stream. One whose peer is gone needs no pings to be found: the protocol ends a stream that
 * is silent, and what is left of the connection goes after that.
 */
function endWhenIdle(session: ServerHttp2Session, clock: Clock): void {
  const end = (): void => {
    session.destroy();
  };
  let streams = 0;
  let cancel = clock.schedule(IDLE_CONNECTION_MS, end);
  session.on('stream', (stream) => {
    cancel();
    streams += 1;
    stream.on('close', () => {
      streams -= 1;
      if (streams === 0) cancel = clock.schedule(IDLE_CONNECTION_MS, end);
    });
  });
  session.on('close', () => {
    cancel();
  });
}

async function admit(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  options: GrpcServerOptions,
): Promise<void> {
  if (headers[':path'] !== CONNECT_PATH || headers[':method'] !== 'POST') {
    end(stream, statusHeaders(UNIMPLEMENTED, 'there is no such method'), options.clock);
    return;
  }
  const token = bearerToken(headers.authorization);
  if (token === undefined) {
    refuse(stream, { code: 'Unauthenticated', reason: 'no bearer token' }, options.clock);
    return;
  }
  if (options.acceptor() === undefined) {
    refuseNotLeader(stream, options);
    return;
  }
  let identity: PeerIdentity;
  try {
    identity = await options.authenticate(token, AbortSignal.timeout(AUTHENTICATION_TIMEOUT_MS));
  } catch (error) {
    const code = codeOf(error) as PeerErrorCode | undefined;
    options.log.warn('a stream was refused', {
      peer: peerOf(stream),
      code: code ?? 'Internal',
      error: messageOf(error),
    });
    refuse(stream, refusalOf(code, messageOf(error)), options.clock);
    return;
  }
  // Leadership may have been lost while the token was judged.
  const accept = options.acceptor();
  if (stream.destroyed || stream.aborted) return;
  if (accept === undefined) refuseNotLeader(stream, options);
  else new GrpcStream(stream, options.clock).serve(identity, accept, options.get !== undefined);
}

/** Of gRPC: the method is not known. */
const UNIMPLEMENTED = 12;
/** Of gRPC: a message is larger than it may be. */
const RESOURCE_EXHAUSTED = 8;

function refuseNotLeader(stream: ServerHttp2Stream, options: GrpcServerOptions): void {
  const retryAfterMs = options.notLeaderRetryMs();
  refuse(stream, { code: 'Unavailable', reason: 'not leader', retryAfterMs }, options.clock);
}

function refusalOf(code: PeerErrorCode | undefined, reason: string): StreamClose {
  switch (code) {
    case 'InvalidToken':
      return { code: 'Unauthenticated', reason };
    case 'UnknownPeer':
      return { code: 'Unauthenticated', reason, retryAfterMs: 5_000 };
    case 'Unavailable':
      return { code: 'Unavailable', reason, retryAfterMs: 2_000 };
    case undefined:
    default:
      return { code: 'Unavailable', reason: 'authentication failed' };
  }
}

function bearerToken(value: string | undefined): string | undefined {
  const [, token] = /^Bearer ([\x21-\x7e]{1,8192})$/.exec(value ?? '') ?? [];
  return token;
}

function peerOf(stream: ServerHttp2Stream): string {
  const { remoteAddress = '', remotePort = 0 } = stream.session?.socket ?? {};
  return `${remoteAddress}:${remotePort}`;
}

type Trailers = Readonly<Record<string, string>>;

function trailersOf({ code, reason, retryAfterMs }: StreamClose, status = STATUS_OF_CLOSE[code]): Trailers {
  return {
    ...statusHeaders(status, reason),
    ...(retryAfterMs === undefined ? {} : { [RETRY_AFTER_TRAILER]: String(Math.ceil(retryAfterMs)) }),
  };
}

/** Answers with nothing but the end. */
function refuse(stream: ServerHttp2Stream, close: StreamClose, clock: Clock | undefined): void {
  end(stream, trailersOf(close), clock);
}

function end(stream: ServerHttp2Stream, trailers: Trailers, clock: Clock | undefined): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond({ ':status': 200, 'content-type': CONTENT_TYPE, ...trailers }, { endStream: true });
  // What it still sends is of no interest.
  stream.resume();
  linger(stream, clock);
}

/** A peer that does not read gets no end, one that does not end its half keeps the stream, and a dead connection never closes. */
function linger(stream: ServerHttp2Stream, clock: Clock = systemClock): void {
  const cancel = clock.schedule(IDLE_CONNECTION_MS, () => {
    (stream.session ?? stream).destroy();
  });
  stream.once('close', cancel);
}

/** One accepted stream. */
class GrpcStream implements MessageStream<OperatorMessage> {
  readonly #stream: ServerHttp2Stream;
  readonly #clock: Clock | undefined;
  readonly #cutter = new FrameCutter(MESSAGE_MAX_BYTES);
  #trailers: Trailers = {};
  #ended = false;
  /** Absent until the acceptor has answered who hears it: it may close the stream before. */
  #handlers: StreamHandlers<PdpMessage> | undefined;

  constructor(stream: ServerHttp2Stream, clock: Clock | undefined) {
    this.#stream = stream;
    this.#clock = clock;
  }

  serve(identity: PeerIdentity, accept: AcceptStream, hasArtifacts: boolean): void {
    const stream = this.#stream;
    // Headers say to the PDP that it is let in.
    const headers = {
      ':status': 200,
      'content-type': CONTENT_TYPE,
      ...(hasArtifacts ? { [ARTIFACTS_HEADER]: 'here' } : {}),
    };
    stream.respond(headers, { waitForTrailers: true });
    stream.on('wantTrailers', () => {
      stream.sendTrailers(this.#trailers);
    });
    this.#handlers = accept(identity, this);
    stream.on('data', (piece: Buffer) => {
      this.#receive(piece);
    });
    stream.on('drain', () => {
      if (!this.#ended) this.#handlers?.onDrain();
    });
    stream.on('end', () => {
      this.#finish({ code: 'Closed', reason: 'the PDP ended the stream' });
    });
    stream.on('error', (error: Error) => {
      this.#finish({ code: 'Unavailable', reason: error.message });
    });
    stream.on('close', () => {
      this.#finish({ code: 'Unavailable', reason: 'the PDP went away' });
    });
    this.#handlers.onOpen();
  }

  send(message: OperatorMessage): boolean {
    if (this.#ended) return true;
    try {
      const bytes = encodeOperatorMessage(message);
      if (bytes.length > MESSAGE_MAX_BYTES) throw new FrameError('TooLarge', `it has ${bytes.length} bytes`);
      return this.#stream.write(frameOf(bytes));
    } catch (error) {
      this.#finish({ code: 'Protocol', reason: `${message.type} cannot be sent: ${messageOf(error)}` });
      return true;
    }
  }

  close(close: StreamClose): void {
    this.#finish(close);
  }

  #receive(piece: Buffer): void {
    if (this.#ended) return;
    try {
      for (const bytes of this.#cutter.push(piece)) {
        if (!this.#isOver()) this.#handlers?.onMessage(decodePdpMessage(bytes));
      }
    } catch (error) {
      const isTooLarge = error instanceof FrameError && error.code === 'TooLarge';
      this.#finish({ code: 'Protocol', reason: messageOf(error) }, isTooLarge ? RESOURCE_EXHAUSTED : undefined);
    }
  }

  /** It may have been ended meanwhile, also by a handler of messages. */
  #isOver(): boolean {
    return this.#ended;
  }

  #finish(close: StreamClose, status?: number): void {
    if (this.#ended) return;
    this.#ended = true;
    const stream = this.#stream;
    if (!stream.destroyed) {
      this.#trailers = trailersOf(close, status);
      stream.end();
      linger(stream, this.#clock);
    }
    queueMicrotask(() => this.#handlers?.onClose(close));
  }
}
