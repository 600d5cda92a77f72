import { createHash } from 'node:crypto';
import { PeerError, type Clock, type PeerIdentity } from '@edict/protocol';
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

type Verdict =
  { readonly identity: PeerIdentity; readonly until: number } | { readonly error: PeerError; readonly until: number };

/**
 * Judges tokens with a bounded number of reviews, so that neither a fleet that comes back at once nor a PDP with a bad
 * token turns into load on the API server. Tokens are remembered by their SHA-256 only.
 */
export function createAuthenticator(options: AuthenticatorOptions): ReviewToken {
  const { reviewToken, clock, metrics } = options;
  const verdicts = new Map<string, Verdict>();
  const inFlight = new Map<string, Promise<PeerIdentity>>();
  const waiting: (() => void)[] = [];
  let running = 0;

  function remember(key: string, verdict: Verdict): void {
    verdicts.delete(key);
    verdicts.set(key, verdict);
    const oldest = verdicts.keys().next().value;
    if (verdicts.size > TOKENS_MAX && oldest !== undefined) verdicts.delete(oldest);
  }

  async function turn(): Promise<void> {
    if (running < REVIEWS_MAX) {
      running += 1;
      return;
    }
    if (waiting.length >= REVIEWS_WAITING_MAX)
      throw new PeerError('Unavailable', 'too many tokens wait for their review');
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
    });
  }

  /** Hands the place to the first who waits, or gives it back. */
  function done(): void {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }

  async function review(key: string, token: string, signal: AbortSignal): Promise<PeerIdentity> {
    await turn();
    try {
      const identity = await reviewToken(token, signal);
      metrics.authentication('accepted');
      remember(key, { identity, until: clock.monotonic() + ACCEPTED_TTL_MS });
      return identity;
    } catch (error) {
      const refusal =
        error instanceof PeerError
          ? error
          : new PeerError('Unavailable', 'the token could not be reviewed', { cause: error });
      metrics.authentication(refusal.code === 'Unavailable' ? 'unavailable' : 'refused');
      // A pod that is not known yet may be known in a moment, and a reviewer may come back: only a bad token stays bad.
      if (refusal.code === 'InvalidToken') remember(key, { error: refusal, until: clock.monotonic() + REFUSED_TTL_MS });
      throw refusal;
    } finally {
      done();
    }
  }

  return (token, signal) => {
    const key = createHash('sha256').update(token).digest('base64');
    const known = verdicts.get(key);
    if (known !== undefined && known.until > clock.monotonic()) {
      metrics.authentication('cached');
      return 'identity' in known ? Promise.resolve(known.identity) : Promise.reject(known.error);
    }
    const pending = inFlight.get(key);
    if (pending !== undefined) return pending;
    const next = review(key, token, signal).finally(() => {
      inFlight.delete(key);
    });
    inFlight.set(key, next);
    return next;
  };
}
