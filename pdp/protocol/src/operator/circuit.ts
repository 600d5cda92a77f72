/** So many failed rollouts within the window stop a set until its spec changes or the window has passed. */
export const REPEATED_FAILURES_MAX = 3;
export const REPEATED_FAILURE_WINDOW_MS = 600_000;

/** How long a set that failed at these times (wall clock) rests yet, milliseconds; 0 if it need not. */
export function restingMs(failedAt: readonly number[], wallNow: number): number {
  const recent = failedAt
    .map((at) => at + REPEATED_FAILURE_WINDOW_MS - wallNow)
    .filter((remaining) => remaining > 0)
    .sort((a, b) => b - a);
  return recent[REPEATED_FAILURES_MAX - 1] ?? 0;
}
