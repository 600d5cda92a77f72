/** Timers that stand until they are moved. */
export interface ManualTimers {
  readonly schedule: (delayMs: number, task: () => void) => () => void;
  /** Lets time pass: what is due runs, in order. */
  readonly advance: (ms: number) => void;
  /** Timers that are set. */
  readonly pending: number;
  readonly nowMs: number;
}

/** Timers for tests. */
export function manualTimers(): ManualTimers {
  let at = 0;
  const tasks = new Set<{ readonly due: number; readonly task: () => void }>();
  return {
    schedule: (delayMs, task) => {
      const entry = { due: at + delayMs, task };
      tasks.add(entry);
      return () => void tasks.delete(entry);
    },
    advance: (ms) => {
      at += ms;
      for (const entry of [...tasks].sort((a, b) => a.due - b.due)) {
        if (entry.due <= at && tasks.delete(entry)) entry.task();
      }
    },
    get pending() {
      return tasks.size;
    },
    get nowMs() {
      return at;
    },
  };
}
