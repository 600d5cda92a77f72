/** Why bytes are not a bundle, or a domain cannot become one. */
export type BundleErrorCode =
  | 'too-large'
  | 'bad-gzip'
  | 'bad-tar'
  | 'digest-mismatch'
  | 'missing-file'
  | 'bad-manifest'
  | 'unsupported-format'
  | 'bad-data'
  | 'rego-parse';

/** A bundle that cannot be made or is not to be used. */
export class BundleError extends Error {
  override readonly name = 'BundleError';
  readonly code: BundleErrorCode;
  constructor(code: BundleErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
