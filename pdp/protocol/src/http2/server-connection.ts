import type { Socket } from 'node:net';
import type { Writer, Writes } from './writer.ts';
import { FrameOutput } from './frame-output.ts';
import { encodeBlock } from './hpack-encoder.ts';
import { HeadReader } from './head-reader.ts';
import {
  FLAG,
  FRAME,
  FRAME_HEAD_BYTES,
  HEADER_TABLE_BYTES,
  Http2Error,
  HTTP2_ERRORS,
  INITIAL_WINDOW_BYTES,
  LAST_STREAM_ID,
  MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  PREFACE,
  SETTING,
  type Http2ErrorCode,
} from './protocol.ts';
import { RateBudget } from './rate-budget.ts';
import type { RequestHead } from './request-head.ts';
import { ServerStream, type StreamHost } from './server-stream.ts';

/** What a connection may ask for. */
export interface ConnectionLimits {
  readonly maxConcurrentStreams: number;
  /** Of a request's headers: as they are sent, and as they are counted when they are read. */
  readonly maxHeaderBytes: number;
  /** Bytes that a client may send before they are used: on a stream, and on all of them together (at least 65,535). */
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  /** For the client to begin, and to finish what it began: a frame, a block of headers. */
  readonly readTimeoutMs: number;
  /** For the client to take what it is sent. */
  readonly writeTimeoutMs: number;
  /** A connection without any stream is closed after so long; absent: it stays. */
  readonly idleTimeoutMs?: number;
  /** Streams that a client may give up, or have to be refused, and frames that ask for nothing: at once, and for each second. */
  readonly floodBurst: number;
  readonly floodPerSecond: number;
}

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly limits: ConnectionLimits;
  readonly nowMs: () => number;
  /** Its client sends nearly the same head again and again, so that the last one is worth being remembered. */
  readonly repeatsHeads: boolean;
  /** Has what was written sent together with what other connections have to send. */
  readonly writes: Writes;
  /** A request came. What belongs to it is held until the stream has a receiver. */
  readonly onRequest: (stream: ServerStream, head: RequestHead) => void;
  /** The connection was broken off, for what its client did; `INTERNAL_ERROR` for what was done here. */
  readonly onBroken: (code: Http2ErrorCode, cause: unknown) => void;
  readonly onClosed: () => void;
}

/** A client that leaves so many bytes unread is not read any more until it takes them. */
const MAX_UNSENT_BYTES = 1_048_576;
/** So many bytes of answers are made into frames at most, whatever windows a client opens. */
const MAX_WRITTEN_BYTES = 2 * MAX_UNSENT_BYTES;
/** CONTINUATION frames that one block of headers may have. */
const MAX_CONTINUATIONS = 64;
/** So long a client may go on sending to a connection that is given up. */
const CLOSING_MS = 1_000;
const TOO_LARGE = encodeBlock([[':status', '431']]);
const EMPTY = Buffer.alloc(0);

/** A block of headers whose end has not come. */
interface OpenBlock {
  readonly stream: number;
  readonly isEnd: boolean;
  readonly parts: Buffer[];
  bytes: number;
}

/** The server's side of one HTTP/2 connection (RFC 9113): frames in, frames out, and every bound on what a client may do. */
export class ServerConnection implements StreamHost, Writer {
  readonly output = new FrameOutput();
  readonly nowMs: () => number;
  readonly streamWindowBytes: number;
  sendWindow = INITIAL_WINDOW_BYTES;
  readonly #socket: Socket;
  readonly #limits: ConnectionLimits;
  readonly #writes: ConnectionOptions['writes'];
  readonly #onRequest: ConnectionOptions['onRequest'];
  readonly #onBroken: ConnectionOptions['onBroken'];
  readonly #heads: HeadReader;
  readonly #streams = new Map<number, ServerStream>();
  readonly #stalled = new Set<ServerStream>();
  /** Streams that ended here before the client ended them: what it still sends is passed over. */
  readonly #left = new Set<number>();
  readonly #floods: RateBudget;
  #rest: Buffer = EMPTY;
  #hasPreface = false;
  #hasSettings = false;
  #block: OpenBlock | undefined;
  #lastStream = 0;
  #streamWindow = INITIAL_WINDOW_BYTES;
  #receiveWindow: number;
  #used = 0;
  /** Since when the client owes something: the preface, the rest of a frame or of a block. */
  #owesSinceMs: number | undefined;
  #pausedSinceMs: number | undefined;
  /** Since when there is no stream. */
  #idleSinceMs: number | undefined;
  /** A stream waits for what was written to be on its way. */
  #lacksRoom = false;
  #isReading = false;
  #willFlush = false;
  #isDraining = false;
  #isClosing = false;
  #closing: NodeJS.Timeout | undefined;

