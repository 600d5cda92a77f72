/** A signal that aborts after some time, or with another one. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Lets go of the timer and of the other signal: to be called as soon as nobody waits any more. */
  readonly clear: () => void;
}

/** Starts a deadline; without `ms` there is only the other signal. */
export function deadlineOf(ms: number | undefined, parent: AbortSignal): Deadline {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  if (parent.aborted) abort();
  const timer = ms === undefined ? undefined : setTimeout(abort, ms);
  parent.addEventListener('abort', abort);
  return {
    signal: controller.signal,
    clear: () => {
      clearTimeout(timer);
      parent.removeEventListener('abort', abort);
    },
  };
}
