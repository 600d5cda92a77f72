/** A domain or an object that cannot be written without changing what it means. */
export class ConvertError extends Error {
  override readonly name = 'ConvertError';
  readonly code: 'unencodable' | 'mixed-numbers' | 'integer-too-large' | 'kept-unreadable' | 'kept-too-large';
  constructor(code: ConvertError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
