import { Buffer } from 'node:buffer';
import { RegoNumber } from '@edict/rego/values';
import type { PlainObject } from './plain-object.ts';

/** How numbers that a double does not hold are written: as their nearest double, or in full. */
export type NumberStyle = 'double' | 'exact';

/** A part of a text, written once to be copied into many. */
export interface JsonPiece {
  readonly bytes: Uint8Array;
  readonly isAscii: boolean;
}

const initialBytes = 4096;

/** A writer that had to grow further than this for a text does not keep the room. */
const maxKeptBytes = 65_536;

/** How deeply the fast, recursive way of writing goes before the slower one takes over. */
const maxRecursion = 200;

/** Up to this many keys, sorting by insertion is faster than `sort`. */
const fewKeys = 16;

/** Integers up to this are written digit by digit, in 32 bits. */
const maxSmallInteger = 0x7fffffff;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const zero = 0x30;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * Writes JSON as the reference engine does: keys sorted, `<`, `>`, `&`, U+2028 and U+2029 escaped, lone surrogates
 * replaced. It writes bytes, in room that it keeps from one text to the next: texts that are put together of many cost V8 an
 * object for each, and as many again to make one of them. Begin with `reset`, end with `text` or `piece`.
 */
export class JsonWriter {
  #bytes = Buffer.allocUnsafeSlow(initialBytes);
  #length = 0;
  #isAscii = true;

  /** Forgets what was written. */
  reset(): void {
    if (this.#bytes.length > maxKeptBytes) this.#bytes = Buffer.allocUnsafeSlow(initialBytes);
    this.#length = 0;
    this.#isAscii = true;
  }

  /** What was written since `reset`, as one flat text. */
  text(): string {
    return this.#bytes.toString(this.#isAscii ? 'latin1' : 'utf8', 0, this.#length);
  }

  /** What was written since `reset`, to be copied. */
  piece(): JsonPiece {
    return { bytes: Uint8Array.from(this.#bytes.subarray(0, this.#length)), isAscii: this.#isAscii };
  }

  /** Writes text that is ASCII, as it is. */
  raw(ascii: string): void {
    let at = this.#roomFor(ascii.length);
    const bytes = this.#bytes;
    for (let index = 0; index < ascii.length; index++) bytes[at++] = ascii.charCodeAt(index);
    this.#length = at;
  }

  /** Copies what a writer wrote before. */
  copy({ bytes, isAscii }: JsonPiece): void {
    const at = this.#roomFor(bytes.length);
    this.#bytes.set(bytes, at);
    this.#length = at + bytes.length;
    if (!isAscii) this.#isAscii = false;
  }

  /** Writes an integer that is not negative. */
  integer(value: number): void {
    if (!(value <= maxSmallInteger)) {
      this.raw(String(value));
      return;
    }
    let digits = 1;
    for (let bound = 10; value >= bound; bound *= 10) digits++;
    const at = this.#roomFor(digits);
    const bytes = this.#bytes;
    let left = value | 0;
    for (let place = at + digits - 1; place >= at; place--) {
      const rest = (left / 10) | 0;
      bytes[place] = zero + left - rest * 10;
      left = rest;
    }
    this.#length = at + digits;
  }

  /** Writes a string in quotes. */
  string(text: string): void {
    const start = this.#roomFor(text.length + 2);
    const bytes = this.#bytes;
    let at = start;
    bytes[at++] = quote;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (needsEscape(unit)) {
        this.#escaped(text);
        return;
      }
      bytes[at++] = unit;
    }
    bytes[at++] = quote;
    this.#length = at;
  }

  /** Writes any value that is JSON-like, what `parsePorc` gives or annotations, of any depth. */
  value(value: unknown, numbers: NumberStyle): void {
    this.#nested(value, numbers, maxRecursion);
  }

  #nested(value: unknown, numbers: NumberStyle, levels: number): void {
    if (typeof value === 'string') this.string(value);
    else if (typeof value !== 'object' || value === null || value instanceof RegoNumber) this.#scalar(value, numbers);
    else if (levels === 0) this.#deep(value, numbers);
    else if (Array.isArray(value)) {
      this.#byte(openBracket);
      for (let index = 0; index < value.length; index++) {
        if (index > 0) this.#byte(comma);
        this.#nested(value[index], numbers, levels - 1);
      }
      this.#byte(closeBracket);
    } else {
      this.#byte(openBrace);
      const keys = sortedKeys(value);
      for (let index = 0; index < keys.length; index++) {
        if (index > 0) this.#byte(comma);
        const key = keys[index] ?? '';
        this.string(key);
        this.#byte(colon);
        this.#nested((value as PlainObject)[key], numbers, levels - 1);
      }
      this.#byte(closeBrace);
    }
  }

  /** The same with a stack of its own. */
  #deep(value: unknown, numbers: NumberStyle): void {
    const open: Frame[] = [];
    let current = value;
    for (;;) {
      const frame = openFrame(current);
      if (frame === undefined) this.#scalar(current, numbers);
      else {
        this.#byte(frame.keys === undefined ? openBracket : openBrace);
        open.push(frame);
      }
      // Go on with the next member of the innermost container; close those that have none left.
      for (;;) {
        const top = open.at(-1);
        if (top === undefined) return;
        if (top.next < top.length) {
          if (top.next > 0) this.#byte(comma);
          if (top.keys === undefined) current = top.elements[top.next];
          else {
            const key = top.keys[top.next] ?? '';
            this.string(key);
            this.#byte(colon);
            current = top.members[key];
          }
          top.next++;
          break;
        }
        this.#byte(top.keys === undefined ? closeBracket : closeBrace);
        open.pop();
      }
    }
  }

