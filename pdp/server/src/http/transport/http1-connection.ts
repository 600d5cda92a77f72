import type { Socket } from 'node:net';
import type { Peer } from '../../authentication/authenticator.ts';
import { messageReply, problemReply, type Reply } from '../reply.ts';
import { withRequestId } from '../request-id.ts';
import { ChunkedBody } from './chunked-body.ts';
import type { BodyAccount, ConnectionHost, OpenConnection } from './connection-host.ts';
import { HEAD_LIMITS, parseRequestHead, type RequestHead } from './request-head.ts';
import { renderResponseHead } from './response-head.ts';
import { clientOf } from './client-address.ts';
import { serverNameOf } from './server-name.ts';
import type { Writer } from './write-batch.ts';

const EMPTY = Buffer.alloc(0);
const HEAD_END = '\r\n\r\n';
/** What looks like a head of HTTP/2's preface (RFC 9113 section 3.4). */
const HTTP2_PREFACE = 'PRI * HTTP/2.0';
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const CLOSE = 'connection: close\r\n';
const CR = 13;
const LF = 10;
/** Requests that a client sends before it has the answer to the last are held up to here; then it is read no further. */
const MAX_AHEAD_BYTES = 65_536;
/** After an answer that ends a connection, what the client still sends is read for so long, so that it gets the answer. */
const LINGER_MS = 1_000;
/** What a piece of a body takes in memory besides its bytes, about: many small ones must not count as little. */
const PART_BYTES = 256;
/** So large an answer is written in two pieces rather than copied into one. */
const MAX_JOINED_LENGTH = 65_536;

/** What the connection is at: between requests, within one, answering one, or at its end. */
type Phase = 'idle' | 'head' | 'body' | 'answering' | 'closing' | 'closed';

/** A body that is on its way. */
interface Incoming {
  readonly head: RequestHead;
  readonly parts: Buffer[];
  readonly chunks: ChunkedBody | undefined;
  size: number;
}

/**
 * One connection that speaks HTTP/1. One request at a time is handled, in the order in which they were sent; a request that
 * arrives whole is answered within the turn of the event loop that brought it.
 */
export class Http1Connection implements OpenConnection, Writer {
  readonly #host: ConnectionHost;
  readonly #socket: Socket;
  readonly #peer: Peer;
  readonly #client: string | undefined;
  readonly #serverName: string | undefined;
  readonly #onHttp2: ((bytes: Buffer) => void) | undefined;
  #phase: Phase = 'idle';
  /** When it is closed unless something happens, in milliseconds of the host's clock. */
  #deadline: number;
  /** When it is closed unless the client takes what it was sent; infinite while it takes all. */
  #writeDeadline = Infinity;
  /** Bytes that have not been looked at, or that belong to a head that is not whole. */
  #rest: Buffer = EMPTY;
  #incoming: Incoming | undefined;
  /** Bytes of {@link #incoming} that are taken from the common memory. */
  #heldBytes = 0;
  /** What {@link #incoming} is counted against besides. */
  #account: BodyAccount | undefined;
  /** Answers that are not written yet: those of pipelined requests go out together. */
  #out = '';
  /** It is among those who write at the end of the turn. */
  #isToWrite = false;
  #requests = 0;
  /** The client has said that it sends no more. */
  #ended = false;
  #goneListeners: (() => void)[] | undefined;
  #closedListeners: (() => void)[] | undefined;
  // Most clients send the same head again and again and get the same one: neither is worked out twice in a row.
  #lastHeadBytes: Buffer = EMPTY;
  #lastHead: RequestHead | undefined;
  #lastReplyHeaders: Reply['headers'] | undefined;
  #lastReplyStatus = 0;
  #lastReplyHead = '';

