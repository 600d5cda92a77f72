/** What a store refuses or fails with. Callers branch on the code, never on the message. */
export type StoreErrorCode = 'Conflict' | 'NotFound' | 'AlreadyExists' | 'Invalid' | 'Forbidden' | 'Unavailable';

/**
 * The one error that a store throws for expected failures.
 *
 * - `Conflict`: the object has another `resourceVersion` (or field owner) than the caller saw; read again and decide again.
 * - `NotFound`, `AlreadyExists`: as they say.
 * - `Invalid`: the object breaks its schema or a rule of immutability; the same write fails again.
 * - `Forbidden`: our own rights do not suffice.
 * - `Unavailable`: nobody answered, or not in time; `retryable`.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  readonly retryable: boolean;
  /** What the apiserver answered, where one did. */
  readonly httpStatus: number | undefined;

  constructor(
    code: StoreErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly httpStatus?: number } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.httpStatus = options.httpStatus;
    this.retryable = code === 'Conflict' || code === 'Unavailable';
  }
}

/** Whether an unknown caught value is a {@link StoreError}, of that code if one is given. */
export function isStoreError(error: unknown, code?: StoreErrorCode): error is StoreError {
  return error instanceof StoreError && (code === undefined || error.code === code);
}
