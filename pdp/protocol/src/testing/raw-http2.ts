import { connect, type Socket } from 'node:net';
import { FLAG, FRAME, HTTP2_ERRORS, PREFACE, type Http2ErrorCode } from '../http2/protocol.ts';
import { encodeBlock } from '../http2/hpack-encoder.ts';
import { until } from './conditions.ts';

/** A frame as it lies on the wire. */
export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** The bytes of a frame, whatever it says. */
export function rawFrame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Four bytes, as RST_STREAM and WINDOW_UPDATE hold them. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The payload of SETTINGS. */
export function settings(...values: readonly (readonly [setting: number, value: number])[]): Buffer {
  return Buffer.concat(values.map(([setting, value]) => Buffer.concat([Buffer.from([0, setting]), uint32(value)])));
}

/** A block of the headers of a call. */
export function callBlock(path: string, more: Readonly<Record<string, string>> = {}): Buffer {
  const fields = { ':method': 'POST', ':scheme': 'http', ':path': path, 'content-type': 'application/grpc', ...more };
  return encodeBlock(Object.entries(fields));
}

/** A client that sends what it is told to, frame by frame. */
export class RawHttp2Client {
  readonly frames: RawFrame[] = [];
  isClosed = false;
  readonly socket: Socket;
  #rest = Buffer.alloc(0);

  /** `server` is a port of this machine, or a connection to whoever is to be spoken to. */
  constructor(server: number | Socket, preface: Uint8Array = Buffer.concat([PREFACE, rawFrame(FRAME.settings, 0, 0)])) {
    this.socket = typeof server === 'number' ? connect(server, '127.0.0.1') : server;
    this.socket.on('error', () => undefined).on('close', () => (this.isClosed = true));
    this.socket.on('data', (piece) => this.#take(Buffer.from(piece)));
    this.socket.write(preface);
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** Resolves with the first frame of a type on a stream. */
  async first(type: number, stream: number): Promise<RawFrame> {
    let found: RawFrame | undefined;
    await until(() => {
      found = this.frames.find((frame) => frame.type === type && frame.stream === stream);
      if (found === undefined && this.isClosed) throw new Error('the connection is closed');
      return found !== undefined;
    });
    if (found === undefined) throw new Error('unreachable');
    return found;
  }

  /** The bytes of a stream's DATA up to now. */
  dataOf(stream: number): Buffer {
    return Buffer.concat(
      this.frames.filter((frame) => frame.type === FRAME.data && frame.stream === stream).map(({ payload }) => payload),
    );
  }

  /** Whether the server has ended a stream. */
  hasEnded(stream: number): boolean {
    return this.frames.some(
      (frame) => frame.type <= FRAME.headers && frame.stream === stream && (frame.flags & FLAG.endStream) > 0,
    );
  }

  /** Why the server broke the connection off. */
  async goAway(): Promise<Http2ErrorCode> {
    return codeOf((await this.first(FRAME.goAway, 0)).payload.readUInt32BE(4));
  }

  /** Why the server reset a stream. */
  async resetOf(stream: number): Promise<Http2ErrorCode> {
    return codeOf((await this.first(FRAME.reset, stream)).payload.readUInt32BE(0));
  }

  #take(piece: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, piece]);
    for (;;) {
      if (this.#rest.length < 9) return;
      const end = 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      const [, , , type = 0, flags = 0] = this.#rest;
      const stream = this.#rest.readUInt32BE(5);
      this.frames.push({ type, flags, stream, payload: this.#rest.subarray(9, end) });
      this.#rest = this.#rest.subarray(end);
    }
  }
}

function codeOf(value: number): Http2ErrorCode {
  const found = Object.entries(HTTP2_ERRORS).find(([, number]) => number === value);
  if (found === undefined) throw new Error(`there is no error ${value}`);
  return found[0] as Http2ErrorCode;
}
