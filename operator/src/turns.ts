/** Lets a bounded number of tasks run at a time, and a bounded number wait for that. */
export interface Turns {
  /** Runs `task` when its turn has come. @throws what `full` makes, if as many wait already as may */
  readonly run: <T>(task: () => Promise<T>) => Promise<T>;
}

/** `waitingMax` may be `Infinity` where something else bounds who comes. */
export function createTurns(runningMax: number, waitingMax: number, full: () => Error): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    run: async (task) => {
      if (running >= runningMax) {
        if (waiting.length >= waitingMax) throw full();
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
        });
      } else running += 1;
      try {
        return await task();
      } finally {
        // Hands the place to the first who waits, or gives it back.
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
