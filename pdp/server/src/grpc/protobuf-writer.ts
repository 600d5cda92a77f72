const INITIAL_BYTES = 512;
/** A number up to 2^53-1 takes at most so many bytes. */
const VARINT_BYTES = 8;

/**
 * Writes one message in protobuf's wire format. As in proto3 a scalar that is zero or empty is left out, but for the methods
 * that say `Always`.
 */
export class ProtobufWriter {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #at: number;

  /** `reserved` bytes stay free in front of the message, for whoever frames it. */
  constructor(reserved = 0) {
    this.#at = reserved;
  }

  /** A number from 0 to 2^53-1. */
  uint(field: number, value: number): this {
    return value === 0 ? this : this.uintAlways(field, value);
  }

  /** A member of a oneof, which is there also when it is zero. */
  uintAlways(field: number, value: number): this {
    this.#varint(field << 3);
    this.#varint(value);
    return this;
  }

  bool(field: number, value: boolean): this {
    return value ? this.uint(field, 1) : this;
  }

  /** A member of a oneof, which is there also when it is false. */
  boolAlways(field: number, value: boolean): this {
    return this.uintAlways(field, value ? 1 : 0);
  }

  double(field: number, value: number): this {
    this.#varint((field << 3) | 1);
    this.#room(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
    return this;
  }

  string(field: number, text: string): this {
    return text === '' ? this : this.stringAlways(field, text);
  }

  /** An element of a list, or a member of a oneof. */
  stringAlways(field: number, text: string): this {
    const length = Buffer.byteLength(text);
    this.#varint((field << 3) | 2);
    this.#varint(length);
    this.#room(length);
    this.#bytes.write(text, this.#at, 'utf8');
    this.#at += length;
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#varint((field << 3) | 2);
    this.#varint(value.length);
    return this.raw(value);
  }

  /** Fields that were written before. */
  raw(fields: Uint8Array): this {
    this.#room(fields.length);
    this.#bytes.set(fields, this.#at);
    this.#at += fields.length;
    return this;
  }

  /** An embedded message, also when it is empty. */
  message(field: number, write: (writer: this) => unknown): this {
    this.#varint((field << 3) | 2);
    this.#room(1);
    const start = ++this.#at;
    write(this);
    const length = this.#at - start;
    const extra = varintBytes(length) - 1;
    this.#room(extra + VARINT_BYTES);
    if (extra > 0) this.#bytes.copyWithin(start + extra, start, this.#at);
    this.#at = start - 1;
    this.#varint(length);
    this.#at += length;
    return this;
  }

  /** What was written, the reserved bytes in front. Nothing can be written any more. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  #varint(value: number): void {
    this.#room(VARINT_BYTES);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }

  #room(length: number): void {
    const needed = this.#at + length;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
