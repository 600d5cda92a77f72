import { isDigest } from '../digest-form.ts';
import type { Digest, RevisionId } from '../identifiers.ts';
import { NAME_MAX_LENGTH, SET_KEY_MAX_LENGTH } from '../limits.ts';

/** Bytes that are not a message of this protocol, or break its bounds. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: 'TooLarge' | 'Malformed' | 'UnknownMessage' | 'Missing' | 'OutOfBounds';
  constructor(code: WireError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The member, which the protocol demands although the encoding does not. */
export function required<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw new WireError('Missing', `${field} is missing`);
  return value;
}

/** Text of `min` to `max` UTF-16 units. */
export function text(value: string, field: string, max: number, min = 1): string {
  if (value.length < min || value.length > max) {
    throw new WireError('OutOfBounds', `${field} has ${value.length} characters, ${min} to ${max} are allowed`);
  }
  return value;
}

/** Text of at most `max` UTF-8 bytes. */
export function boundedUtf8(value: string, field: string, max: number): string {
  const bytes = Buffer.byteLength(value, 'utf8');
  if (bytes > max) throw new WireError('OutOfBounds', `${field} has ${bytes} bytes, at most ${max} are allowed`);
  return value;
}

/** A set key, `namespace/name`. */
export function setKey(value: string, field = 'set'): string {
  text(value, field, SET_KEY_MAX_LENGTH);
  if (!/^[^/\s]+\/[^/\s]+$/.test(value)) throw new WireError('OutOfBounds', `${field} is not namespace/name`);
  return value;
}

/** `sha256:` and 64 hexadecimal digits. */
export function digest(value: string, field: string): Digest {
  if (!isDigest(value)) throw new WireError('OutOfBounds', `${field} is not a sha256 digest`);
  return value;
}

/** A whole number of `min` to `max`. */
export function whole(value: number, field: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new WireError('OutOfBounds', `${field} is ${value}, ${min} to ${max} is allowed`);
  }
  return value;
}

/** A finite number. */
export function finite(value: number, field: string): number {
  if (!Number.isFinite(value)) throw new WireError('OutOfBounds', `${field} is not finite`);
  return value;
}

/** A list of at most `max`. */
export function atMostItems<T>(values: readonly T[], field: string, max: number): readonly T[] {
  if (values.length > max)
    throw new WireError('OutOfBounds', `${field} has ${values.length} entries, at most ${max} are allowed`);
  return values;
}

/** A revision's name. */
export function revisionId(
  value: { setUid: string; n: number; digest: string } | undefined,
  field: string,
): RevisionId {
  const id = required(value, field);
  return {
    setUid: text(id.setUid, `${field}.set_uid`, NAME_MAX_LENGTH),
    n: whole(id.n, `${field}.n`, 1),
    digest: digest(id.digest, `${field}.digest`),
  };
}

/** Words of the protocol and their numbers on the wire, both ways. */
export interface WordCodec<W extends string, N extends number> {
  readonly encode: (word: W) => N;
  /** Throws for a number that this version does not know. */
  readonly decode: (number: number, field: string) => W;
}

/** Builds a {@link WordCodec} from the number of each word. */
export function wordCodec<W extends string, N extends number>(numbers: Readonly<Record<W, N>>): WordCodec<W, N> {
  const words = new Map<number, W>();
  for (const word of Object.keys(numbers) as W[]) words.set(numbers[word], word);
  return {
    encode: (word) => numbers[word],
    decode: (number, field) => {
      const word = words.get(number);
      if (word === undefined) throw new WireError('OutOfBounds', `${field} has the unknown value ${number}`);
      return word;
    },
  };
}
