import { constants, performServerHandshake, type IncomingHttpHeaders, type ServerHttp2Session } from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Peer } from '../../authentication/authenticator.ts';
import { messageReply, problemReply, type Reply } from '../reply.ts';
import type { RequestHeaders } from '../route.ts';
import type { ConnectionHost, OpenConnection } from './connection-host.ts';
import { HEAD_LIMITS } from './request-head.ts';
import { serverNameOf } from './server-name.ts';

const EMPTY = Buffer.alloc(0);
const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants;

/** Of the last stream that a first GOAWAY names: streams that are on their way are still taken (RFC 9113 section 6.8). */
const ANY_STREAM = 2 ** 31 - 1;
/** Memory of one session, in the megabytes that Node counts in; what clients send ahead is bounded by it. */
const MAX_SESSION_MB = 10;
/** Frames that break the protocol, and streams that are refused, until the session is. */
const MAX_INVALID_FRAMES = 32;
const MAX_REJECTED_STREAMS = 100;
/** Streams that a client may reset at once, and a second: an attacker opens and resets (CVE-2023-44487), a client seldom. */
const RESET_BURST = 200;
const RESETS_PER_SECOND = 33;

/** One request of the session. */
interface Exchange {
  readonly stream: ServerHttp2Stream;
  /** When it is given up. Infinite while the answer is being made. */
  deadline: number;
  answering: boolean;
  goneListeners: (() => void)[] | undefined;
}

/** One connection that speaks HTTP/2. Requests are answered as they come, each on its own. */
export class Http2Connection implements OpenConnection {
  readonly #host: ConnectionHost;
  readonly #socket: Socket;
  readonly #session: ServerHttp2Session;
  readonly #peer: Peer;
  readonly #serverName: string | undefined;
  readonly #exchanges = new Set<Exchange>();
  /** When it is closed unless a request comes. */
  #idleDeadline: number;
  #dismissed = false;

  constructor(host: ConnectionHost, socket: Socket, peer: Peer) {
    this.#host = host;
    this.#socket = socket;
    this.#peer = peer;
    this.#serverName = serverNameOf(socket);
    this.#idleDeadline = host.nowMs() + host.settings.requestTimeoutMs;
    const session = performServerHandshake(socket, {
      settings: { maxConcurrentStreams: host.settings.maxStreams, maxHeaderListSize: HEAD_LIMITS.maxBytes },
      maxHeaderListPairs: HEAD_LIMITS.maxHeaders,
      maxSessionMemory: MAX_SESSION_MB,
      maxSessionInvalidFrames: MAX_INVALID_FRAMES,
      maxSessionRejectedStreams: MAX_REJECTED_STREAMS,
      streamResetBurst: RESET_BURST,
      streamResetRate: RESETS_PER_SECOND,
    });
    this.#session = session;
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => this.#onStream(stream, headers));
    // What is wrong with a session ends it; the client is told by nghttp2.
    session.on('error', () => host.onDropped('malformed'));
    session.on('close', () => host.forget(this));
    session.on('goaway', (code: number) => {
      if (code === NGHTTP2_NO_ERROR) session.close();
    });
  }

