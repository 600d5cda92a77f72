import type { FrameOutput } from './frame-output.ts';
import { FLAG, FRAME, HTTP2_ERRORS, MAX_FRAME_BYTES, MAX_WINDOW_BYTES, type Http2ErrorCode } from './protocol.ts';

/** Who takes what a client sends on a stream. */
export interface StreamReceiver {
  readonly data: (piece: Buffer) => void;
  /** The client has sent everything. */
  readonly ended: () => void;
  /** The client, or its connection, went before its answer was complete. */
  readonly gone: () => void;
  /** The whole answer is on its way. */
  readonly sent?: () => void;
  /** More can be sent after {@link ServerStream.data} answered false. */
  readonly drained?: () => void;
}

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly output: FrameOutput;
  /** Bytes that the client takes now, over all streams. */
  sendWindow: number;
  /** Bytes that may be written before what was written has to be on its way. */
  readonly room: number;
  /** Bytes that a client may send on a stream before they are used. */
  readonly streamWindowBytes: number;
  readonly nowMs: () => number;
  /** Has what was written sent, soon. */
  readonly flushSoon: () => void;
  /** Bytes that came were used: the client may send as many more. */
  readonly used: (bytes: number) => void;
  /** The stream has something to send, and no window for it; or it had. */
  readonly stalled: (stream: ServerStream, isStalled: boolean) => void;
  /** The stream is over. The client may still send on it if it had not ended it. */
  readonly over: (stream: ServerStream, hadEnded: boolean) => void;
}

/** A client that leaves so much of its answers unread is not read any more until it takes them. */
const MAX_UNSENT_BYTES = 65_536;

type Unsent =
  | { readonly kind: 'headers'; readonly block: Buffer; readonly isEnd: boolean }
  | { readonly kind: 'data'; readonly bytes: Buffer; readonly isEnd: boolean; at: number };

/** One request and its answer: flow control both ways, and what a client may do when. */
export class ServerStream {
  readonly id: number;
  readonly #host: StreamHost;
  readonly #contentLength: number | undefined;
  #receiver: StreamReceiver | undefined;
  #sendWindow: number;
  #receiveWindow: number;
  /** Bytes that were used since the client last heard of it. */
  #used = 0;
  #received = 0;
  /** What came while nobody takes it. */
  #held: Buffer[] = [];
  #unsent: Unsent[] = [];
  #unsentBytes = 0;
  #remoteEnded = false;
  #endTold = false;
  #localEnded = false;
  #closed = false;
  #stalledSinceMs: number | undefined;
  /** Whoever sends was told to wait. */
  #isAwaited = false;

  constructor(id: number, host: StreamHost, sendWindow: number, contentLength: number | undefined) {
    this.id = id;
    this.#host = host;
    this.#sendWindow = sendWindow;
    this.#receiveWindow = host.streamWindowBytes;
    this.#contentLength = contentLength;
  }

  /** Over: whatever is sent on it any more is lost. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Since when an answer waits for its client; undefined where none does. */
  get stalledSinceMs(): number | undefined {
    return this.#stalledSinceMs;
  }

