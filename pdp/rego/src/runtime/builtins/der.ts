/** Tags of the ASN.1 types that certificates use. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Longest encoding of one number of an object identifier: more than a UUID needs. */
export const MAX_ARC_BYTES = 20;

/** One element. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  /** With tag and length. */
  readonly raw: Buffer;
}

/** Bytes that are not what was expected; ends a parse from within and never reaches a caller of a built-in. */
export class DerProblem extends Error {
  override readonly name = 'DerProblem';
}

/** Reads DER elements one after the other. */
export class DerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Nothing is left. */
  get isEmpty(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The next element has this tag. */
  peek(tag: number): boolean {
    return this.#bytes[this.#at] === tag;
  }

  /** The next element, whatever it is; `what` names it in the message if there is none. */
  any(what: string): DerElement {
    const bytes = this.#bytes;
    const start = this.#at;
    const tag = bytes[start];
    const first = bytes[start + 1];
    // Tags beyond 30 take more bytes; nothing here has one.
    if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new DerProblem(what);
    let length = first;
    let from = start + 2;
    if (first >= 0x80) {
      const size = first & 0x7f;
      if (size === 0 || size > 4 || from + size > bytes.length) throw new DerProblem(what);
      length = bytes.readUIntBE(from, size);
      from += size;
      // DER takes the shortest length.
      if (length < 0x80 || length < 256 ** (size - 1)) throw new DerProblem(what);
    }
    if (from + length > bytes.length) throw new DerProblem(what);
    this.#at = from + length;
    return { tag, content: bytes.subarray(from, this.#at), raw: bytes.subarray(start, this.#at) };
  }

  /** The next element, which must have this tag. */
  element(tag: number, what: string): DerElement {
    if (!this.peek(tag)) throw new DerProblem(what);
    return this.any(what);
  }

  /** The next element if it has this tag. */
  optional(tag: number, what: string): DerElement | undefined {
    return this.peek(tag) ? this.any(what) : undefined;
  }

  /** A reader of the content of the next element, which must have this tag. */
  enter(tag: number, what: string): DerReader {
    return new DerReader(this.element(tag, what).content);
  }

  integer(what: string, tag: number = TAG.integer): bigint {
    return readInteger(this.element(tag, what).content, what);
  }

  boolean(what: string): boolean {
    const { content } = this.element(TAG.boolean, what);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw new DerProblem(what);
    return content[0] === 0xff;
  }

  /** An object identifier in dotted notation. */
  objectIdentifier(what: string): string {
    return readObjectIdentifier(this.element(TAG.objectIdentifier, what).content, what);
  }

  /** The bytes of a bit string, with how many bits of the last one are unused. */
  bitString(what: string): { readonly bytes: Buffer; readonly unused: number } {
    const { content } = this.element(TAG.bitString, what);
    const unused = content[0];
    if (unused === undefined || unused > 7 || (content.length === 1 && unused > 0)) throw new DerProblem(what);
    const last = content[content.length - 1] ?? 0;
    if (content.length > 1 && (last & ((1 << unused) - 1)) !== 0) throw new DerProblem(what);
    return { bytes: content.subarray(1), unused };
  }
}

/** The value of the content of an INTEGER. */
export function readInteger(content: Buffer, what: string): bigint {
  const [first, second = 0] = content;
  if (first === undefined) throw new DerProblem(what);
  if (content.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw new DerProblem(what);
  }
  return BigInt.asIntN(content.length * 8, bytesToBigInt(content));
}

/** The value of the content of an OBJECT IDENTIFIER. */
export function readObjectIdentifier(content: Buffer, what: string): string {
  const last = content[content.length - 1];
  if (last === undefined || last >= 0x80) throw new DerProblem(what);
  const arcs: bigint[] = [];
  let arc = 0n;
  let length = 0;
  for (const byte of content) {
    length++;
    if (length > MAX_ARC_BYTES || (length === 1 && byte === 0x80)) throw new DerProblem(what);
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    if (byte >= 0x80) continue;
    length = 0;
    if (arcs.length === 0) {
      const root = arc < 40n ? 0n : arc < 80n ? 1n : 2n;
      arcs.push(root, arc - root * 40n);
    } else {
      arcs.push(arc);
    }
    arc = 0n;
  }
  return arcs.join('.');
}

/** The number that bytes stand for, biggest first. */
export function bytesToBigInt(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}
