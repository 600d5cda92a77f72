/** What a queue may hold. */
export interface QueueLimits {
  /** Bytes of records that wait or are on their way, a line feed with each. One record may exceed it. */
  readonly maxBytes: number;
  readonly maxRecords: number;
}

/** Records that go out together. */
export interface RecordBatch {
  readonly texts: readonly string[];
  /** When the oldest of them was made, in ms since the epoch. */
  readonly oldestMs: number;
  /** When the newest was. */
  readonly newestMs: number;
}

/** A queue of records in memory. What has been taken from it counts against its bounds until it is released. */
export class RecordQueue {
  readonly #limits: QueueLimits;
  #texts: string[] = [];
  #times: number[] = [];
  #sizes: number[] = [];
  /** Index of the first that waits; those before it are gone. */
  #head = 0;
  #bytes = 0;
  #outBytes = 0;
  #outRecords = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Records that wait. */
  get waiting(): number {
    return this.#texts.length - this.#head;
  }
  /** Bytes that wait. */
  get waitingBytes(): number {
    return this.#bytes;
  }
  /** Records that wait or are on their way. */
  get records(): number {
    return this.waiting + this.#outRecords;
  }
  /** Their bytes. */
  get bytes(): number {
    return this.#bytes + this.#outBytes;
  }
  /** Whether a record would fit now. */
  get hasRoom(): boolean {
    return this.bytes < this.#limits.maxBytes && this.records < this.#limits.maxRecords;
  }
  /** When the oldest that waits was made. */
  get oldestMs(): number | undefined {
    return this.#times[this.#head];
  }

  /** Adds a record, whether there is room or not. */
  push(text: string, atMs: number): void {
    // To measure a text makes one of its parts, of which there are many as it was written: V8 would carry them along, each by itself,
    // until the record is delivered.
    const size = Buffer.byteLength(text) + 1;
    this.#texts.push(text);
    this.#times.push(atMs);
    this.#sizes.push(size);
    this.#bytes += size;
  }

  /** Takes the oldest records, at least one if there is any; they are on their way until `release`. */
  take({ maxBytes, maxRecords }: QueueLimits): RecordBatch | undefined {
    const start = this.#head;
    let end = start;
    let bytes = 0;
    for (; end < this.#texts.length && end - start < maxRecords; end++) {
      const size = this.#sizes[end] ?? 0;
      if (end > start && bytes + size > maxBytes) break;
      bytes += size;
    }
    if (end === start) return undefined;
    const batch = {
      texts: this.#texts.slice(start, end),
      oldestMs: this.#times[start] ?? 0,
      newestMs: this.#times[end - 1] ?? 0,
    };
    this.#bytes -= bytes;
    this.#outBytes += bytes;
    this.#outRecords += end - start;
    this.#head = end;
    if (this.#head === this.#texts.length) {
      this.#texts = [];
      this.#times = [];
      this.#sizes = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#texts.length) {
      this.#texts = this.#texts.slice(this.#head);
      this.#times = this.#times.slice(this.#head);
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
    return batch;
  }

  /** All that was taken has arrived or is given up. */
  release(): void {
    this.#outBytes = 0;
    this.#outRecords = 0;
  }
}
