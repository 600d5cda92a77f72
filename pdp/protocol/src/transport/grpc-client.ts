import { readFile } from 'node:fs/promises';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Clock } from '../clock.ts';
import { codeOf, messageOf } from '../log.ts';
import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { TunnelFrame } from '../tunnel/frames.ts';
import { FrameCutter, frameOf } from './grpc-frames.ts';
import {
  ARTIFACTS_HEADER,
  CONNECT_PATH,
  CONTENT_TYPE,
  KEEPALIVE_INTERVAL_MS,
  KEEPALIVE_TIMEOUT_MS,
  TUNNEL_PATH,
} from './grpc-service.ts';
import { closeOfHeaders, hasStatus } from './grpc-status.ts';
import { PDP_CODEC, TUNNEL_CODEC, type MessageCodec } from './message-codec.ts';
import { LEADER_CONNECT_TIMEOUT_MS, NamedLeader } from './named-leader.ts';
import { hostOf, serverIdentityOf } from './server-identity.ts';
import type { StreamConnection } from './stream-connection.ts';
import type { Dial, MessageStream, StreamClose, StreamHandlers } from './stream.ts';
import { explainTlsProblem, tlsProblemOf } from './tls-problem.ts';

/** How a PDP reaches its operator. All files are read again for every stream: tokens and CAs are rotated under us. */
export interface GrpcDialOptions {
  /** `host:port`. */
  readonly address: string;
  /** PEM file of the certificate authorities that may have signed the operator's certificate. */
  readonly caFile: string;
  /** File of the bearer token; absent for one who is known by its certificate. */
  readonly tokenFile?: string;
  /** PEM files of the client's certificate and its key. */
  readonly certificate?: { readonly certFile: string; readonly keyFile: string };
  /** Name or address that the certificate must bear, if it is not the address's host. */
  readonly serverName?: string;
  /** A stream that the operator has not accepted within this is given up. */
  readonly connectTimeoutMs?: number;
  /** Told of the connection while artifacts are served by it. */
  readonly connection?: StreamConnection;
  readonly clock: Clock;
}

/** Default of {@link GrpcDialOptions.connectTimeoutMs}. */
export const CONNECT_TIMEOUT_MS = 15_000;

/**
 * How long an address may leave an attempt to connect unanswered. What is sent to a pod whose node is gone vanishes, while a
 * Service still names it: the next dial may reach another replica. Shorter than `DIAL_MAX_MS`, with which leaders reckon.
 */
export const TCP_CONNECT_TIMEOUT_MS = 3_000;

/** How long the operator has to end its half of a stream that was ended in order. */
export const LINGER_MS = 10_000;

/** RFC 9113, section 7. */
const CANCEL = 8;

/** A dialler over gRPC with TLS. Each dial is a connection of its own, so that nothing of a failed one lives on. */
export function dialGrpc(options: GrpcDialOptions): Dial<PdpMessage, OperatorMessage> {
  const authorities = (): Promise<Buffer> => readFile(options.caFile);
  const leader = new NamedLeader();
  return (handlers) =>
    new GrpcDial({ ...options, authorities, path: CONNECT_PATH, codec: PDP_CODEC }, handlers, leader);
}

/** How a follower reaches its leader. */
export interface TunnelDialOptions {
  /** `host:port`. */
  readonly address: string;
  /** Authorities (PEM) that may have signed the leader's certificate, and the name that it must bear. */
  readonly ca: string;
  readonly serverName: string;
  /** File of the token that shows that we are a replica; read again for every dial. */
  readonly tokenFile: string;
  readonly clock: Clock;
}

/** A dialler of tunnels, with a connection of its own each. */
export function dialTunnel(options: TunnelDialOptions): Dial<TunnelFrame, TunnelFrame> {
  const authorities = (): Promise<string> => Promise.resolve(options.ca);
  const target = {
    ...options,
    authorities,
    path: TUNNEL_PATH,
    codec: TUNNEL_CODEC,
    windowBytes: TUNNEL_WINDOW_BYTES,
    isBatched: true,
  };
  return (handlers) => new GrpcDial(target, handlers, new NamedLeader());
}

/** Bytes that a leader may have on their way to a follower: those of thousands of PDPs, of which each has a window of its own. */
const TUNNEL_WINDOW_BYTES = 1024 * 1024;

/** What is dialled, and what is said there. */
interface DialTarget<Out, In> extends Omit<GrpcDialOptions, 'caFile'> {
  readonly authorities: () => Promise<Buffer | string>;
  readonly path: string;
  readonly codec: MessageCodec<Out, In>;
  /** Bytes that may be on their way here; as HTTP/2 has it if absent. */
  readonly windowBytes?: number;
  /** Has what is sent in one turn of the event loop written in one go: where one stream has messages of many. */
  readonly isBatched?: boolean;
}