  /** `onHttp2` takes the connection over, with what was read, where the client begins with HTTP/2's preface. */
  constructor(host: ConnectionHost, socket: Socket, peer: Peer, onHttp2: ((bytes: Buffer) => void) | undefined) {
    this.#host = host;
    this.#socket = socket;
    this.#peer = peer;
    this.#client = clientOf(socket);
    this.#serverName = serverNameOf(socket);
    this.#onHttp2 = onHttp2;
    this.#deadline = host.nowMs() + host.settings.keepAliveMs;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('drain', this.#onDrain);
    socket.on('finish', this.#onFinish);
    socket.on('close', this.#onClose);
    // A client that resets its connection: what is to be done follows on `close`.
    socket.on('error', () => undefined);
  }

  /** Closes it if its time is up. */
  checkDeadline(nowMs: number): void {
    if (nowMs >= this.#writeDeadline) {
      this.#host.onDropped('write-timeout');
      this.#socket.destroy();
      return;
    }
    if (nowMs < this.#deadline || this.#isBlocked) return;
    switch (this.#phase) {
      case 'head':
      case 'body':
        this.#host.onDropped('request-timeout');
        this.#refuse(messageReply(408, 'the request took too long to arrive'));
        this.#flush();
        return;
      case 'idle':
      case 'closing':
        this.#socket.destroy();
        return;
      case 'answering':
      case 'closed':
    }
  }

  dismiss(): void {
    // The next answer says so: a connection that is closed between requests may cross with one.
  }

  closeIfIdle(): void {
    if (this.#phase !== 'idle') return;
    this.#close();
    this.#flush();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** The client does not take what it is sent: until it does, nothing more is done for it. */
  get #isBlocked(): boolean {
    return this.#writeDeadline !== Infinity;
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#phase === 'closing' || this.#phase === 'closed') return;
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (this.#phase !== 'answering' && !this.#isBlocked) this.#readOn();
    else if (this.#rest.length > MAX_AHEAD_BYTES) this.#socket.pause();
  };

  /** Goes through what has arrived, as far as that is whole requests. */
  #readOn(): void {
    let going = true;
    while (going) {
      going = this.#phase === 'body' ? this.#readBody() : this.#readHead();
      // A few bytes of pipelined requests can ask for much more than the client takes.
      if (this.#out.length < MAX_JOINED_LENGTH && !this.#socket.writableNeedDrain) continue;
      this.#flush();
      if (this.#isBlocked) return;
    }
    this.#flushLater();
  }

  /** Reads one head and begins its body; says whether there is more to be done now. */
  #readHead(): boolean {
    const bytes = this.#rest;
    let start = 0;
    // Empty lines before a request are left by clients that end their bodies with one too many (RFC 9112 section 2.2).
    while (bytes[start] === CR && bytes[start + 1] === LF) start += 2;
    if (start === bytes.length) {
      this.#rest = EMPTY;
      return false;
    }
    const last = this.#lastHeadBytes;
    const isSame =
      last.length > 0 && bytes.length - start >= last.length && last.compare(bytes, start, start + last.length) === 0;
    const end = isSame ? start + last.length - HEAD_END.length : bytes.indexOf(HEAD_END, start, 'latin1');
    const length = (end === -1 ? bytes.length : end) - start;
    if (length > HEAD_LIMITS.maxBytes) {
      this.#host.onDropped('malformed');
      return this.#refuse(messageReply(431, `the head is larger than ${HEAD_LIMITS.maxBytes} bytes`));
    }
    if (end === -1) {
      if (!canBegin(bytes[start])) {
        this.#host.onDropped('malformed');
        return this.#refuse(messageReply(400, 'this is not HTTP'));
      }
      if (hasBareLineFeed(bytes, start)) {
        this.#host.onDropped('malformed');
        return this.#refuse(messageReply(400, 'a line of the head ends with a bare line feed'));
      }
      this.#rest = start === 0 ? bytes : bytes.subarray(start);
      this.#begin('head');
      return false;
    }
    const next = end + HEAD_END.length;
    let head = this.#lastHead;
    if (!isSame || head === undefined) {
      const text = bytes.toString('latin1', start, end);
      if (text === HTTP2_PREFACE && this.#requests === 0 && this.#onHttp2 !== undefined) {
        this.#leaveTo(this.#onHttp2);
        return false;
      }
      const parsed = parseRequestHead(text);
      if ('problem' in parsed) {
        this.#host.onDropped('malformed');
        return this.#refuse(messageReply(parsed.status, parsed.problem));
      }
      head = parsed;
      this.#lastHead = parsed;
      // A copy: a view would keep all of what was read with it alive.
      this.#lastHeadBytes = Buffer.from(bytes.subarray(start, next));
    }
    return this.#beginBody(head, bytes, next);
  }

  /** Lets go of the socket. */
  #leaveTo(take: (bytes: Buffer) => void): void {
    const bytes = this.#rest;
    this.#socket.off('data', this.#onData).off('end', this.#onEnd).off('drain', this.#onDrain);
    this.#socket.off('finish', this.#onFinish).off('close', this.#onClose);
    this.#onClose();
    take(bytes);
  }

  #beginBody(head: RequestHead, bytes: Buffer, next: number): boolean {
    const { maxBodyBytes } = this.#host.settings;
    if (head.body === 'chunked') {
      const parts: Buffer[] = [];
      const incoming: Incoming = {
        head,
        parts,
        size: 0,
        chunks: new ChunkedBody((data) => {
          incoming.size += data.length;
          if (incoming.size <= maxBodyBytes) parts.push(data);
        }),
      };
      return this.#expectBody(incoming, bytes, next);
    }
    if (head.body > maxBodyBytes) return this.#refuse(tooLarge(maxBodyBytes), head);
    const end = next + head.body;
    if (end > bytes.length) return this.#expectBody({ head, parts: [], size: 0, chunks: undefined }, bytes, next);
    const body = head.body === 0 ? EMPTY : bytes.subarray(next, end);
    this.#rest = end === bytes.length ? EMPTY : bytes.subarray(end);
    return this.#handle(head, body);
  }

  #expectBody(incoming: Incoming, bytes: Buffer, next: number): boolean {
    const { path, headers, body } = incoming.head;
    const account = this.#host.accountOf({ path, headers, serverName: this.#serverName });
    const refusal = body === 'chunked' ? undefined : account?.announce(body);
    if (refusal !== undefined) return this.#refuse(refusal, incoming.head);
    this.#account = account;
    this.#incoming = incoming;
    this.#rest = next === bytes.length ? EMPTY : bytes.subarray(next);
    this.#begin('body');
    if (incoming.head.expectsContinue && this.#rest.length === 0) this.#out += CONTINUE;
    return this.#rest.length > 0;
  }

  #readBody(): boolean {
    const incoming = this.#incoming;
    const bytes = this.#rest;
    if (incoming === undefined || bytes.length === 0) return false;
    const { maxBodyBytes } = this.#host.settings;
    const before = incoming.size;
    const used = incoming.chunks === undefined ? takeLength(incoming, bytes) : this.#takeChunks(incoming.chunks, bytes);
    if (used === undefined) return false;
    if (incoming.size > maxBodyBytes) return this.#refuse(tooLarge(maxBodyBytes));
    this.#rest = used.bytes === bytes.length ? EMPTY : bytes.subarray(used.bytes);
    if (!used.whole) return this.#hold(incoming.size - before);
    this.#release();
    const [first = EMPTY, ...others] = incoming.parts;
    this.#incoming = undefined;
    return this.#handle(incoming.head, others.length === 0 ? first : Buffer.concat(incoming.parts, incoming.size));
  }

  #takeChunks(chunks: ChunkedBody, bytes: Buffer): Taken | undefined {
    const progress = chunks.take(bytes);
    if (progress.kind !== 'malformed') return { bytes: progress.used, whole: progress.kind === 'done' };
    this.#host.onDropped('malformed');
    this.#refuse(messageReply(400, progress.problem));
    return undefined;
  }

  /** Takes memory for a part of a body; always says that there is nothing more to be done now. */
  #hold(bytes: number): false {
    const { held, onRefused } = this.#host;
    const refusal = this.#account?.take(bytes);
    if (refusal !== undefined) return this.#refuse(refusal);
    if (held.take(bytes + PART_BYTES)) {
      this.#heldBytes += bytes + PART_BYTES;
      return false;
    }
    onRefused('overloaded');
    return this.#refuse(
      problemReply('overloaded', 'The bodies of the requests under way fill the memory that they may have.'),
    );
  }