  /** Gives what comes, and what came before, to `receiver`; tells it at once if the client is gone. */
  receive(receiver: StreamReceiver): void {
    this.#receiver = receiver;
    if (this.#closed) receiver.gone();
    else this.#deliver();
  }

  /** Sends a block of headers; the last one ends the stream. */
  headers(block: Buffer, isEnd: boolean): void {
    if (this.#closed || this.#localEnded) return;
    this.#localEnded = isEnd;
    if (this.#unsent.length > 0) this.#unsent.push({ kind: 'headers', block, isEnd });
    else {
      this.#host.output.headers(this.id, block, isEnd);
      if (isEnd) this.#sentAll();
    }
    this.#host.flushSoon();
  }

  /**
   * Sends bytes as soon as the client takes them; they must not change any more. False asks to wait for
   * {@link StreamReceiver.drained} before more is sent. The last ones end the stream.
   */
  data(bytes: Buffer, isEnd = false): boolean {
    if (this.#closed || this.#localEnded) return true;
    this.#localEnded = isEnd;
    const { length } = bytes;
    if (this.#unsent.length === 0 && length <= MAX_FRAME_BYTES && length <= this.#window) {
      this.#sendData(bytes, 0, length, isEnd);
      if (isEnd) this.#sentAll();
    } else {
      this.#unsent.push({ kind: 'data', bytes, isEnd, at: 0 });
      this.#unsentBytes += length;
      this.pump();
    }
    this.#host.flushSoon();
    this.#isAwaited ||= this.#unsent.length > 0;
    return !this.#isAwaited;
  }

  /** Ends the stream at once, on both sides. */
  reset(code: Http2ErrorCode): void {
    if (this.#closed) return;
    this.#host.output.number(FRAME.reset, this.id, HTTP2_ERRORS[code]);
    this.#host.flushSoon();
    this.#close();
    this.#receiver?.gone();
  }

  /** Sends what the windows allow. */
  pump(): void {
    if (this.#closed) return;
    for (;;) {
      const [next] = this.#unsent;
      if (next === undefined) break;
      if (next.kind === 'headers') this.#host.output.headers(this.id, next.block, next.isEnd);
      else {
        const left = next.bytes.length - next.at;
        const length = Math.min(left, MAX_FRAME_BYTES, this.#window);
        if (length <= 0 && left > 0) {
          this.#stalledSinceMs ??= this.#host.nowMs();
          this.#host.stalled(this, true);
          return;
        }
        this.#sendData(next.bytes, next.at, next.at + length, next.isEnd && length === left);
        this.#unsentBytes -= length;
        this.#stalledSinceMs = undefined;
        next.at += length;
        if (length < left) continue;
      }
      this.#unsent.shift();
    }
    this.#stalledSinceMs = undefined;
    this.#host.stalled(this, false);
    if (this.#localEnded) {
      this.#sentAll();
      return;
    }
    this.#deliver();
    if (!this.#isAwaited) return;
    this.#isAwaited = false;
    this.#receiver?.drained?.();
  }

  /** The client takes so many bytes more, or fewer. Why that cannot be; undefined if it can. */
  widen(bytes: number): Http2ErrorCode | undefined {
    this.#sendWindow += bytes;
    if (this.#sendWindow > MAX_WINDOW_BYTES) return 'FLOW_CONTROL_ERROR';
    if (this.#unsent.length > 0) this.pump();
    return undefined;
  }

  /** The client sent a piece, which took `flowBytes` of the window. Why it may not; undefined if it may. */
  take(piece: Buffer, flowBytes: number, isEnd: boolean): Http2ErrorCode | undefined {
    if (this.#remoteEnded) return 'STREAM_CLOSED';
    this.#receiveWindow -= flowBytes;
    if (this.#receiveWindow < 0) return 'FLOW_CONTROL_ERROR';
    this.#received += piece.length;
    const padding = flowBytes - piece.length;
    if (padding > 0) this.#use(padding);
    if (piece.length > 0) this.#held.push(piece);
    return isEnd ? this.takeEnd() : this.#deliver();
  }

  /** The client sends no more. Why it may not end here; undefined if it may. */
  takeEnd(): Http2ErrorCode | undefined {
    if (this.#remoteEnded) return 'STREAM_CLOSED';
    this.#remoteEnded = true;
    if (this.#contentLength !== undefined && this.#contentLength !== this.#received) return 'PROTOCOL_ERROR';
    this.#deliver();
    return undefined;
  }

  /** The client gave the stream up, or is gone itself. */
  abandon(): void {
    if (this.#closed) return;
    this.#remoteEnded = true;
    this.#close();
    this.#receiver?.gone();
  }

  get #window(): number {
    return Math.min(this.#sendWindow, this.#host.sendWindow, this.#host.room);
  }

  #sendData(bytes: Buffer, start: number, end: number, isEnd: boolean): void {
    this.#sendWindow -= end - start;
    this.#host.sendWindow -= end - start;
    this.#host.output.frame(FRAME.data, isEnd ? FLAG.endStream : 0, this.id, bytes, start, end);
  }

  #deliver(): undefined {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    while (this.#unsentBytes <= MAX_UNSENT_BYTES && !this.#closed) {
      const piece = this.#held.shift();
      if (piece === undefined) {
        if (!this.#remoteEnded || this.#endTold) return;
        this.#endTold = true;
        receiver.ended();
        return;
      }
      this.#use(piece.length);
      receiver.data(piece);
    }
  }

  #use(bytes: number): void {
    this.#host.used(bytes);
    this.#used += bytes;
    if (this.#remoteEnded || this.#used < this.#host.streamWindowBytes / 2) return;
    this.#receiveWindow += this.#used;
    this.#host.output.number(FRAME.windowUpdate, this.id, this.#used);
    this.#host.flushSoon();
    this.#used = 0;
  }

  #sentAll(): void {
    // The client need not send the rest of a request that is answered (RFC 9113, section 8.1).
    if (!this.#remoteEnded) this.#host.output.number(FRAME.reset, this.id, HTTP2_ERRORS.NO_ERROR);
    this.#close();
    this.#receiver?.sent?.();
  }

  #close(): void {
    this.#closed = true;
    if (this.#held.length > 0) for (const piece of this.#held.splice(0)) this.#host.used(piece.length);
    if (this.#unsent.length > 0) this.#unsent = [];
    this.#unsentBytes = 0;
    if (this.#stalledSinceMs !== undefined) this.#host.stalled(this, false);
    this.#stalledSinceMs = undefined;
    this.#host.over(this, this.#remoteEnded);
  }
}
