import type { Clock, SetKey } from '@edict/protocol';
import { RememberedReviews, reviewKey, type Reviewed } from '../remembered-reviews.ts';
import type { BundleLimits } from './bundle-limits.ts';

/** Why a caller gets no bundle. */
export type BundleAccessErrorCode =
  /** The token is not valid, or not for us. */
  | 'InvalidToken'
  /** The caller is known, and may not have the bundle of this set. */
  | 'Forbidden'
  /** Nobody can be asked at present. */
  | 'Unavailable';

/** A caller gets no bundle; `message` may be told to it. */
export class BundleAccessError extends Error {
  override readonly name = 'BundleAccessError';
  readonly code: BundleAccessErrorCode;
  constructor(code: BundleAccessErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Who asks, once it is known that it may. */
export interface BundleCaller {
  /** As the reviewer of tokens names it: `system:serviceaccount:shop:opa`. */
  readonly user: string;
}

/** Who sends the token, if that one may have the bundle of the set; without a set, whoever it is. @throws BundleAccessError */
export type ReviewBundleAccess = (token: string, set: SetKey | undefined, signal: AbortSignal) => Promise<BundleCaller>;

type Verdict = { readonly caller: BundleCaller } | { readonly error: BundleAccessError };

/** How long a review may take. */
const REVIEW_TIMEOUT_MS = 10_000;

/**
 * Judges access with a bounded number of reviews at a time, and remembers the verdicts for a while: neither a fleet of OPAs nor
 * guessed tokens turn into load on the API server. Tokens are remembered by a SHA-256 only.
 */
export function createBundleAccess(
  review: ReviewBundleAccess,
  clock: Pick<Clock, 'monotonic'>,
  limits: BundleLimits,
): (token: string, set?: SetKey) => Promise<BundleCaller> {
  const { verdictsMax: rememberedMax, reviewsMax: concurrency, reviewsWaitingMax: waitingMax } = limits;
  const reviews = new RememberedReviews<Verdict>({
    clock,
    limits: { rememberedMax, concurrency, waitingMax },
    full: () => new BundleAccessError('Unavailable', 'too many requests wait for their review'),
  });

  async function ask(token: string, set: SetKey | undefined): Promise<Reviewed<Verdict>> {
    try {
      const caller = await review(token, set, AbortSignal.timeout(REVIEW_TIMEOUT_MS));
      return { answer: { caller }, ttlMs: limits.grantedTtlMs };
    } catch (cause) {
      const error =
        cause instanceof BundleAccessError
          ? cause
          : new BundleAccessError('Unavailable', 'the access could not be reviewed', { cause });
      if (error.code === 'Unavailable') throw error;
      return { answer: { error }, ttlMs: limits.refusedTtlMs };
    }
  }

  return async (token, set) => {
    const verdict = await reviews.answer(reviewKey(set ?? '', token), () => ask(token, set));
    if ('error' in verdict) throw verdict.error;
    return verdict.caller;
  };
}
