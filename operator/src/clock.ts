/** Time, injected: tests give their own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Runs `task` once after `delayMs`; the answer cancels it. */
  readonly schedule: (delayMs: number, task: () => void) => () => void;
}

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** RFC 3339 in UTC, whole seconds, as Kubernetes writes times. */
export function rfc3339(ms: number): string {
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 in UTC with milliseconds, where durations are computed from the text. */
export function rfc3339Millis(ms: number): string {
  return new Date(ms).toISOString();
}
