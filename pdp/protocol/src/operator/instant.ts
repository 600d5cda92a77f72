/** One moment on two clocks, both in milliseconds. */
export interface Instant {
  /** Never goes back; every waiting time is measured by it. */
  readonly mono: number;
  /** Since 1970; only shown and recorded. */
  readonly wall: number;
}
