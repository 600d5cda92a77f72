/** How long what a set wants has to stay as it is before it becomes a revision. */
export interface DebounceLimits {
  readonly quietMs: number;
  readonly maxMs: number;
}

interface Pending {
  readonly content: string;
  readonly since: number;
  readonly changedAt: number;
}

/** Remembers, per set, since when its wish differs from what it has. In memory: after a restart it waits anew. */
export class Debounce {
  readonly #limits: DebounceLimits;
  readonly #pending = new Map<string, Pending>();

  constructor(limits: DebounceLimits) {
    this.#limits = limits;
  }

  /**
   * How long to wait still. Several edits within the quiet time become one revision; a set that is never quiet gets one
   * after `maxMs`, and so does one of which some domain has not been looked at yet.
   */
  remainingMs(key: string, content: string, unsettled: boolean, now: number): number {
    const before = this.#pending.get(key);
    const isSame = before !== undefined && before.content === content;
    const pending = isSame ? before : { content, since: before?.since ?? now, changedAt: now };
    this.#pending.set(key, pending);
    const untilMax = pending.since + this.#limits.maxMs - now;
    const untilQuiet = unsettled ? untilMax : pending.changedAt + this.#limits.quietMs - now;
    return Math.max(0, Math.min(untilMax, untilQuiet));
  }

  /** The set has what it wants. */
  settle(key: string): void {
    this.#pending.delete(key);
  }
}
