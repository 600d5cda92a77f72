import type { KeyStatus } from '@edict/operator/views';

/** Where the signing keys of an operator are seen and asked about. Throws `CommandError` when it can't be reached. */
export interface KeyDesk {
  readonly status: () => Promise<KeyStatus>;
  /** Asks for a new key; `at` (RFC 3339) makes the wish a new one. */
  readonly rotate: (at: string) => Promise<void>;
  /** Says that nobody is to trust a key any more. */
  readonly revoke: (keyId: string) => Promise<void>;
  readonly close: () => void;
}