class GrpcDial<Out, In> implements MessageStream<Out> {
  readonly #options: DialTarget<Out, In>;
  readonly #handlers: StreamHandlers<In>;
  readonly #leader: NamedLeader;
  /** Of the replica that is named to lead; undefined where the configured address is dialled. */
  readonly #leaderAddress: string | undefined;
  readonly #cancelTimeout: () => void;
  readonly #cutter: FrameCutter;
  #socket: TLSSocket | undefined;
  #session: ClientHttp2Session | undefined;
  #stream: ClientHttp2Stream | undefined;
  #cancelTcpTimeout: (() => void) | undefined;
  #cancelPing: (() => void) | undefined;
  #answeredAtAll = false;
  #opened = false;
  #ended = false;

  constructor(options: DialTarget<Out, In>, handlers: StreamHandlers<In>, leader: NamedLeader) {
    this.#options = options;
    this.#cutter = new FrameCutter(options.codec.maxBytes);
    this.#handlers = handlers;
    this.#leader = leader;
    this.#leaderAddress = leader.take();
    const { connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
    const timeoutMs = this.#leaderAddress === undefined ? connectTimeoutMs : LEADER_CONNECT_TIMEOUT_MS;
    this.#cancelTimeout = options.clock.schedule(timeoutMs, () => {
      if (!this.#opened) this.#end({ code: 'Unavailable', reason: 'the operator did not accept the stream in time' });
    });
    this.#connect().catch((error: unknown) => {
      this.#end({ code: 'Unavailable', reason: messageOf(error) });
    });
  }

  send(message: Out): boolean {
    const stream = this.#stream;
    if (this.#ended || stream === undefined) return true;
    const { encode, maxBytes, nameOf } = this.#options.codec;
    let bytes: Uint8Array;
    try {
      bytes = encode(message);
    } catch (error) {
      this.#end({ code: 'Protocol', reason: `${nameOf(message)} cannot be sent: ${messageOf(error)}` });
      return true;
    }
    if (bytes.length > maxBytes) {
      this.#end({ code: 'Protocol', reason: `${nameOf(message)} has ${bytes.length} bytes, which are too many` });
      return true;
    }
    if (this.#options.isBatched === true) this.#holdForThisTurn(stream);
    return stream.write(frameOf(bytes));
  }

  close(close: StreamClose): void {
    this.#end(close);
  }

  #holdForThisTurn(stream: ClientHttp2Stream): void {
    if (stream.writableCorked > 0) return;
    stream.cork();
    setImmediate(() => {
      stream.uncork();
    });
  }

  async #connect(): Promise<void> {
    const { authorities, tokenFile, certificate, path, windowBytes } = this.#options;
    const address = this.#leaderAddress ?? this.#options.address;
    // Whichever replica it is, its certificate bears the name that is configured.
    const serverName = this.#options.serverName ?? (this.#leaderAddress && hostOf(this.#options.address));
    const [ca, token, cert, key] = await Promise.all([
      authorities(),
      tokenFile === undefined ? undefined : readFile(tokenFile, 'utf8'),
      certificate === undefined ? undefined : readFile(certificate.certFile),
      certificate === undefined ? undefined : readFile(certificate.keyFile),
    ]);
    if (this.#ended) return;
    // Loaded here: it is large, and many a PDP has been decided for from its disk before its operator is there.
    const { connect } = await import('node:http2');
    if (this.#isOver()) return;
    const { servername, checkServerIdentity } = serverIdentityOf(serverName ?? hostOf(address));
    const authority = serverName ?? address;
    const session = connect(`https://${authority}`, {
      createConnection: () => {
        const socket = connectTls({
          host: hostOf(address).replace(/^\[(.*)\]$/, '$1'),
          port: Number(address.slice(address.lastIndexOf(':') + 1)),
          ca,
          ...(cert === undefined ? {} : { cert }),
          ...(key === undefined ? {} : { key }),
          servername,
          checkServerIdentity,
          ALPNProtocols: ['h2'],
        });
        this.#limitConnecting(socket, address);
        return socket;
      },
      settings: { enablePush: false, ...(windowBytes === undefined ? {} : { initialWindowSize: windowBytes }) },
    });
    this.#session = session;
    session.on('error', (error: Error) => {
      this.#end(brokenOff(error));
    });
    session.on('connect', () => {
      if (windowBytes !== undefined) session.setLocalWindowSize(windowBytes);
      this.#pingLater(session);
    });
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': CONTENT_TYPE,
      te: 'trailers',
      ...(token === undefined ? {} : { authorization: `Bearer ${token.trim()}` }),
    });
    this.#stream = stream;
    stream.on('response', (headers) => {
      this.#answered(headers);
    });
    let trailers: IncomingHttpHeaders = {};
    stream.on('trailers', (received: IncomingHttpHeaders) => {
      trailers = received;
    });
    stream.on('end', () => {
      this.#end(closeOfHeaders(trailers));
    });
    stream.on('data', (piece: Buffer) => {
      this.#receive(piece);
    });
    stream.on('drain', () => {
      if (!this.#ended) this.#handlers.onDrain();
    });
    stream.on('error', (error: Error) => {
      this.#end(brokenOff(error));
    });
    stream.on('close', () => {
      this.#end({ code: 'Unavailable', reason: 'the operator broke the stream off' });
    });
  }

  /** From the first attempt on: what it takes to resolve the name is none of it. */
  #limitConnecting(socket: TLSSocket, address: string): void {
    this.#socket = socket;
    socket.once('connectionAttempt', () => {
      if (this.#ended) return;
      this.#cancelTcpTimeout = this.#options.clock.schedule(TCP_CONNECT_TIMEOUT_MS, () => {
        this.#end({ code: 'Unavailable', reason: `nobody answers at ${address}` });
      });
    });
    socket.once('connect', () => this.#cancelTcpTimeout?.());
  }

  #answered(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    this.#answeredAtAll = true;
    if (headers[':status'] !== 200 || hasStatus(headers)) {
      this.#end(closeOfHeaders(headers));
      return;
    }
    if (this.#ended || this.#opened) return;
    this.#opened = true;
    this.#cancelTimeout();
    if (this.#session !== undefined && headers[ARTIFACTS_HEADER] !== undefined) {
      this.#options.connection?.opened(this.#session);
    }
    this.#handlers.onOpen();
  }

  #receive(piece: Buffer): void {
    if (this.#ended) return;
    let messages: readonly In[];
    try {
      messages = this.#cutter
        .push(piece)
        .map((bytes) => this.#options.codec.decode(bytes))
        .filter((message) => message !== undefined);
    } catch (error) {
      this.#end({ code: 'Protocol', reason: messageOf(error) });
      return;
    }
    for (const message of messages) {
      if (!this.#isOver()) this.#handlers.onMessage(message);
    }
  }

  /** It may have been ended meanwhile, also by a handler of messages. */
  #isOver(): boolean {
    return this.#ended;
  }

  /** Finds a connection that is dead although nobody closed it. */
  #pingLater(session: ClientHttp2Session): void {
    const { clock } = this.#options;
    this.#cancelPing = clock.schedule(KEEPALIVE_INTERVAL_MS, () => {
      // Broken off in this very moment: it cannot be asked, and its end is on the way here.
      if (session.destroyed) return;
      const cancelTimeout = clock.schedule(KEEPALIVE_TIMEOUT_MS, () => {
        this.#end({ code: 'Unavailable', reason: 'the operator answers no pings' });
      });
      this.#cancelPing = cancelTimeout;
      session.ping((error) => {
        cancelTimeout();
        if (error === null && !this.#ended) this.#pingLater(session);
      });
    });
  }

  #end(end: StreamClose): void {
    if (this.#ended) return;
    this.#ended = true;
    const now = this.#options.clock.monotonic();
    if (this.#leaderAddress !== undefined && !this.#answeredAtAll) this.#leader.failed(now);
    const close = this.#leader.heed(end, now);
    this.#cancelTimeout();
    this.#cancelTcpTimeout?.();
    this.#cancelPing?.();
    if (this.#session !== undefined) this.#options.connection?.ended(this.#session);
    // Half-closed first: what was written still goes out when the ending is an orderly one.
    if (close.code === 'Closed') this.#linger();
    else {
      this.#stream?.close(CANCEL);
      this.#session?.destroy();
      // A session that is destroyed lets its socket try on for as long as the kernel does.
      if (this.#socket?.connecting === true) this.#socket.destroy();
    }
    queueMicrotask(() => {
      this.#handlers.onClose(close);
    });
  }

  /** Closes the connection when the operator has ended the stream too, which is not waited for without end. */
  #linger(): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#stream?.end();
    session.close();
    const cancel = this.#options.clock.schedule(LINGER_MS, () => {
      session.destroy();
    });
    session.once('close', cancel);
  }
}

/** The stream ends before its connection, with the connection's error as its cause. */
function brokenOff(error: Error): StreamClose {
  const tlsProblem = tlsProblemOf(codeOf(error)) ?? tlsProblemOf(codeOf(error.cause));
  const reason = explainTlsProblem(error.message, tlsProblem);
  return { code: 'Unavailable', reason, ...(tlsProblem === undefined ? {} : { tlsProblem }) };
}
