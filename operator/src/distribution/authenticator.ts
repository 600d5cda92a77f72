import { PeerError, type Clock, type PeerIdentity } from '@edict/protocol';
import { RememberedReviews, reviewKey, type Reviewed } from '../remembered-reviews.ts';
import type { DistributionMetrics } from './metrics.ts';

/** Who sends a token: for Kubernetes, TokenReview and the pod from the informer. @throws PeerError */
export type ReviewToken = (token: string, signal: AbortSignal) => Promise<PeerIdentity>;

/** How long a good token is taken without asking again. A revoked one is let in at most this much later. */
export const ACCEPTED_TTL_MS = 60_000;
/** How long a bad token is refused without asking again. */
export const REFUSED_TTL_MS = 10_000;
/** Tokens remembered. */
export const TOKENS_MAX = 20_000;
/** Reviews under way at a time, and how many more may wait. */
export const REVIEWS_MAX = 16;
export const REVIEWS_WAITING_MAX = 256;

export interface AuthenticatorOptions {
  readonly reviewToken: ReviewToken;
  readonly clock: Clock;
  readonly metrics: DistributionMetrics;
}

type Verdict = { readonly identity: PeerIdentity } | { readonly error: PeerError };

/**
 * Judges tokens with a bounded number of reviews, so that neither a fleet that comes back at once nor a PDP with a bad
 * token turns into load on the API server. Tokens are remembered by their SHA-256 only.
 */
export function createAuthenticator(options: AuthenticatorOptions): ReviewToken {
  const { reviewToken, clock, metrics } = options;
  const reviews = new RememberedReviews<Verdict>({
    clock,
    limits: { rememberedMax: TOKENS_MAX, concurrency: REVIEWS_MAX, waitingMax: REVIEWS_WAITING_MAX },
    full: () => new PeerError('Unavailable', 'too many tokens wait for their review'),
    onRemembered: () => {
      metrics.authentication('cached');
    },
  });

  async function review(token: string, signal: AbortSignal): Promise<Reviewed<Verdict>> {
    try {
      const identity = await reviewToken(token, signal);
      metrics.authentication('accepted');
      return { answer: { identity }, ttlMs: ACCEPTED_TTL_MS };
    } catch (error) {
      const refusal =
        error instanceof PeerError
          ? error
          : new PeerError('Unavailable', 'the token could not be reviewed', { cause: error });
      metrics.authentication(refusal.code === 'Unavailable' ? 'unavailable' : 'refused');
      // A pod that is not known yet may be known in a moment, and a reviewer may come back: only a bad token stays bad.
      if (refusal.code === 'InvalidToken') return { answer: { error: refusal }, ttlMs: REFUSED_TTL_MS };
      throw refusal;
    }
  }

  return async (token, signal) => {
    const verdict = await reviews.answer(reviewKey(token), () => review(token, signal));
    if ('error' in verdict) throw verdict.error;
    return verdict.identity;
  };
}