  #release(): void {
    this.#host.held.giveBack(this.#heldBytes);
    this.#heldBytes = 0;
    this.#account?.giveBack();
    this.#account = undefined;
  }

  /** Has a request answered; says whether the next one can be read now. */
  #handle(head: RequestHead, body: Buffer): boolean {
    const { method, path, query, headers } = head;
    this.#requests++;
    this.#goneListeners = this.#closedListeners = undefined;
    this.#phase = 'answering';
    const request = this.#requests;
    const reply = this.#host.dispatcher.dispatch({
      method,
      path,
      query,
      headers,
      body,
      peer: this.#peer,
      client: this.#client,
      serverName: this.#serverName,
      onGone: (listener) => {
        if (request === this.#requests && this.#phase === 'answering') (this.#goneListeners ??= []).push(listener);
      },
      onClosed: (listener) => {
        if (request === this.#requests && this.#phase === 'answering') (this.#closedListeners ??= []).push(listener);
      },
    });
    if (!(reply instanceof Promise)) return this.#answer(head, reply);
    this.#deadline = Infinity;
    void reply.then((late) => {
      if (this.#phase !== 'answering') return;
      this.#answer(head, late);
      this.#flush();
      this.#resume();
    });
    return false;
  }

  /** Adds an answer to what is to be written; says whether the next request can be read now. */
  #answer({ method, keepAlive }: RequestHead, reply: Reply): boolean {
    const { settings, dismissing } = this.#host;
    const isLast =
      !keepAlive ||
      dismissing ||
      this.#requests >= settings.maxRequestsPerConnection ||
      (this.#ended && this.#rest.length === 0);
    this.#append(reply, method === 'HEAD', isLast);
    if (isLast) {
      this.#close();
      return false;
    }
    this.#await();
    return this.#rest.length > 0;
  }

  /** Answers what is wrong with a request and ends the connection: where its next request begins is not known. */
  #refuse(reply: Reply, head = this.#incoming?.head): false {
    this.#release();
    this.#incoming = undefined;
    this.#append(head === undefined ? reply : withRequestId(reply, head), false, true);
    this.#close();
    return false;
  }

  #append({ status, headers, body }: Reply, isHead: boolean, isLast: boolean): void {
    let head: string;
    try {
      head = this.#headOf(status, headers);
    } catch (error) {
      this.#host.onError(error);
      this.#append(messageReply(500, 'internal error'), isHead, isLast);
      return;
    }
    const { date, keepAliveField } = this.#host;
    const length = Buffer.byteLength(body);
    const text =
      (status === 204 ? head : `${head}content-length: ${length}\r\n`) +
      date.line +
      (isLast ? CLOSE : keepAliveField) +
      '\r\n';
    const content = isHead || status === 204 ? '' : body;
    if (length === body.length && length < MAX_JOINED_LENGTH) {
      this.#out += text + content;
    } else {
      this.#write(this.#out + text);
      this.#out = '';
      this.#socket.write(content);
    }
  }

  #headOf(status: number, headers: Reply['headers']): string {
    if (headers !== this.#lastReplyHeaders || status !== this.#lastReplyStatus) {
      this.#lastReplyHead = renderResponseHead(status, headers);
      this.#lastReplyHeaders = headers;
      this.#lastReplyStatus = status;
    }
    return this.#lastReplyHead;
  }

  #write(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** Writes what is to be written together with the answers to others. */
  #flushLater(): void {
    if (this.#isToWrite || (this.#out === '' && this.#phase !== 'closing')) return;
    this.#isToWrite = true;
    this.#host.writes.add(this);
  }

  writeNow(): void {
    if (this.#isToWrite && this.#phase !== 'closed') this.#flush();
  }

  /** Writes what is to be written, and stops reading while the client does not take it. */
  #flush(): void {
    this.#isToWrite = false;
    if (this.#out !== '') {
      this.#write(this.#out);
      this.#out = '';
    }
    if (this.#phase === 'closing') {
      this.#socket.end();
    } else if (this.#socket.writableNeedDrain) {
      this.#writeDeadline = this.#host.nowMs() + this.#host.settings.writeTimeoutMs;
      this.#socket.pause();
    }
  }

  readonly #onDrain = (): void => {
    if (this.#phase !== 'closing') this.#writeDeadline = Infinity;
    if (this.#phase !== 'answering') this.#resume();
  };

  /** Goes on with what has arrived meanwhile. */
  #resume(): void {
    if (this.#phase === 'closing' || this.#phase === 'closed' || this.#isBlocked) return;
    this.#socket.resume();
    if (this.#rest.length > 0) this.#readOn();
    if (this.#ended && this.#isReading) {
      this.#close();
      this.#flush();
    }
  }

  get #isReading(): boolean {
    return this.#phase === 'idle' || this.#phase === 'head' || this.#phase === 'body';
  }

  /** From the first byte of a request on its time runs. */
  #begin(phase: 'head' | 'body'): void {
    if (this.#phase === 'idle') this.#deadline = this.#host.nowMs() + this.#host.settings.requestTimeoutMs;
    this.#phase = phase;
  }

  /** The time until the next request. */
  #await(): void {
    this.#phase = 'idle';
    this.#deadline = this.#host.nowMs() + this.#host.settings.keepAliveMs;
  }

  readonly #onEnd = (): void => {
    this.#ended = true;
    // A client that closed only its own direction cannot be told from one that left: what waits for something waits no
    // more, as with Node's own server, and its answer is still sent.
    if (this.#phase === 'answering') this.#tellGone();
    if (!this.#isReading || this.#isBlocked) return;
    if (this.#phase !== 'idle') this.#host.onDropped('incomplete');
    this.#release();
    this.#close();
    this.#flush();
  };

  #close(): void {
    this.#phase = 'closing';
    this.#deadline = Infinity;
    this.#writeDeadline = this.#host.nowMs() + this.#host.settings.writeTimeoutMs;
    // Nothing of what still comes is looked at, but it is read: else the client is reset before it has the answer.
    this.#rest = EMPTY;
    this.#socket.resume();
  }

  /** Everything is written; the client has some time to close its direction. */
  readonly #onFinish = (): void => {
    this.#writeDeadline = Infinity;
    this.#deadline = this.#host.nowMs() + LINGER_MS;
  };

  readonly #onClose = (): void => {
    const wasAnswering = this.#phase === 'answering';
    this.#phase = 'closed';
    this.#deadline = this.#writeDeadline = Infinity;
    this.#release();
    this.#incoming = undefined;
    this.#rest = EMPTY;
    this.#host.forget(this);
    const listeners = this.#closedListeners ?? [];
    this.#closedListeners = undefined;
    if (!wasAnswering) return;
    this.#tellGone();
    for (const listener of listeners) listener();
  };

  #tellGone(): void {
    const listeners = this.#goneListeners ?? [];
    this.#goneListeners = undefined;
    for (const listener of listeners) listener();
  }
}

interface Taken {
  readonly bytes: number;
  readonly whole: boolean;
}

/** Takes what belongs to a body whose length is known. */
function takeLength(incoming: Incoming, bytes: Buffer): Taken {
  const wanted = Number(incoming.head.body) - incoming.size;
  const taken = Math.min(wanted, bytes.length);
  incoming.parts.push(taken === bytes.length ? bytes : bytes.subarray(0, taken));
  incoming.size += taken;
  return { bytes: taken, whole: taken === wanted };
}

function tooLarge(maxBodyBytes: number): Reply {
  return messageReply(413, `the body is larger than ${maxBodyBytes} bytes`);
}

/** A client that ends its lines so would wait in vain for its head to be taken as whole. */
function hasBareLineFeed(bytes: Buffer, start: number): boolean {
  for (let at = bytes.indexOf(LF, start); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) return true;
  }
  return false;
}

/** Methods begin with a letter; what does not is another protocol, such as TLS, and would wait for an answer in vain. */
function canBegin(byte: number | undefined): boolean {
  return byte === CR || (byte !== undefined && ((byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)));
}
