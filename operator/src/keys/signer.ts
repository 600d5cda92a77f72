import type { SigningKey } from '@edict/bundle';

/** What signs revisions, for an operator whose keys are rotated. */
export interface Signer {
  /** The key that signs now; undefined while nothing is to be signed: it is revoked, and PDPs do not trust the next one yet. */
  readonly key: () => SigningKey | undefined;
  /**
   * Whether what a key of this id signed is to be signed anew: `Retiring` once it serves, `Revoked` at once, as nobody takes it
   * any more.
   */
  readonly standingOf: (keyId: string) => 'Good' | 'Retiring' | 'Revoked';
}

/** A key for good. */
export function fixedSigner(key: SigningKey): Signer {
  return { key: () => key, standingOf: () => 'Good' };
}
