/** Time, injected: tests and the simulator give their own. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back; only differences mean something. */
  readonly monotonic: () => number;
  /** Runs `task` once after `delayMs`; the answer cancels it. */
  readonly schedule: (delayMs: number, task: () => void) => () => void;
}

// Read once: the global is a getter of Node, which would run each time.
const { performance } = globalThis;

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
