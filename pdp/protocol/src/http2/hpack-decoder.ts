import { decodeHuffman } from './huffman.ts';
import { HEADER_TABLE_BYTES, Http2Error } from './protocol.ts';
import { STATIC_TABLE, type HeaderField } from './static-table.ts';

/** What an entry of the dynamic table costs beside its text (RFC 7541, section 4.1). */
const ENTRY_BYTES = 32;
const NOTHING: Buffer = Buffer.alloc(0);

/** The size of a field as both the table and the bound of a header list count it. */
export function fieldBytes([name, value]: HeaderField): number {
  return name.length + value.length + ENTRY_BYTES;
}

/**
 * Reads the header blocks of one connection, in their order (RFC 7541). Its dynamic table has the size that every peer may take
 * for granted, and never more.
 */
export class HpackDecoder {
  /** Oldest first. */
  readonly #entries: HeaderField[] = [];
  #size = 0;
  #maxSize = HEADER_TABLE_BYTES;
  #version = 0;
  #bytes = NOTHING;
  #at = 0;
  #end = 0;

  /** Rises with every change of the dynamic table: while it stays, equal blocks mean the same. */
  get version(): number {
    return this.#version;
  }

  /** Reads a block, and gives its fields to `take`. @throws Http2Error if it is none */
  decode(block: Buffer, start: number, end: number, take: (field: HeaderField) => void): void {
    this.#bytes = block;
    this.#at = start;
    this.#end = end;
    let mayResize = true;
    while (this.#at < end) {
      const first = block.readUInt8(this.#at);
      if (first >= 0x80) take(this.#entry(this.#integer(7)));
      else if (first >= 0x40) take(this.#add(this.#literal(6)));
      else if (first < 0x20) take(this.#literal(4));
      else if (mayResize) {
        this.#resize(this.#integer(5));
        continue;
      } else throw new Http2Error('COMPRESSION_ERROR', 'a change of the table comes behind a field');
      mayResize = false;
    }
    this.#bytes = NOTHING;
  }

  #entry(index: number): HeaderField {
    const field =
      index <= STATIC_TABLE.length
        ? STATIC_TABLE[index - 1]
        : this.#entries[this.#entries.length - (index - STATIC_TABLE.length)];
    if (field === undefined) throw new Http2Error('COMPRESSION_ERROR', `the table of headers has no entry ${index}`);
    return field;
  }

  #literal(prefixBits: number): HeaderField {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#text() : this.#entry(index)[0];
    return [name, this.#text()];
  }

  #add(field: HeaderField): HeaderField {
    this.#version++;
    const bytes = fieldBytes(field);
    this.#evict(this.#maxSize - bytes);
    if (bytes > this.#maxSize) return field; // it empties the table, and is none of it
    this.#entries.push(field);
    this.#size += bytes;
    return field;
  }

  #resize(bytes: number): void {
    if (bytes > HEADER_TABLE_BYTES)
      throw new Http2Error('COMPRESSION_ERROR', 'the table of headers may not be so large');
    this.#version++;
    this.#maxSize = bytes;
    this.#evict(bytes);
  }

  #evict(room: number): void {
    while (this.#size > room) {
      const oldest = this.#entries.shift();
      if (oldest === undefined) return;
      this.#size -= fieldBytes(oldest);
    }
  }

  /** An integer that begins in the low bits of the next byte (RFC 7541, section 5.1). */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Http2Error('COMPRESSION_ERROR', 'a number of a header block is too large');
  }

  #text(): string {
    if (this.#at >= this.#end) throw cutOff();
    const isCoded = this.#bytes.readUInt8(this.#at) >= 0x80;
    const length = this.#integer(7);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) throw cutOff();
    this.#at = end;
    return isCoded ? decodeHuffman(this.#bytes, start, end) : this.#bytes.toString('latin1', start, end);
  }

  #byte(): number {
    if (this.#at >= this.#end) throw cutOff();
    return this.#bytes.readUInt8(this.#at++);
  }
}

function cutOff(): Http2Error {
  return new Http2Error('COMPRESSION_ERROR', 'a header block ends too early');
}