  constructor({ socket, limits, nowMs, repeatsHeads, writes, onRequest, onBroken, onClosed }: ConnectionOptions) {
    this.#socket = socket;
    this.#limits = limits;
    this.nowMs = nowMs;
    this.#writes = writes;
    this.#onRequest = onRequest;
    this.#onBroken = onBroken;
    this.#heads = new HeadReader(limits.maxHeaderBytes, repeatsHeads);
    this.#floods = new RateBudget(limits.floodBurst, limits.floodPerSecond, nowMs);
    this.#owesSinceMs = nowMs();
    this.#idleSinceMs = this.#owesSinceMs;
    this.output.frame(FRAME.settings, 0, 0, settingsOf(limits));
    this.streamWindowBytes = limits.streamWindowBytes;
    this.#receiveWindow = limits.connectionWindowBytes;
    const widened = limits.connectionWindowBytes - INITIAL_WINDOW_BYTES;
    if (widened > 0) this.output.number(FRAME.windowUpdate, 0, widened);
    this.#flush();
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.#drained());
    // The client broke the connection: `close` follows.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(this.#closing);
      this.#isClosing = true;
      for (const stream of this.#streams.values()) stream.abandon();
      onClosed();
    });
  }

  /** The client is to open another connection; this one goes on. */
  dismiss(): void {
    if (this.#isClosing) return;
    this.output.goAway(LAST_STREAM_ID, HTTP2_ERRORS.NO_ERROR, '');
    this.flushSoon();
  }

  /** Takes no request any more, and closes when the last is answered. */
  drain(): void {
    if (this.#isClosing || this.#isDraining) return;
    this.#isDraining = true;
    this.output.goAway(this.#lastStream, HTTP2_ERRORS.NO_ERROR, '');
    this.#closeIfDrained();
    this.#flush();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  get room(): number {
    return MAX_WRITTEN_BYTES - this.output.size - this.#socket.writableLength;
  }

  /** Ends what takes too long. */
  check(nowMs: number): void {
    const { readTimeoutMs, writeTimeoutMs, idleTimeoutMs = Infinity } = this.#limits;
    if (isPast(this.#pausedSinceMs, writeTimeoutMs, nowMs)) {
      // Nobody would read a goodbye.
      this.#onBroken('ENHANCE_YOUR_CALM', undefined);
      this.destroy();
    } else if (isPast(this.#owesSinceMs, readTimeoutMs, nowMs)) {
      this.#break(new Http2Error('ENHANCE_YOUR_CALM', 'what was begun took too long to come'));
    } else if (isPast(this.#idleSinceMs, idleTimeoutMs, nowMs)) {
      this.drain();
    }
    for (const stream of this.#stalled)
      if (isPast(stream.stalledSinceMs, writeTimeoutMs, nowMs)) stream.reset('CANCEL');
  }

  readonly flushSoon = (): void => {
    if (this.#isReading || this.#willFlush) return;
    this.#willFlush = true;
    this.#writes.add(this);
  };

  /** To be called by the batch. */
  writeNow(): void {
    this.#willFlush = false;
    this.#flush();
  }

  readonly used = (bytes: number): void => {
    this.#used += bytes;
    if (this.#used < this.#limits.connectionWindowBytes / 2 || this.#isClosing) return;
    this.#receiveWindow += this.#used;
    this.output.number(FRAME.windowUpdate, 0, this.#used);
    this.#used = 0;
    this.flushSoon();
  };

  readonly stalled = (stream: ServerStream, isStalled: boolean): void => {
    if (isStalled) this.#stalled.add(stream);
    else this.#stalled.delete(stream);
    this.#lacksRoom ||= isStalled && this.room <= 0;
  };

  readonly over = ({ id }: ServerStream, hadEnded: boolean): void => {
    this.#streams.delete(id);
    if (this.#streams.size === 0) this.#idleSinceMs = this.nowMs();
    if (!hadEnded) this.#leave(id);
    this.#closeIfDrained();
  };

  #read(chunk: Buffer): void {
    if (this.#isClosing) return;
    this.#isReading = true;
    try {
      this.#rest = this.#takeFrames(this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]));
      const owesNothing = this.#rest.length === 0 && this.#block === undefined && this.#hasSettings;
      if (owesNothing || this.#pausedSinceMs !== undefined) this.#owesSinceMs = undefined;
      else this.#owesSinceMs ??= this.nowMs();
    } catch (error) {
      this.#break(error);
    } finally {
      this.#isReading = false;
    }
    if (this.output.size > 0) this.flushSoon();
  }

  /** Takes all frames that are whole, and gives what is left. */
  #takeFrames(bytes: Buffer): Buffer {
    let at = 0;
    if (!this.#hasPreface) {
      const length = Math.min(bytes.length, PREFACE.length);
      if (bytes.compare(PREFACE, 0, length, 0, length) !== 0) {
        throw new Http2Error('PROTOCOL_ERROR', 'the connection does not begin as HTTP/2');
      }
      if (length < PREFACE.length) return bytes;
      this.#hasPreface = true;
      at = length;
    }
    while (bytes.length - at >= FRAME_HEAD_BYTES) {
      const lengthAndType = bytes.readUInt32BE(at);
      const length = lengthAndType >>> 8;
      if (length > MAX_FRAME_BYTES) throw new Http2Error('FRAME_SIZE_ERROR', 'a frame is too large');
      const start = at + FRAME_HEAD_BYTES;
      const end = start + length;
      if (end > bytes.length) break;
      const stream = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
      this.#takeFrame(lengthAndType & 0xff, bytes.readUInt8(at + 4), stream, bytes.subarray(start, end));
      at = end;
      // Somebody who sends whole frames owes nothing but the end of a block.
      if (this.#block === undefined && this.#hasSettings) this.#owesSinceMs = undefined;
      if (this.#isClosing) return EMPTY;
      // A few bytes can ask for many: the next are not looked at before these are on their way.
      if (this.output.size > MAX_UNSENT_BYTES) {
        this.#flush();
        if (this.#pausedSinceMs !== undefined) break;
      }
    }
    // Nothing of what was read is kept, not even a view of its end.
    return at === bytes.length ? EMPTY : bytes.subarray(at);
  }

  #takeFrame(type: number, flags: number, id: number, payload: Buffer): void {
    if (!this.#hasSettings && type !== FRAME.settings) {
      throw new Http2Error('PROTOCOL_ERROR', 'the first frame is none of settings');
    }
    if (this.#block !== undefined && type !== FRAME.continuation) {
      throw new Http2Error('PROTOCOL_ERROR', 'a block of headers is interrupted');
    }
    switch (type) {
      case FRAME.data:
        return this.#takeData(flags, id, payload);
      case FRAME.headers:
        return this.#takeHeaders(flags, id, payload);
      case FRAME.continuation:
        return this.#takeContinuation(flags, id, payload);
      case FRAME.reset:
        return this.#takeReset(id, payload);
      case FRAME.settings:
        return this.#takeSettings(flags, id, payload);
      case FRAME.ping:
        return this.#takePing(flags, id, payload);
      case FRAME.windowUpdate:
        return this.#takeWindowUpdate(id, payload);
      case FRAME.goAway:
        expectLength(payload.length >= 8);
        expectConnection(id);
        return; // the client opens no more streams, and closes by itself
      case FRAME.priority:
        expectStream(id);
        expectLength(payload.length === 5);
        return this.#spend();
      case FRAME.pushPromise:
        throw new Http2Error('PROTOCOL_ERROR', 'a client pushes nothing');
      default:
        return this.#spend(); // unknown frames are passed over
    }
  }

  #takeData(flags: number, id: number, payload: Buffer): void {
    expectStream(id);
    this.#receiveWindow -= payload.length;
    if (this.#receiveWindow < 0) throw new Http2Error('FLOW_CONTROL_ERROR', 'more was sent than the window lets');
    const piece = unpadded(flags, payload);
    const isEnd = has(flags, FLAG.endStream);
    if (piece.length === 0 && !isEnd) this.#spend();
    const stream = this.#streams.get(id);
    if (stream !== undefined) {
      this.#refuseIf(stream, stream.take(piece, payload.length, isEnd));
      return;
    }
    this.used(payload.length);
    if (this.#left.has(id)) {
      if (isEnd) this.#left.delete(id);
      return;
    }
    this.#expectKnown(id);
    this.#spend();
    this.output.number(FRAME.reset, id, HTTP2_ERRORS.STREAM_CLOSED);
  }

  #takeHeaders(flags: number, id: number, payload: Buffer): void {
    expectStream(id);
    const fields = unpadded(flags, payload);
    const priorityBytes = has(flags, FLAG.priority) ? 5 : 0;
    expectLength(fields.length >= priorityBytes);
    const block = priorityBytes === 0 ? fields : fields.subarray(priorityBytes);
    if (has(flags, FLAG.endHeaders)) this.#takeBlock(id, has(flags, FLAG.endStream), block);
    else this.#block = { stream: id, isEnd: has(flags, FLAG.endStream), parts: [block], bytes: block.length };
  }

  #takeContinuation(flags: number, id: number, payload: Buffer): void {
    const open = this.#block;
    if (open?.stream !== id) throw new Http2Error('PROTOCOL_ERROR', 'there is no block of headers to go on with');
    open.bytes += payload.length;
    open.parts.push(payload);
    if (open.bytes > this.#limits.maxHeaderBytes || open.parts.length > MAX_CONTINUATIONS) {
      throw new Http2Error('ENHANCE_YOUR_CALM', 'a block of headers is too large');
    }
    if (!has(flags, FLAG.endHeaders)) return;
    this.#block = undefined;
    this.#takeBlock(id, open.isEnd, Buffer.concat(open.parts, open.bytes));
  }

  #takeBlock(id: number, isEnd: boolean, block: Buffer): void {
    // Every block has to be read, also one that is of no use: the next ones build on it.
    const head = this.#heads.read(block);
    const open = this.#streams.get(id);
    if (open !== undefined) {
      // Trailers say nothing here but that this is all.
      this.#refuseIf(open, isEnd ? open.takeEnd() : 'PROTOCOL_ERROR');
      return;
    }
    if (id % 2 === 0) throw new Http2Error('PROTOCOL_ERROR', 'streams of clients have odd numbers');
    if (id <= this.#lastStream) {
      if (this.#left.has(id)) return;
      throw new Http2Error('STREAM_CLOSED', 'a stream is used again');
    }
    this.#lastStream = id;
    if (this.#isDraining || this.#streams.size >= this.#limits.maxConcurrentStreams) {
      this.#refuse(id, isEnd, 'REFUSED_STREAM');
    } else if (head === 'malformed') this.#refuse(id, isEnd, 'PROTOCOL_ERROR');
    else if (head === 'too-large') {
      this.output.headers(id, TOO_LARGE, true);
      this.#refuse(id, isEnd, 'NO_ERROR');
    } else {
      const stream = new ServerStream(id, this, this.#streamWindow, head.contentLength);
      this.#streams.set(id, stream);
      this.#idleSinceMs = undefined;
      if (isEnd) this.#refuseIf(stream, stream.takeEnd());
      if (!stream.isClosed) this.#onRequest(stream, head);
    }
  }

  #takeReset(id: number, payload: Buffer): void {
    expectStream(id);
    expectLength(payload.length === 4);
    this.#expectKnown(id);
    // Requests that are made to be given up cost the server and not the client (CVE-2023-44487).
    this.#spend();
    this.#left.delete(id);
    this.#streams.get(id)?.abandon();
  }

  #takeSettings(flags: number, id: number, payload: Buffer): void {
    expectConnection(id);
    this.#spend();
    if (has(flags, FLAG.ack)) {
      expectLength(payload.length === 0);
      if (!this.#hasSettings) throw new Http2Error('PROTOCOL_ERROR', 'the first frame is none of settings');
      return;
    }
    expectLength(payload.length % 6 === 0);
    this.#hasSettings = true;
    for (let at = 0; at < payload.length; at += 6) {
      this.#takeSetting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    }
    this.output.frame(FRAME.settings, FLAG.ack, 0, EMPTY);
  }

  #takeSetting(setting: number, value: number): void {
    switch (setting) {
      case SETTING.headerTableSize:
        if (value < HEADER_TABLE_BYTES) this.output.agreeToTable();
        return;
      case SETTING.enablePush:
        if (value > 1) throw new Http2Error('PROTOCOL_ERROR', 'a setting is out of its range');
        return;
      case SETTING.maxFrameSize:
        if (value < MAX_FRAME_BYTES || value > 0xff_ffff) {
          throw new Http2Error('PROTOCOL_ERROR', 'a setting is out of its range');
        }
        return;
      case SETTING.initialWindowSize: {
        if (value > MAX_WINDOW_BYTES) throw new Http2Error('FLOW_CONTROL_ERROR', 'a window is too large');
        const change = value - this.#streamWindow;
        this.#streamWindow = value;
        for (const stream of [...this.#streams.values()]) {
          if (stream.widen(change) !== undefined) throw new Http2Error('FLOW_CONTROL_ERROR', 'a window is too large');
        }
        return;
      }
      default:
        return; // nothing that concerns a server that sends what every client takes
    }
  }

  #takePing(flags: number, id: number, payload: Buffer): void {
    expectConnection(id);
    expectLength(payload.length === 8);
    this.#spend();
    if (!has(flags, FLAG.ack)) this.output.frame(FRAME.ping, FLAG.ack, 0, payload);
  }

  #takeWindowUpdate(id: number, payload: Buffer): void {
    expectLength(payload.length === 4);
    const bytes = payload.readUInt32BE(0) & 0x7fff_ffff;
    if (id === 0) {
      if (bytes === 0) throw new Http2Error('PROTOCOL_ERROR', 'a window is widened by nothing');
      this.sendWindow += bytes;
      if (this.sendWindow > MAX_WINDOW_BYTES) throw new Http2Error('FLOW_CONTROL_ERROR', 'a window is too large');
      for (const stream of [...this.#stalled]) stream.pump();
      return;
    }
    this.#expectKnown(id);
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#refuseIf(stream, bytes === 0 ? 'PROTOCOL_ERROR' : stream.widen(bytes));
  }

  /** @throws Http2Error for a stream that the client has not opened yet */
  #expectKnown(id: number): void {
    if (id > this.#lastStream || id % 2 === 0)
      throw new Http2Error('PROTOCOL_ERROR', 'a stream is used that is not open');
  }

  /** Counts what is legal, and an attack in large numbers. @throws Http2Error when there was too much of it */
  #spend(): void {
    if (!this.#floods.take()) throw new Http2Error('ENHANCE_YOUR_CALM', 'too many frames that ask for nothing');
  }

  #refuseIf(stream: ServerStream, code: Http2ErrorCode | undefined): void {
    if (code === undefined) return;
    this.#spend();
    stream.reset(code);
  }

  /** Ends a stream that never was one. */
  #refuse(id: number, isEnd: boolean, code: Http2ErrorCode): void {
    this.#spend();
    if (isEnd && code === 'NO_ERROR') return;
    this.output.number(FRAME.reset, id, HTTP2_ERRORS[code]);
    if (!isEnd) this.#leave(id);
  }

  #leave(id: number): void {
    this.#left.add(id);
    if (this.#left.size <= this.#limits.maxConcurrentStreams) return;
    for (const oldest of this.#left) {
      this.#left.delete(oldest);
      return;
    }
  }

  /** Tells the client why, and gives the connection up. */
  #break(error: unknown): void {
    if (this.#isClosing) return;
    const known = error instanceof Http2Error ? error : new Http2Error('INTERNAL_ERROR', 'internal error');
    this.output.goAway(this.#lastStream, HTTP2_ERRORS[known.code], known.message);
    this.#onBroken(known.code, error);
    this.#close();
    this.#flush();
    this.#socket.end();
    for (const stream of [...this.#streams.values()]) stream.abandon();
  }

  #closeIfDrained(): void {
    if (!this.#isDraining || this.#isClosing || this.#streams.size > 0) return;
    // What the last stream still has to say is written first.
    this.#close();
    process.nextTick(() => {
      this.#flush();
      this.#socket.end();
    });
  }

  /** Reads on and does nothing with it: closing at once would take from the client what is on its way. */
  #close(): void {
    this.#isClosing = true;
    this.#rest = EMPTY;
    this.#block = undefined;
    this.#owesSinceMs = undefined;
    this.#closing = setTimeout(() => this.destroy(), CLOSING_MS);
    this.#closing.unref();
  }

  #flush(): void {
    const bytes = this.output.take();
    if (bytes === undefined || !this.#socket.writable) return;
    const isOut = this.#socket.write(bytes);
    this.#fill();
    if (isOut || this.#socket.writableLength <= MAX_UNSENT_BYTES) return;
    if (this.#pausedSinceMs !== undefined) return;
    this.#pausedSinceMs = this.nowMs();
    this.#socket.pause();
  }

  /** Has streams that waited for room go on. */
  #fill(): void {
    if (!this.#lacksRoom || this.room <= 0 || this.#isClosing) return;
    this.#lacksRoom = false;
    for (const stream of [...this.#stalled]) stream.pump();
    if (this.output.size > 0) this.flushSoon();
  }

  #drained(): void {
    this.#fill();
    if (this.#pausedSinceMs === undefined) return;
    this.#pausedSinceMs = undefined;
    this.#socket.resume();
    this.#read(EMPTY);
  }
}

function has(flags: number, flag: number): boolean {
  return (flags & flag) !== 0;
}

function isPast(sinceMs: number | undefined, timeoutMs: number, nowMs: number): boolean {
  return sinceMs !== undefined && nowMs - sinceMs > timeoutMs;
}

function settingsOf({ maxConcurrentStreams, streamWindowBytes, maxHeaderBytes }: ConnectionLimits): Buffer {
  const settings = [
    [SETTING.maxConcurrentStreams, maxConcurrentStreams],
    [SETTING.initialWindowSize, streamWindowBytes],
    [SETTING.maxHeaderListSize, maxHeaderBytes],
  ] as const;
  const bytes = Buffer.alloc(6 * settings.length);
  for (const [index, [setting, value]] of settings.entries()) {
    bytes.writeUInt16BE(setting, 6 * index);
    bytes.writeUInt32BE(value, 6 * index + 2);
  }
  return bytes;
}

function unpadded(flags: number, payload: Buffer): Buffer {
  if (!has(flags, FLAG.padded)) return payload;
  expectLength(payload.length >= 1);
  const padding = payload.readUInt8(0);
  if (padding >= payload.length) throw new Http2Error('PROTOCOL_ERROR', 'a frame is nothing but padding');
  return payload.subarray(1, payload.length - padding);
}

function expectStream(id: number): void {
  if (id === 0) throw new Http2Error('PROTOCOL_ERROR', 'a frame belongs to no stream');
}

function expectConnection(id: number): void {
  if (id !== 0) throw new Http2Error('PROTOCOL_ERROR', 'a frame of the connection names a stream');
}

function expectLength(isRight: boolean): void {
  if (!isRight) throw new Http2Error('FRAME_SIZE_ERROR', 'a frame has the wrong size');
}
