/** What has something to write, and writes it. */
export interface Writer {
  readonly writeNow: () => void;
}

/**
 * The longest that an answer waits for others, in milliseconds. Longer than a client takes to send what it is to be answered
 * with the others, shorter than anyone notices.
 */
export const MAX_BATCH_DELAY_MS = 0.5;

/**
 * Writes the answers to requests that arrived in one turn of the event loop together, at its end. Each write wakes its client:
 * where that runs on the same cores, as sidecars and gateways of one node do, one write between two decisions has the client
 * take the core from the next decision.
 */
export class WriteBatch {
  readonly #nowMs: () => number;
  readonly #later: (task: () => void) => void;
  #waiting: Writer[] = [];
  #sinceMs = 0;
  #scheduled = false;

  /** `later` calls its task when what has arrived in this turn was handled. */
  constructor(nowMs: () => number, later: (task: () => void) => void) {
    this.#nowMs = nowMs;
    this.#later = later;
  }

  /** Has `writer` write at the end of the turn; earlier if what waits has waited for {@link MAX_BATCH_DELAY_MS}. */
  add(writer: Writer): void {
    const nowMs = this.#nowMs();
    if (this.#waiting.length === 0) this.#sinceMs = nowMs;
    this.#waiting.push(writer);
    if (nowMs - this.#sinceMs >= MAX_BATCH_DELAY_MS) {
      this.#write();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      this.#later(this.#run);
    }
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    this.#write();
  };

  #write(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const writer of waiting) writer.writeNow();
  }
}
