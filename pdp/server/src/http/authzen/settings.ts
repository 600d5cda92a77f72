/** What AuthZEN clients are told of a PDP, and what several PDPs share; each part may be left out. */
export interface AuthZenSettings {
  /** The https URL that clients know the PDP by; the `Host` that they name by default. */
  readonly publicUrl?: string | undefined;
  /**
   * File with the key of page tokens, {@link PAGE_TOKEN_KEY_MIN_BYTES} at least. Read at the start. PDPs with one key take each
   * other's tokens, and so do PDPs without one that have the same policy: then the key is made of that.
   */
  readonly pageTokenKeyFile?: string | undefined;
  /** PEM (PKCS #8) of the private key that signs the metadata of `publicUrl`. Read at the start. */
  readonly metadataKeyFile?: string | undefined;
}

/** A shorter key could be guessed. */
export const PAGE_TOKEN_KEY_MIN_BYTES = 32;
