import { createHash } from 'node:crypto';
import type { Clock, SetKey } from '@edict/protocol';
import type { BundleLimits } from './bundle-limits.ts';
import { createTurns } from './turns.ts';

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

type Verdict =
  | { readonly caller: BundleCaller; readonly until: number }
  | { readonly error: BundleAccessError; readonly until: number };

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
  const verdicts = new Map<string, Verdict>();
  const inFlight = new Map<string, Promise<BundleCaller>>();
  const turns = createTurns(
    limits.reviewsMax,
    limits.reviewsWaitingMax,
    () => new BundleAccessError('Unavailable', 'too many requests wait for their review'),
  );

  function remember(key: string, verdict: Verdict): void {
    verdicts.delete(key);
    verdicts.set(key, verdict);
    const oldest = verdicts.keys().next().value;
    if (verdicts.size > limits.verdictsMax && oldest !== undefined) verdicts.delete(oldest);
  }

  async function ask(key: string, token: string, set: SetKey | undefined): Promise<BundleCaller> {
    try {
      const caller = await turns.run(() => review(token, set, AbortSignal.timeout(REVIEW_TIMEOUT_MS)));
      remember(key, { caller, until: clock.monotonic() + limits.grantedTtlMs });
      return caller;
    } catch (cause) {
      const error =
        cause instanceof BundleAccessError
          ? cause
          : new BundleAccessError('Unavailable', 'the access could not be reviewed', { cause });
      if (error.code !== 'Unavailable') remember(key, { error, until: clock.monotonic() + limits.refusedTtlMs });
      throw error;
    }
  }

  return (token, set) => {
    const key = createHash('sha256')
      .update(`${set ?? ''}\n${token}`)
      .digest('base64');
    const known = verdicts.get(key);
    if (known !== undefined && known.until > clock.monotonic())
      return 'caller' in known ? Promise.resolve(known.caller) : Promise.reject(known.error);
    const pending = inFlight.get(key);
    if (pending !== undefined) return pending;
    const next = ask(key, token, set).finally(() => {
      inFlight.delete(key);
    });
    inFlight.set(key, next);
    return next;
  };
}
