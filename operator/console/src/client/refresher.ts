/** Changes that come faster than this are answered by one question. */
export const REFRESH_MIN_MS = 500;
/** After a problem that may pass by itself it is asked again. */
export const REFRESH_RETRY_MS = 5000;

/** What is asked, and when. */
export interface RefresherOptions {
  /** Asks once; never rejects. Resolves with whether another try may help although nothing has changed. */
  readonly ask: (signal: AbortSignal) => Promise<boolean>;
  readonly now: () => number;
  readonly setTimer: (callback: () => void, delayMs: number) => () => void;
  /** Ask again so long after each answer; without it only when something changes. */
  readonly everyMs?: number;
}

/** Asks anew whenever something has changed: one question at a time, and never in vain. */
export class Refresher {
  readonly #options: RefresherOptions;
  readonly #abort = new AbortController();
  #askedAt = -Infinity;
  #isAsking = false;
  /** Counts the changes. */
  #changes = 0;
  #cancel: (() => void) | undefined;

  constructor(options: RefresherOptions) {
    this.#options = options;
  }

  /** Something has changed: what was answered before now is old. */
  poke(): void {
    if (this.#abort.signal.aborted) return;
    this.#changes += 1;
    if (!this.#isAsking) this.#schedule(Math.max(0, this.#askedAt + REFRESH_MIN_MS - this.#options.now()));
  }

  /** No answer is wanted any more. */
  stop(): void {
    this.#cancel?.();
    this.#abort.abort();
  }

  #schedule(delayMs: number): void {
    this.#cancel?.();
    this.#cancel = this.#options.setTimer(() => void this.#ask(), delayMs);
  }

  async #ask(): Promise<void> {
    this.#cancel = undefined;
    this.#askedAt = this.#options.now();
    this.#isAsking = true;
    const changes = this.#changes;
    const mayPass = await this.#options.ask(this.#abort.signal);
    this.#isAsking = false;
    if (this.#abort.signal.aborted) return;
    if (this.#changes !== changes) return this.poke();
    const { everyMs } = this.#options;
    if (mayPass) this.#schedule(REFRESH_RETRY_MS);
    else if (everyMs !== undefined) this.#schedule(everyMs);
  }
}
