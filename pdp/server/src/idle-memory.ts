/** What {@link IdleMemory} needs of its process. */
export interface IdleMemoryDeps {
  /** Collects all garbage and gives pages back to the system; it stops the process for some 50 ms. */
  readonly collect: () => void;
  /** The share of the time since the last call in which the process was busy, 0 to 1. */
  readonly busyShare: () => number;
  /** Runs a task after so many milliseconds unless it is cancelled first. */
  readonly schedule: (delayMs: number, task: () => void) => () => void;
}

/** How often it is looked whether nothing is going on, while there is something to give back. */
export const LOOK_EVERY_MS = 1_000;
/** A process that did less than this since the last look is idle: nobody waits for a collection. */
export const IDLE_SHARE = 0.05;

/**
 * Gives back what a start or a new policy left behind. V8 keeps such memory until a load makes it collect, which on an idle
 * process never comes. It is done once for each cause, and only when the process has been idle for a whole look.
 */
export class IdleMemory {
  readonly #deps: IdleMemoryDeps;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(deps: IdleMemoryDeps) {
    this.#deps = deps;
  }

  /** Something large has been done. */
  note(): void {
    if (this.#closed || this.#cancel !== undefined) return;
    this.#deps.busyShare();
    this.#lookLater();
  }

  /** Nothing is collected any more. */
  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  #lookLater(): void {
    this.#cancel = this.#deps.schedule(LOOK_EVERY_MS, () => {
      if (this.#deps.busyShare() > IDLE_SHARE) {
        this.#lookLater();
        return;
      }
      this.#cancel = undefined;
      this.#deps.collect();
    });
  }
}

/** Measures how busy the event loop was; each call begins a new time. */
export function loopShare(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}
