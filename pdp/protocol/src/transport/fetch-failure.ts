import { BUNDLE_GZ_MAX_BYTES } from '../limits.ts';

/** One try to fetch failed; `retryable` if the next may not. */
export class FetchFailure extends Error {
  override readonly name = 'FetchFailure';
  readonly code: string;
  readonly retryable: boolean;
  constructor(code: string, retryable: boolean, message: string) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

/** More bytes than any artifact has. */
export function tooLarge(): FetchFailure {
  return new FetchFailure('TooLarge', false, `more than ${BUNDLE_GZ_MAX_BYTES} bytes`);
}

/** The body ended before its announced end. */
export function truncated(size: number): FetchFailure {
  return new FetchFailure('Truncated', true, `the body ended after ${size} bytes`);
}

/** Nothing came for so long. */
export function silent(idleTimeoutMs: number): FetchFailure {
  return new FetchFailure('Timeout', true, `nothing came for ${idleTimeoutMs} ms`);
}

/** What an answer other than 200 means. */
export function failureOf(status: number): FetchFailure {
  switch (status) {
    case 401:
    case 403:
      // Tried again with the ticket of the next offer.
      return new FetchFailure('TicketRefused', false, `the operator refused the ticket (${status})`);
    case 404:
      return new FetchFailure('NotFound', false, 'the operator does not have it');
    default:
      return new FetchFailure('Unavailable', true, `the operator answered ${status}`);
  }
}
