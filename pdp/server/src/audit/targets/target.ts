/** A place that records are delivered to. One delivery at a time. */
export interface Target {
  /**
   * Tries to hand over records (JSON without line feeds), and tells what became of them. Rejects where none was taken and
   * all may be tried again.
   */
  readonly deliver: (texts: readonly string[]) => Promise<Delivery>;
  /** Lets go of files that someone moved away. */
  readonly reopen: () => void;
  readonly close: () => Promise<void>;
}

/** What became of records. Those that are named nowhere were taken. */
export interface Delivery {
  /** Records that the receiver refused for what they are: no further try helps. */
  readonly rejected: readonly string[];
  /** Why, of the last one. */
  readonly cause?: string;
  /** Records to be tried again. */
  readonly left?: readonly string[];
  /** Why these were not taken. */
  readonly error?: DeliveryError;
}

/** Everything was taken. */
export const DELIVERED: Delivery = { rejected: [] };

/** A delivery that may succeed later. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  readonly code = 'NotDelivered';
  /** How long the receiver asked to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs?: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}
