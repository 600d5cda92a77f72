import { asLines } from './as-lines.ts';

/** Writes bytes to a file descriptor without blocking the caller's thread; calls back when they are written. */
export type WriteBytes = (bytes: Buffer, done: (error: Error | null) => void) => void;

export interface LineWriterOptions {
  readonly write: WriteBytes;
  /** Bytes that may wait to be written. One line may exceed it. */
  readonly maxBufferedBytes: number;
  /** Called once per line that had to be dropped. */
  readonly onDropped: () => void;
  /** Called when writing begins to fail; not again before a write has succeeded. */
  readonly onError: (error: Error) => void;
  /** Lines whose write failed are written again after this long; {@link WRITE_RETRY_MS} by default. */
  readonly retryMs?: number;
}

/** Default of {@link LineWriterOptions.retryMs}. */
export const WRITE_RETRY_MS = 1_000;

/** Lines wait this long for others to go out with: each write costs many times what a line does. */
const BATCH_MS = 5;
/** So much goes out without waiting for more. */
const BATCH_BYTES = 65_536;

const NEWLINE = Buffer.from('\n');

/**
 * A bounded, batching writer of lines. One write is under way at a time; lines that come meanwhile are joined into the
 * next. A reader that stalls, or a disk that is full, fills the buffer and never stops the caller: `offer` then says no.
 * What was taken is kept until it is written, so lines are lost only by not being taken, or with the process.
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  #lines: string[] = [];
  #buffered = 0;
  #writing = false;
  #failing = false;
  #timer: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  /** Whether a line would be taken now. */
  get hasRoom(): boolean {
    return this.#buffered < this.#options.maxBufferedBytes;
  }

  /** Bytes (UTF-16 units, as an estimate) that wait. */
  get bufferedBytes(): number {
    return this.#buffered;
  }

  /** Takes a line (without newline) or, when the buffer is full, drops it, counts it and returns false. */
  offer(line: string): boolean {
    if (!this.hasRoom) {
      this.#options.onDropped();
      return false;
    }
    this.#lines.push(line);
    this.#buffered += line.length + 1;
    if (!this.#writing) this.#schedule();
    return true;
  }

  /** Resolves with true when everything taken so far is written, with false if that takes longer than `timeoutMs`. */
  async drained(timeoutMs: number): Promise<boolean> {
    if (this.#lines.length === 0 && !this.#writing) return true;
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this.#idle.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
      if (!this.#writing) this.#flush();
    });
  }

  #schedule(): void {
    if (this.#buffered >= BATCH_BYTES) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const bytes = asLines(this.#lines);
    const taken = this.#buffered;
    this.#lines = [];
    this.#writing = true;
    this.#write(bytes, taken);
  }

  #write(bytes: Buffer, taken: number): void {
    this.#options.write(bytes, (error) => {
      if (error !== null) {
        if (!this.#failing) this.#options.onError(error);
        // The write that failed may have got half a line out: a newline keeps that from spoiling the first whole one.
        const again = this.#failing ? bytes : Buffer.concat([NEWLINE, bytes]);
        this.#failing = true;
        setTimeout(() => this.#write(again, taken), this.#options.retryMs ?? WRITE_RETRY_MS).unref();
        return;
      }
      this.#failing = false;
      this.#writing = false;
      this.#buffered -= taken;
      if (this.#lines.length === 0) for (const resolve of this.#idle.splice(0)) resolve();
      else if (this.#idle.length > 0) this.#flush();
      else this.#schedule();
    });
  }
}
