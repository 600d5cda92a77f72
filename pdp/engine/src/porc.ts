import { numberFromText, parseJson as readJson } from '@edict/rego/values';
import { maxPorcContainers, maxPorcDepth } from './limits.ts';
import { isPlainObject, memberOf, type PlainObject } from './plain-object.ts';
import { decodeUtf8 } from './utf8.ts';

/** A request object that policies can take, or why there is none. */
export type PorcResult =
  { readonly ok: true; readonly porc: PlainObject } | { readonly ok: false; readonly message: string };

/** How a PORC text is read. */
export interface ParsePorcOptions {
  /** What to do with text after the object: refuse it, or, as HTTP bodies are read, ignore it. Default `reject`. */
  readonly trailing?: 'reject' | 'ignore';
}

/**
 * Reads a PORC from JSON text or its UTF-8 bytes. Of duplicate keys the last wins; invalid UTF-8 and lone surrogates
 * become U+FFFD; numbers go through float64, and one beyond it is an error; so is nesting beyond `maxPorcDepth`, and
 * anything but an object. Never throws.
 */
export function parsePorc(input: string | Uint8Array, options: ParsePorcOptions = {}): PorcResult {
  const text = typeof input === 'string' ? input.toWellFormed() : decodeUtf8(input);
  const depth = text.length >= 2 * maxPorcDepth ? scanFirstValue(text) : undefined;
  if (depth !== undefined && depth.deepest > maxPorcDepth) return failed(tooDeep);
  const parsed = parseJson(text);
  if (parsed.ok) return accept(text, parsed.value);
  if (options.trailing !== 'ignore') return parsed;
  const { end } = scanFirstValue(text);
  const first = text.slice(0, end);
  const again = end < text.length ? parseJson(first) : parsed;
  return again.ok ? accept(first, again.value) : again;
}

/** Several PORCs, each still to be looked at, or why there are none. */
export type PorcListResult =
  { readonly ok: true; readonly porcs: readonly unknown[] } | { readonly ok: false; readonly message: string };

/**
 * Reads many PORCs from one JSON text or its UTF-8 bytes: a list of them, or an object whose member `porcs` is one. The rules
 * are those of {@link parsePorc}, but an item may be of any type. Never throws.
 */
export function parsePorcList(input: string | Uint8Array): PorcListResult {
  const text = typeof input === 'string' ? input.toWellFormed() : decodeUtf8(input);
  if (text.length >= 2 * maxPorcDepth && scanFirstValue(text).deepest > maxPorcDepth) return failed(tooDeep);
  const parsed = parseJson(text);
  if (!parsed.ok) return parsed;
  const list = isPlainObject(parsed.value) ? memberOf(parsed.value, 'porcs') : parsed.value;
  if (!Array.isArray(list)) return failed('a batch is a list of PORCs, or an object whose member porcs is one');
  const porcs: unknown[] = list;
  if (riskyNumber.test(text) && !boxNumbers(porcs)) return failed(tooLarge);
  return { ok: true, porcs };
}

/**
 * Takes a PORC that is an object already. Plain JSON data is used as it is, without a copy; everything else goes through
 * `JSON.stringify` first (members that are `undefined` vanish, dates become strings). Values without JSON form are
 * errors. Never throws.
 */
export function toPorc(value: unknown): PorcResult {
  try {
    if (isPlainObject(value) && isPlainJson(value)) return { ok: true, porc: value };
    const text = JSON.stringify(value, refuseNonFinite) as string | undefined;
    return text === undefined ? failed('PORC must be an object') : parsePorc(text);
  } catch (error) {
    return failed(`PORC has no JSON form: ${messageOf(error)}`);
  }
}

const tooLarge = 'PORC holds a number that no float64 can hold';
const tooDeep = `PORC nests deeper than ${String(maxPorcDepth)} levels`;

/**
 * Numbers that may be more than a double or a policy's plain number: 16 digits or an exponent. May match inside of
 * strings, which only costs time.
 */
