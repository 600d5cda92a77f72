/** What {@link ChunkedBody.take} came to: how many bytes it used, and whether the body is whole. */
export type ChunkedProgress =
  { readonly kind: 'more' | 'done'; readonly used: number } | { readonly kind: 'malformed'; readonly problem: string };

/** Bytes of one chunk's line, extensions included. */
const MAX_LINE_BYTES = 256;
/** Bytes of the lines of all chunks and of the trailer section: no body needs them, and they are read for nothing. */
const MAX_OVERHEAD_BYTES = 65_536;
/** A size in hexadecimal, and extensions, which are ignored. */
const SIZE_LINE = /^([0-9A-Fa-f]{1,12})[\t ]*(?:;[\t\x20-\x7e]*)?$/;
const TRAILER_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/;

const CR = 13;
const LF = 10;

/**
 * Takes a chunked body (RFC 9112 section 7.1) apart as it arrives, in pieces of any size. Strict: every line ends with CR LF.
 * Trailers are read and dropped.
 */
export class ChunkedBody {
  readonly #onData: (data: Buffer) => void;
  #state: 'size' | 'data' | 'data-end' | 'trailer' = 'size';
  #left = 0;
  #line = '';
  #overhead = 0;

  /** `onData` is told of the pieces of the content, in order. */
  constructor(onData: (data: Buffer) => void) {
    this.#onData = onData;
  }

  /** Takes what has arrived. After `done` or `malformed` it must not be called again. */
  take(bytes: Buffer): ChunkedProgress {
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === 'data') {
        const end = Math.min(bytes.length, at + this.#left);
        this.#onData(bytes.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = 'data-end';
        continue;
      }
      const end = bytes.indexOf(LF, at);
      const to = end === -1 ? bytes.length : end + 1;
      this.#line += bytes.toString('latin1', at, to);
      this.#overhead += to - at;
      at = to;
      if (this.#line.length > MAX_LINE_BYTES || this.#overhead > MAX_OVERHEAD_BYTES) {
        return malformed('the lines between the chunks are too long');
      }
      if (end === -1) break;
      if (this.#line.charCodeAt(this.#line.length - 2) !== CR) return malformed('a chunk line does not end with CR LF');
      const line = this.#line.slice(0, -2);
      this.#line = '';
      const ended = this.#endLine(line);
      if (ended !== undefined) return ended === 'done' ? { kind: 'done', used: at } : malformed(ended);
    }
    return { kind: 'more', used: at };
  }

  /** `done`, or what is wrong with the line; undefined to go on. */
  #endLine(line: string): string | undefined {
    if (this.#state === 'data-end') {
      this.#state = 'size';
      return line === '' ? undefined : 'a chunk is longer than it says';
    }
    if (this.#state === 'trailer') {
      if (line === '') return 'done';
      return TRAILER_LINE.test(line) ? undefined : 'a trailer is no header';
    }
    const size = SIZE_LINE.exec(line)?.[1];
    if (size === undefined) return 'a chunk has no size';
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? 'trailer' : 'data';
    return undefined;
  }
}

function malformed(problem: string): ChunkedProgress {
  return { kind: 'malformed', problem };
}
