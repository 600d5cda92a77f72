import { FLAG, FRAME, FRAME_HEAD_BYTES, MAX_FRAME_BYTES } from './protocol.ts';

const INITIAL_BYTES = 1_024;

/** Frames that wait to be sent together. */
export class FrameOutput {
  #bytes: Buffer | undefined;
  #length = 0;
  /** The peer made its table of headers smaller: the next block has to agree (RFC 7541, section 4.2). */
  #agreesToTable = false;

  /** Bytes that wait. */
  get size(): number {
    return this.#length;
  }

  /** What was written since the last time; undefined if nothing was. */
  take(): Buffer | undefined {
    const taken = this.#bytes?.subarray(0, this.#length);
    this.#bytes = undefined;
    this.#length = 0;
    return taken;
  }

  frame(type: number, flags: number, stream: number, payload: Buffer, start = 0, end = payload.length): void {
    const bytes = this.#head(type, flags, stream, end - start);
    payload.copy(bytes, this.#length, start, end);
    this.#length += end - start;
  }

  /** HEADERS, with CONTINUATION where they are large. */
  headers(stream: number, block: Buffer, isEnd: boolean): void {
    const whole = this.#agreesToTable ? Buffer.concat([EMPTY_TABLE, block]) : block;
    this.#agreesToTable = false;
    const endFlag = isEnd ? FLAG.endStream : 0;
    if (whole.length <= MAX_FRAME_BYTES) {
      this.frame(FRAME.headers, FLAG.endHeaders | endFlag, stream, whole);
      return;
    }
    this.frame(FRAME.headers, endFlag, stream, whole, 0, MAX_FRAME_BYTES);
    for (let at = MAX_FRAME_BYTES; at < whole.length; at += MAX_FRAME_BYTES) {
      const end = Math.min(at + MAX_FRAME_BYTES, whole.length);
      this.frame(FRAME.continuation, end === whole.length ? FLAG.endHeaders : 0, stream, whole, at, end);
    }
  }

  /** RST_STREAM and WINDOW_UPDATE: a frame with one number. */
  number(type: number, stream: number, value: number): void {
    const bytes = this.#head(type, 0, stream, 4);
    this.#length = bytes.writeUInt32BE(value, this.#length);
  }

  goAway(lastStream: number, code: number, detail: string): void {
    const text = Buffer.from(detail);
    const bytes = this.#head(FRAME.goAway, 0, 0, 8 + text.length);
    bytes.writeUInt32BE(lastStream, this.#length);
    bytes.writeUInt32BE(code, this.#length + 4);
    text.copy(bytes, this.#length + 8);
    this.#length += 8 + text.length;
  }

  agreeToTable(): void {
    this.#agreesToTable = true;
  }

  /** Writes the head of a frame and makes room for the rest. */
  #head(type: number, flags: number, stream: number, length: number): Buffer {
    const bytes = this.#room(FRAME_HEAD_BYTES + length);
    const at = this.#length;
    bytes.writeUInt32BE(((length << 8) | type) >>> 0, at);
    bytes[at + 4] = flags;
    bytes.writeUInt32BE(stream, at + 5);
    this.#length = at + FRAME_HEAD_BYTES;
    return bytes;
  }

  #room(length: number): Buffer {
    const needed = this.#length + length;
    const before = this.#bytes;
    if (before !== undefined && needed <= before.length) return before;
    const larger = Buffer.allocUnsafe(Math.max(needed, (before?.length ?? INITIAL_BYTES / 2) * 2));
    before?.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    return larger;
  }
}

/** The size of the dynamic table is to be 0: blocks here use none. */
const EMPTY_TABLE = Buffer.from([0x20]);