const riskyNumber = /(?:"\s*:|[[,])\s*-?(?:\d[\d.]{15}|[\d.]+[eE])/;

function accept(text: string, value: unknown): PorcResult {
  if (!isPlainObject(value)) return failed('PORC must be an object');
  if (riskyNumber.test(text) && !boxNumbers(value)) return failed(tooLarge);
  return { ok: true, porc: value };
}

function parseJson(text: string): { ok: true; value: unknown } | { ok: false; message: string } {
  try {
    return { ok: true, value: JSON.parse(replaceLoneSurrogates(text)) as unknown };
  } catch {
    return failed(text.trim() === '' ? 'PORC is empty' : `PORC is not valid JSON: ${syntaxError(text)}`);
  }
}

/** What is wrong with a text that is no JSON, and where; V8's own message quotes the request and lacks the place. */
function syntaxError(text: string): string {
  const located = readJson(text);
  if (located.ok) return 'unexpected content';
  const { message, offset } = located.problem;
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  const column = offset - before.lastIndexOf('\n');
  return `${message} at line ${String(line)}, column ${String(column)}`;
}

/** Backslashes stand in strings only, so escapes can be replaced without parsing: pairs stay, halves become U+FFFD. */
function replaceLoneSurrogates(text: string): string {
  if (!/\\u[dD][89a-fA-F]/.test(text)) return text;
  const escape = /\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|[^])/g;
  return text.replace(escape, (match, half: string | undefined) => (half === undefined ? match : '\\ufffd'));
}

/** Replaces, in place, numbers that are not exactly their text. False if one overflowed. */
function boxNumbers(root: object): boolean {
  const pending: object[] = [root];
  for (let container = pending.pop(); container !== undefined; container = pending.pop()) {
    for (const [key, value] of Object.entries(container) as [string, unknown][]) {
      if (typeof value === 'object' && value !== null) pending.push(value);
      else if (typeof value === 'number' && !Number.isSafeInteger(value)) {
        if (!Number.isFinite(value)) return false;
        // Not an assignment: that would not reach an own member called `__proto__`.
        Object.defineProperty(container, key, { value: numberFromText(String(value)) });
      }
    }
  }
  return true;
}

interface Scan {
  /** Index after the first value, or the text's length. */
  readonly end: number;
  readonly deepest: number;
}

/** Finds the end and the depth of the first JSON container in a text, without judging anything else. */
function scanFirstValue(text: string): Scan {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22:
        at = endOfString(text, at);
        break;
      case 0x5b:
      case 0x7b:
        deepest = Math.max(deepest, ++depth);
        break;
      case 0x5d:
      case 0x7d:
        depth--;
        if (depth <= 0) return { end: at + 1, deepest };
    }
  }
  return { end: text.length, deepest };
}

/** Index of the quote that ends the string which starts at `at`, or the text's length. */
function endOfString(text: string, at: number): number {
  for (let index = at + 1; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === 0x22) return index;
    if (unit === 0x5c) index++;
  }
  return text.length;
}

/** Whether a value is what `JSON.parse` could have given, of numbers that policies take as they are. */
function isPlainJson(root: PlainObject): boolean {
  let level: unknown[] = [root];
  let containers = 0;
  // Level by level, so that a circle ends at a limit instead of filling the stack.
  for (let depth = 1; level.length > 0; depth++) {
    containers += level.length;
    if (depth > maxPorcDepth) throw new RangeError(tooDeep);
    if (containers > maxPorcContainers)
      throw new RangeError(`more than ${String(maxPorcContainers)} objects and arrays`);
    const below: unknown[] = [];
    for (const container of level) {
      if (!isPlainContainer(container)) return false;
      for (const member of Array.isArray(container) ? container : Object.values(container)) {
        if (typeof member === 'object' && member !== null) below.push(member);
        else if (!isPlainScalar(member)) return false;
      }
    }
    level = below;
  }
  return true;
}

function isPlainContainer(value: unknown): value is unknown[] | PlainObject {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || (typeof prototype === 'object' && Object.getPrototypeOf(prototype) === null);
}

function isPlainScalar(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed();
    case 'number':
      return (
        Number.isSafeInteger(value) || (Number.isFinite(value) && typeof numberFromText(String(value)) === 'number')
      );
    case 'boolean':
      return true;
    default:
      return value === null;
  }
}

function refuseNonFinite(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TypeError(`${String(value)} is not a JSON number`);
  return value;
}

function failed(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}

function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}
