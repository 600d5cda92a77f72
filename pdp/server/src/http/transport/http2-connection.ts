import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Peer } from '../../authentication/authenticator.ts';
import { messageReply, problemReply, type Reply } from '../reply.ts';
import { withRequestId } from '../request-id.ts';
import type { RequestHeaders } from '../route.ts';
import type { ConnectionHost, OpenConnection } from './connection-host.ts';
import { HEAD_LIMITS } from './request-head.ts';
import { findUnsendable, unsendable } from './response-head.ts';
import { clientOf } from './client-address.ts';
import { serverNameOf } from './server-name.ts';

const EMPTY = Buffer.alloc(0);
/** RFC 9113, section 7. */
const [NO_ERROR, INTERNAL_ERROR, CANCEL] = [0, 2, 8];

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
  /** The target as it was sent. */
  readonly path: string;
  readonly headers: RequestHeaders;
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
  readonly #client: string | undefined;
  readonly #serverName: string | undefined;
  readonly #exchanges = new Set<Exchange>();
  /** When it is closed unless a request comes. */
  #idleDeadline: number;
  #dismissed = false;

  constructor(host: ConnectionHost, socket: Socket, peer: Peer) {
    this.#host = host;
    this.#socket = socket;
    this.#peer = peer;
    this.#client = clientOf(socket);
    this.#serverName = serverNameOf(socket);
    this.#idleDeadline = host.nowMs() + host.settings.requestTimeoutMs;
    // Not imported above: it is large, and most PDPs are never asked over HTTP/2.
    const { performServerHandshake } = process.getBuiltinModule('node:http2');
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
      if (code === NO_ERROR) session.close();
    });
  }

  checkDeadline(nowMs: number): void {
    for (const exchange of this.#exchanges) {
      if (nowMs < exchange.deadline) continue;
      if (exchange.stream.headersSent) {
        this.#host.onDropped('write-timeout');
        exchange.stream.close(CANCEL);
      } else {
        this.#host.onDropped('request-timeout');
        this.#refuse(exchange, messageReply(408, 'the request took too long to arrive'));
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
    this.#session.goaway(NO_ERROR, ANY_STREAM);
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const { settings, held } = this.#host;
    const exchange: Exchange = {
      stream,
      path: headers[':path'] ?? '',
      headers: fieldsOf(headers),
      deadline: this.#host.nowMs() + settings.requestTimeoutMs,
      answering: false,
      goneListeners: undefined,
    };
    this.#exchanges.add(exchange);
    if (this.#host.dismissing) this.#dismiss();
    let parts: Buffer[] = [];
    let size = 0;
    let heldBytes = 0;
    // What ends with its head has no body to count.
    const account = stream.endAfterHeaders
      ? undefined
      : this.#host.accountOf({ path: exchange.path, headers: exchange.headers, serverName: this.#serverName });
    const release = (): void => {
      held.giveBack(heldBytes);
      account?.giveBack();
      heldBytes = 0;
      parts = [];
    };
    const refuse = (reply: Reply): void => {
      release();
      this.#refuse(exchange, reply);
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
      const refusal = account?.take(chunk.length);
      if (refusal !== undefined) {
        refuse(refusal);
      } else if (size > settings.maxBodyBytes) {
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
    const announced = account?.announce(Number(headers['content-length'] ?? 0));
    if (announced !== undefined) refuse(announced);
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
    // A stream that is closed is closed in both directions.
    const onGone = (listener: () => void): void => {
      if (exchange.answering) (exchange.goneListeners ??= []).push(listener);
    };
    const reply = this.#host.dispatcher.dispatch({
      method,
      path: mark === -1 ? target : target.slice(0, mark),
      query: mark === -1 ? '' : target.slice(mark + 1),
      headers: exchange.headers,
      body,
      peer: this.#peer,
      client: this.#client,
      serverName: this.#serverName,
      onGone,
      onClosed: onGone,
    });
    if (reply instanceof Promise) void reply.then((late) => this.#answer(exchange, late, isHead));
    else this.#answer(exchange, reply, isHead);
  }

  #answer(exchange: Exchange, reply: Reply, isHead: boolean): void {
    const { stream } = exchange;
    const { status, headers, body } = this.#sendable(reply);
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
      stream.close(INTERNAL_ERROR);
      return;
    }
    if (hasContent && !isHead) stream.end(body);
    // What the client still sends of a request that is answered already is not wanted.
    if (!stream.readableEnded) stream.close(NO_ERROR);
  }

  /** Answers a request that nobody handles. */
  #refuse(exchange: Exchange, reply: Reply): void {
    this.#answer(exchange, withRequestId(reply, exchange), false);
  }

  /** The answer, or that it was none: characters beyond latin-1 would be cut to others, and what remains is a protocol error. */
  #sendable(reply: Reply): Reply {
    const name = findUnsendable(reply.headers);
    if (name === undefined) return reply;
    this.#host.onError(unsendable(name));
    return messageReply(500, 'internal error');
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
