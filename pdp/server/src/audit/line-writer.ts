/** Writes bytes to a file descriptor without blocking the caller's thread; calls back when they are written. */
export type WriteBytes = (bytes: Buffer, done: (error: Error | null) => void) => void;

export interface LineWriterOptions {
  readonly write: WriteBytes;
  /** Bytes that may wait to be written. */
  readonly maxBufferedBytes: number;
  /** Called once per line that had to be dropped. */
  readonly onDropped: () => void;
  /** Called when a write failed; its lines count as dropped. */
  readonly onError: (error: Error) => void;
}

/**
 * A bounded, batching writer of lines. One write is under way at a time; lines that come meanwhile are joined into the
 * next. A reader that stalls fills the buffer and never stops the caller: `offer` then says no.
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  #lines: string[] = [];
  #buffered = 0;
  #writing = false;
  #scheduled = false;
  #idle: (() => void)[] = [];

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  /** Whether a line of ordinary length would be taken now. */
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
    if (!this.#scheduled && !this.#writing) {
      this.#scheduled = true;
      setImmediate(() => this.#flush());
    }
    return true;
  }

  /** Resolves when everything taken so far is written. */
  drained(): Promise<void> {
    if (this.#lines.length === 0 && !this.#writing) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#writing) return;
    if (this.#lines.length === 0) {
      for (const resolve of this.#idle.splice(0)) resolve();
      return;
    }
    const lines = this.#lines;
    const taken = this.#buffered;
    this.#lines = [];
    this.#writing = true;
    this.#options.write(Buffer.from(`${lines.join('\n')}\n`), (error) => {
      this.#writing = false;
      this.#buffered -= taken;
      if (error !== null) {
        for (let i = 0; i < lines.length; i++) this.#options.onDropped();
        this.#options.onError(error);
      }
      this.#flush();
    });
  }
}