  #scalar(value: unknown, numbers: NumberStyle): void {
    switch (typeof value) {
      case 'string':
        this.string(value);
        break;
      case 'number':
        this.raw(Object.is(value, -0) ? '-0' : String(value));
        break;
      case 'boolean':
      case 'bigint':
        this.raw(String(value));
        break;
      default:
        if (!(value instanceof RegoNumber)) this.raw('null');
        else this.raw(numbers === 'exact' ? value.text : String(Number(value.text)));
    }
  }

  #byte(byte: number): void {
    const at = this.#roomFor(1);
    this.#bytes[at] = byte;
    this.#length = at + 1;
  }

  #escaped(text: string): void {
    const escaped = escapedString(text);
    // No UTF-16 unit takes more than three bytes.
    const at = this.#roomFor(escaped.length * 3);
    const written = this.#bytes.write(escaped, at, 'utf8');
    this.#length = at + written;
    if (written !== escaped.length) this.#isAscii = false;
  }

  /** Where the next bytes go, once there is room for so many. */
  #roomFor(count: number): number {
    const needed = this.#length + count;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    return this.#length;
  }
}

/** One string as {@link JsonWriter} writes it. */
export function jsonString(text: string): string {
  for (let index = 0; index < text.length; index++) {
    if (needsEscape(text.charCodeAt(index))) return escapedString(text);
  }
  return `"${text}"`;
}

/** Whether a UTF-16 unit may stand as it is: 1 for those of printable ASCII that need no escape. */
const plainUnits = Uint8Array.from({ length: 128 }, (_, unit) =>
  unit < 0x20 || unit > 0x7e || '"\\<>&'.includes(String.fromCharCode(unit)) ? 0 : 1,
);

/** All that is not ASCII is looked at again. */
function needsEscape(unit: number): boolean {
  return unit >= 128 || plainUnits[unit] === 0;
}

function escapedString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function sortedKeys(object: object): string[] {
  const keys = Object.keys(object);
  if (keys.length > fewKeys) return keys.sort();
  for (let index = 1; index < keys.length; index++) {
    const key = keys[index] ?? '';
    let place = index - 1;
    for (; place >= 0; place--) {
      const before = keys[place] ?? '';
      if (before <= key) break;
      keys[place + 1] = before;
    }
    keys[place + 1] = key;
  }
  return keys;
}

interface Frame {
  /** Sorted; absent for arrays. */
  readonly keys: readonly string[] | undefined;
  readonly elements: readonly unknown[];
  readonly members: PlainObject;
  readonly length: number;
  next: number;
}

const none: readonly unknown[] = [];
const empty: PlainObject = {};

function openFrame(value: unknown): Frame | undefined {
  if (typeof value !== 'object' || value === null || value instanceof RegoNumber) return undefined;
  if (Array.isArray(value)) {
    return { keys: undefined, elements: value, members: empty, length: value.length, next: 0 };
  }
  const keys = sortedKeys(value);
  return { keys, elements: none, members: value as PlainObject, length: keys.length, next: 0 };
}
