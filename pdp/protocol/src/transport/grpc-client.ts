import { readFile } from 'node:fs/promises';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../clock.ts';
import { MESSAGE_MAX_BYTES } from '../limits.ts';
import { messageOf } from '../log.ts';
import type { OperatorMessage, PdpMessage } from '../messages.ts';
import { decodeOperatorMessage, encodePdpMessage } from '../wire/codec.ts';
import { FrameCutter, frameOf } from './grpc-frames.ts';
import {
  ARTIFACTS_HEADER,
  CONNECT_PATH,
  CONTENT_TYPE,
  KEEPALIVE_INTERVAL_MS,
  KEEPALIVE_TIMEOUT_MS,
} from './grpc-service.ts';
import { closeOfHeaders, hasStatus } from './grpc-status.ts';
import { hostOf, serverIdentityOf } from './server-identity.ts';
import type { StreamConnection } from './stream-connection.ts';
import type { Dial, MessageStream, StreamClose, StreamHandlers } from './stream.ts';

/** How a PDP reaches its operator. Both files are read again for every stream: tokens and CAs are rotated under us. */
export interface GrpcDialOptions {
  /** `host:port`. */
  readonly address: string;
  /** PEM file of the certificate authorities that may have signed the operator's certificate. */
  readonly caFile: string;
  /** File of the bearer token. */
  readonly tokenFile: string;
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

/** How long the operator has to end its half of a stream that was ended in order. */
export const LINGER_MS = 10_000;

/** RFC 9113, section 7. */
const CANCEL = 8;

/** A dialler over gRPC with TLS. Each dial is a connection of its own, so that nothing of a failed one lives on. */
export function dialGrpc(options: GrpcDialOptions): Dial<PdpMessage, OperatorMessage> {
  return (handlers) => new GrpcDial(options, handlers);
}

class GrpcDial implements MessageStream<PdpMessage> {
  readonly #options: GrpcDialOptions;
  readonly #handlers: StreamHandlers<OperatorMessage>;
  readonly #cancelTimeout: () => void;
  readonly #cutter = new FrameCutter(MESSAGE_MAX_BYTES);
  #session: ClientHttp2Session | undefined;
  #stream: ClientHttp2Stream | undefined;
  #cancelPing: (() => void) | undefined;
  #opened = false;
  #ended = false;

  constructor(options: GrpcDialOptions, handlers: StreamHandlers<OperatorMessage>) {
    this.#options = options;
    this.#handlers = handlers;
    this.#cancelTimeout = options.clock.schedule(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, () => {
      if (!this.#opened) this.#end({ code: 'Unavailable', reason: 'the operator did not accept the stream in time' });
    });
    this.#connect().catch((error: unknown) => {
      this.#end({ code: 'Unavailable', reason: messageOf(error) });
    });
  }

  send(message: PdpMessage): boolean {
    const stream = this.#stream;
    if (this.#ended || stream === undefined) return true;
    let bytes: Uint8Array;
    try {
      bytes = encodePdpMessage(message);
    } catch (error) {
      this.#end({ code: 'Protocol', reason: `${message.type} cannot be sent: ${messageOf(error)}` });
      return true;
    }
    if (bytes.length > MESSAGE_MAX_BYTES) {
      this.#end({ code: 'Protocol', reason: `${message.type} has ${bytes.length} bytes, which are too many` });
      return true;
    }
    return stream.write(frameOf(bytes));
  }

  close(close: StreamClose): void {
    this.#end(close);
  }

  async #connect(): Promise<void> {
    const { address, caFile, tokenFile, serverName } = this.#options;
    const [ca, token] = await Promise.all([readFile(caFile), readFile(tokenFile, 'utf8')]);
    if (this.#ended) return;
    // Loaded here: it is large, and many a PDP has been decided for from its disk before its operator is there.
    const { connect } = await import('node:http2');
    if (this.#isOver()) return;
    const { servername, checkServerIdentity } = serverIdentityOf(serverName ?? hostOf(address));
    const authority = serverName ?? address;
    const session = connect(`https://${authority}`, {
      createConnection: () =>
        connectTls({
          host: hostOf(address).replace(/^\[(.*)\]$/, '$1'),
          port: Number(address.slice(address.lastIndexOf(':') + 1)),
          ca,
          servername,
          checkServerIdentity,
          ALPNProtocols: ['h2'],
        }),
      settings: { enablePush: false },
    });
    this.#session = session;
    session.on('error', (error: Error) => {
      this.#end({ code: 'Unavailable', reason: error.message });
    });
    session.on('connect', () => {
      this.#pingLater(session);
    });
    const stream = session.request({
      ':method': 'POST',
      ':path': CONNECT_PATH,
      'content-type': CONTENT_TYPE,
      te: 'trailers',
      authorization: `Bearer ${token.trim()}`,
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
      this.#end({ code: 'Unavailable', reason: error.message });
    });
    stream.on('close', () => {
      this.#end({ code: 'Unavailable', reason: 'the operator broke the stream off' });
    });
  }

  #answered(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
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
    let messages: readonly OperatorMessage[];
    try {
      messages = this.#cutter.push(piece).map(decodeOperatorMessage);
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

  #end(close: StreamClose): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelTimeout();
    this.#cancelPing?.();
    if (this.#session !== undefined) this.#options.connection?.ended(this.#session);
    // Half-closed first: what was written still goes out when the ending is an orderly one.
    if (close.code === 'Closed') this.#linger();
    else {
      this.#stream?.close(CANCEL);
      this.#session?.destroy();
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
