import type { KnownTexts } from './known-texts.ts';

/** Bytes that are no message. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code = 'MalformedMessage';
}

/** How a field lies on the wire. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, group: 3, groupEnd: 4, fixed32: 5 } as const;

const MAX_SKIPPED_GROUPS = 100;

/** Messages up to this size are made a text once, of which their short texts are parts: that costs less than to make each by itself. */
const WHOLE_TEXT_MAX_BYTES = 4_096;
/** A longer part of a text is a view of it for V8, which keeps all of it alive and is slow to be written as JSON. */
const SHORT_TEXT_MAX_BYTES = 12;
/** A number that takes more bytes than this may be none that a double holds. */
const DOUBLE_MAX_BYTES = 7;

/**
 * Reads fields of protobuf's wire format one after the other from a part of a buffer. Every read throws a {@link WireError}
 * where the bytes end too early or are none.
 */
export class ProtobufReader {
  readonly #bytes: Buffer;
  #at: number;
  #end: number;
  /** The bytes as text, one unit for each; made when the first text is read. */
  #text: string | undefined;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Whether there is another field. */
  get more(): boolean {
    return this.#at < this.#end;
  }

  /** The number and wire type of the next field: `number << 3 | type`. */
  tag(): number {
    const tag = this.uint32();
    if (tag >>> 3 === 0) throw new WireError('a field has the number 0');
    return tag;
  }

  /** An unsigned number; of longer ones the low 32 bits. */
  uint32(): number {
    const first = this.#bytes[this.#at] ?? 0x80;
    if (first < 0x80 && this.#at < this.#end) {
      this.#at++;
      return first;
    }
    const value = this.#varint();
    return typeof value === 'number' ? value >>> 0 : Number(BigInt.asUintN(32, value));
  }

  bool(): boolean {
    return this.#varint() != 0;
  }

  /** A signed number of 32 bits, of enumerations too. */
  int32(): number {
    const value = this.#varint();
    return typeof value === 'number' ? value | 0 : Number(BigInt.asIntN(32, value));
  }

  /** A signed number of 64 bits; a `number` where it is short on the wire, which is safe. */
  int64(): number | bigint {
    const value = this.#varint();
    return typeof value === 'number' ? value : BigInt.asIntN(64, value);
  }

  double(): number {
    const at = this.#take(8);
    return this.#bytes.readDoubleLE(at);
  }

  /** Text; what is no UTF-8 becomes U+FFFD. */
  string(): string {
    const length = this.#length();
    const at = this.#take(length);
    const end = at + length;
    const bytes = this.#bytes;
    if (length > SHORT_TEXT_MAX_BYTES || bytes.length > WHOLE_TEXT_MAX_BYTES) return bytes.toString('utf8', at, end);
    for (let index = at; index < end; index++) {
      if ((bytes[index] ?? 0) > 0x7f) return bytes.toString('utf8', at, end);
    }
    return (this.#text ??= bytes.toString('latin1')).slice(at, end);
  }

  /** {@link string} for texts that many messages have. */
  knownString(known: KnownTexts): string {
    const length = this.#length();
    const at = this.#take(length);
    return known.read(this.#bytes, at, at + length);
  }

  /** A view of the bytes, not a copy. */
  bytes(): Buffer {
    const length = this.#length();
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Reads an embedded message with `read`, which has to go on until there is no more. */
  message<T>(read: (reader: this) => T): T {
    const end = this.enter();
    const value = read(this);
    this.leave(end);
    return value;
  }

  /** Goes into an embedded message: there is no more at its end. What it gives is for {@link leave}. */
  enter(): number {
    const length = this.#length();
    if (this.#at + length > this.#end) throw new WireError('a field is longer than its message');
    const end = this.#end;
    this.#end = this.#at + length;
    return end;
  }

  /** Goes on behind the embedded message that was read. */
  leave(end: number): void {
    this.#end = end;
  }

  /** Passes over the value of a field with this tag. */
  skip(tag: number): void {
    if ((tag & 7) === WIRE.group) this.#skipGroup(tag >>> 3);
    else this.#skipValue(tag & 7);
  }

  #skipGroup(number: number): void {
    const open = [number];
    while (open.length > 0) {
      const tag = this.tag();
      switch (tag & 7) {
        case WIRE.group:
          if (open.push(tag >>> 3) > MAX_SKIPPED_GROUPS) throw new WireError('groups nest too deeply');
          break;
        case WIRE.groupEnd:
          if (open.pop() !== tag >>> 3) throw new WireError('a group ends that has not begun');
          break;
        default:
          this.#skipValue(tag & 7);
      }
    }
  }

  #skipValue(type: number): void {
    switch (type) {
      case WIRE.varint:
        this.#varint();
        return;
      case WIRE.fixed64:
        this.#take(8);
        return;
      case WIRE.bytes:
        this.#take(this.#length());
        return;
      case WIRE.fixed32:
        this.#take(4);
        return;
      case WIRE.groupEnd:
        throw new WireError('a group ends that has not begun');
      default:
        throw new WireError(`there is no wire type ${type}`);
    }
  }

  #length(): number {
    const length = this.#varint();
    if (length > this.#end) throw new WireError('a field is longer than its message');
    return Number(length);
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#end) throw new WireError('a field is longer than its message');
    this.#at = at + length;
    return at;
  }

  /** An unsigned number of 64 bits; a `bigint` only where it takes so many bytes that a double may not hold it. */
  #varint(): number | bigint {
    const bytes = this.#bytes;
    const start = this.#at;
    const end = Math.min(this.#end, start + DOUBLE_MAX_BYTES);
    let value = 0;
    let scale = 1;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.#at = at + 1;
        return value;
      }
      scale *= 0x80;
    }
    return this.#longVarint();
  }

  #longVarint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.#at >= this.#end) throw new WireError('a number ends too early');
      const byte = this.#bytes[this.#at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError('a number is longer than ten bytes');
  }
}
