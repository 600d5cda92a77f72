import type { StreamClose } from './stream.ts';

/** Why a peer was not let in. */
export type PeerErrorCode =
  /** The token is not valid, or not for us. The same token will be refused again. */
  | 'InvalidToken'
  /** The token is good, but the pod is not known (yet) or is none of ours. */
  | 'UnknownPeer'
  /** The reviewer cannot be reached, or too many reviews are under way. */
  | 'Unavailable';

/** A peer was not let in; `message` may be told to it. */
export class PeerError extends Error {
  override readonly name = 'PeerError';
  readonly code: PeerErrorCode;
  constructor(code: PeerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** How a stream ends whose peer was not let in; without a code, something else went wrong. */
export function refusalOf(code: PeerErrorCode | undefined, reason: string): StreamClose {
  switch (code) {
    case 'InvalidToken':
      return { code: 'Unauthenticated', reason };
    case 'UnknownPeer':
      return { code: 'Unauthenticated', reason, retryAfterMs: 5_000 };
    case 'Unavailable':
      return { code: 'Unavailable', reason, retryAfterMs: 2_000 };
    case undefined:
    default:
      return { code: 'Unavailable', reason: 'authentication failed' };
  }
}
