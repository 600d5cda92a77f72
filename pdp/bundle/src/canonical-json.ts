/** What canonical JSON can print. Members that are `undefined` are left out. */
export type CanonicalValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | CanonicalText
  | readonly CanonicalValue[]
  | { readonly [key: string]: CanonicalValue | undefined };

/** JSON text in canonical form already, which is printed as it is: it may hold numbers that no JavaScript value keeps. */
export class CanonicalText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** The value is not JSON: NaN, an infinity, a function… */
export class CanonicalJsonError extends Error {
  override readonly name = 'CanonicalJsonError';
}

/**
 * Prints one value in exactly one way, after RFC 8785: no spaces, keys in order of their UTF-16 code units, numbers as
 * ECMAScript prints them (`-0` is kept, so that every number is read back as it was), `bigint` in all its digits. Lone
 * surrogates are escaped. Equal values give equal text on every machine; the order of keys never matters.
 * @throws CanonicalJsonError
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'bigint':
      return String(value);
    case 'number':
      if (!Number.isFinite(value)) throw new CanonicalJsonError(`${String(value)} is not JSON`);
      return Object.is(value, -0) ? '-0' : String(value);
    case 'object':
      break;
    default:
      throw new CanonicalJsonError(`${typeof value} is not JSON`);
  }
  if (value === null) return 'null';
  if (value instanceof CanonicalText) return value.text;
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