  checkDeadline(nowMs: number): void {
    for (const exchange of this.#exchanges) {
      if (nowMs < exchange.deadline) continue;
      if (exchange.stream.headersSent) {
        this.#host.onDropped('write-timeout');
        exchange.stream.close(NGHTTP2_CANCEL);
      } else {
        this.#host.onDropped('request-timeout');
        this.#answer(exchange, messageReply(408, 'the request took too long to arrive'), false);
      }
      exchange.deadline = nowMs + this.#host.settings.writeTimeoutMs;
    }
    if (this.#exchanges.size > 0 || nowMs < this.#idleDeadline) return;
    // The first time it is asked to leave; a client that does not answer to that is left.
    if (this.#session.closed) this.destroy();
    else this.#session.close();
    this.#idleDeadline = nowMs + this.#host.settings.requestTimeoutMs;
  }

  /** Tells the client to open no more streams here; those that are open, or on their way, are answered. */
  closeIfIdle(): void {
    this.#dismiss();
    this.#session.close();
  }

  /** Tells the client to go elsewhere with its next requests; it still gets answers to those on their way. */
  dismiss(): void {
    this.#dismiss();
  }

  destroy(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }

  #dismiss(): void {
    if (this.#dismissed || this.#session.destroyed || this.#session.closed) return;
    this.#dismissed = true;
    this.#session.goaway(NGHTTP2_NO_ERROR, ANY_STREAM);
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const { settings, held } = this.#host;
    const exchange: Exchange = {
      stream,
      deadline: this.#host.nowMs() + settings.requestTimeoutMs,
      answering: false,
      goneListeners: undefined,
    };
    this.#exchanges.add(exchange);
    if (this.#host.dismissing) this.#dismiss();
    let parts: Buffer[] = [];
    let size = 0;
    let heldBytes = 0;
    const release = (): void => {
      held.giveBack(heldBytes);
      heldBytes = 0;
      parts = [];
    };
    const refuse = (reply: Reply): void => {
      release();
      this.#answer(exchange, reply, false);
    };
    // Resets and protocol errors of one stream; `close` follows.
    stream.on('error', () => undefined);
    stream.on('close', () => {
      release();
      this.#forget(exchange);
    });
    stream.on('data', (chunk: Buffer) => {
      if (stream.headersSent) return;
      size += chunk.length;
      if (size > settings.maxBodyBytes) {
        refuse(messageReply(413, `the body is larger than ${settings.maxBodyBytes} bytes`));
      } else if (held.take(chunk.length)) {
        heldBytes += chunk.length;
        parts.push(chunk);
      } else {
        this.#host.onRefused('overloaded');
        refuse(problemReply('overloaded', 'The bodies of the requests under way fill the memory that they may have.'));
      }
    });
    stream.on('end', () => {
      if (stream.headersSent || stream.destroyed) return;
      const [first = EMPTY, ...others] = parts;
      const body = others.length === 0 ? first : Buffer.concat(parts, size);
      release();
      this.#handle(exchange, headers, body);
    });
  }

  #handle(exchange: Exchange, received: IncomingHttpHeaders, body: Buffer): void {
    const method = received[':method'] ?? 'GET';
    const target = received[':path'];
    const isHead = method === 'HEAD';
    if (target === undefined || !(target.startsWith('/') || (target === '*' && method === 'OPTIONS'))) {
      this.#answer(exchange, messageReply(400, 'the request has no path'), isHead);
      return;
    }
    const mark = target.indexOf('?');
    exchange.answering = true;
    exchange.deadline = Infinity;
    const reply = this.#host.dispatcher.dispatch({
      method,
      path: mark === -1 ? target : target.slice(0, mark),
      query: mark === -1 ? '' : target.slice(mark + 1),
      headers: fieldsOf(received),
      body,
      peer: this.#peer,
      serverName: this.#serverName,
      onGone: (listener) => {
        if (exchange.answering) (exchange.goneListeners ??= []).push(listener);
      },
    });
    if (reply instanceof Promise) void reply.then((late) => this.#answer(exchange, late, isHead));
    else this.#answer(exchange, reply, isHead);
  }

  #answer(exchange: Exchange, { status, headers, body }: Reply, isHead: boolean): void {
    const { stream } = exchange;
    exchange.answering = false;
    exchange.goneListeners = undefined;
    exchange.deadline = this.#host.nowMs() + this.#host.settings.writeTimeoutMs;
    if (stream.destroyed || stream.closed || stream.headersSent) return;
    const hasContent = status !== 204;
    const fields = hasContent ? { 'content-length': Buffer.byteLength(body) } : {};
    try {
      stream.respond({ ...headers, ...fields, ':status': status }, { endStream: !hasContent || isHead });
    } catch (error) {
      this.#host.onError(error);
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      return;
    }
    if (hasContent && !isHead) stream.end(body);
    // What the client still sends of a request that is answered already is not wanted.
    if (!stream.readableEnded) stream.close(NGHTTP2_NO_ERROR);
  }

  #forget(exchange: Exchange): void {
    this.#exchanges.delete(exchange);
    if (this.#exchanges.size === 0) this.#idleDeadline = this.#host.nowMs() + this.#host.settings.keepAliveMs;
    if (!exchange.answering) return;
    exchange.answering = false;
    for (const listener of exchange.goneListeners ?? []) listener();
  }
}

/** The fields as HTTP/1 has them: `host` for the authority, and no pseudo-fields, which are no headers to anyone else. */
function fieldsOf(received: IncomingHttpHeaders): RequestHeaders {
  const fields = Object.create(null) as Record<string, string | readonly string[] | undefined>;
  for (const name in received) if (!name.startsWith(':')) fields[name] = received[name];
  const authority = received[':authority'];
  if (authority !== undefined) fields['host'] = authority;
  return fields;
}
