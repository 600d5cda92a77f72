import { findMarks } from './json-scan.ts';
import { isNumberTooBig, numberFromText, RegoNumber } from './number.ts';
import { visit, VISITS_PER_TEXT } from './visits.ts';
import { objectKeys, RegoObject, RegoSet, setMember, type PlainObject, type Value } from './value.ts';

/** Deepest nesting of arrays and objects in JSON text. */
export const MAX_JSON_DEPTH = 2_000;

/** Why a text is no JSON: `offset` is the index (UTF-16 units) of the first wrong character. */
export interface JsonProblem {
  readonly message: string;
  readonly offset: number;
  /** The text is JSON, but holds a number that Rego does not compute with. */
  readonly isRange?: boolean;
}

/** What reading JSON gave: a value, or the first problem. */
export type JsonResult =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly problem: JsonProblem };

/**
 * What `JSON.parse` would not keep: long numbers, exponents, zeros at the end of a fraction, -0, decimals that JS prints
 * with an exponent, and escaped surrogates. May match inside of strings, which only costs time.
 */
const RISKY = /(?:^|[[,:\s])-?(?:[\d.]{16}|\d+(?:\.\d+)?[eE]|\d+\.\d*0(?![\d.])|0\.0{6})|-0(?![.\d])|\\u[dD][89a-fA-F]/;

/** The numbers among these behind a bracket, comma, colon or space, which regular expressions find many times faster. */
const RISKY_MEMBER = /[[,:\s](?:-0(?![.\d])|-?\d(?:[\d.]{15}|\d*(?:\.\d+)?[eE]|\d*\.\d*0(?![\d.])|\.0{6}))/;

/** True unless `JSON.parse` keeps all that the text says. A text that starts with a bracket has no number in front. */
function isRisky(text: string): boolean {
  const start = text.charCodeAt(0);
  if (start !== 0x7b && start !== 0x5b) return RISKY.test(text);
  return RISKY_MEMBER.test(text) || (text.includes('\\u') && RISKY.test(text));
}

/**
 * Reads a JSON text as a Rego value, keeping the text of every number. A text that is no JSON gives its first problem
 * with Go's message for it; so does a number beyond the exponents that Rego computes with.
 */
export function parseJson(text: string): JsonResult {
  return isRisky(text) ? new JsonReader(text).read() : parsePlain(text);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * {@link parseJson} of UTF-8 bytes, which is faster than of the text that they are. Bytes that are no UTF-8 are a
 * problem at offset 0.
 */
export function parseJsonBytes(bytes: Uint8Array): JsonResult {
  const found = findMarks?.(bytes, isRiskyAt);
  let text: string;
  if (found === 'ascii' && Buffer.isBuffer(bytes)) text = bytes.toString('latin1');
  else {
    try {
      text = utf8.decode(bytes);
    } catch {
      return { ok: false, problem: { message: 'invalid UTF-8', offset: 0 } };
    }
  }
  if (found === 'stopped' || (found === undefined && isRisky(text))) return new JsonReader(text).read();
  return parsePlain(text);
}

/** Reads a text that `JSON.parse` keeps all of, if it is JSON. */
function parsePlain(text: string): JsonResult {
  try {
    return { ok: true, value: JSON.parse(text) as Value };
  } catch {
    // Read again, for Go's message.
    return new JsonReader(text).read();
  }
}

const ZERO = 0x30;
const NINE = 0x39;
const POINT = 0x2e;
const MINUS = 0x2d;
const BACKSLASH = 0x5c;

/** What stands in front of numbers: white space, bracket, comma, colon. */
function isSeparator(code: number | undefined): boolean {
  return code === 0x3a || code === 0x2c || code === 0x5b || (code !== undefined && code <= 0x20);
}

/** What {@link RISKY} looks for, at a mark. */
function isRiskyAt(bytes: Uint8Array, mark: number): boolean {
  if (bytes[mark] === BACKSLASH) return isSurrogateEscape(bytes, mark);
  const isNegative = bytes[mark - 1] === MINUS;
  // A minus behind anything else stands in a string.
  if (isNegative && mark > 1 && !isSeparator(bytes[mark - 2])) return false;
  let at = mark;
  let code = 0;
  let isFraction = false;
  for (; at < bytes.length; at++) {
    code = bytes[at] ?? 0;
    if (code === POINT) isFraction = true;
    else if (code < ZERO || code > NINE) break;
  }
  const length = at - mark;
  if (length >= 16 || (at < bytes.length && (code | 0x20) === 0x65)) return true;
  if (isFraction) return bytes[at - 1] === ZERO || (length > 7 && isTiny(bytes, mark));
  return isNegative && length === 1 && bytes[mark] === ZERO;
}

/** 0.0000001 and what is smaller, up to a point. */
function isTiny(bytes: Uint8Array, mark: number): boolean {
  for (let at = mark; at < mark + 8; at++) if (at !== mark + 1 && bytes[at] !== ZERO) return false;
  return true;
}

function isSurrogateEscape(bytes: Uint8Array, mark: number): boolean {
  const third = (bytes[mark + 3] ?? 0) | 0x20;
  return (
    bytes[mark + 1] === 0x75 &&
    ((bytes[mark + 2] ?? 0) | 0x20) === 0x64 &&
    (third === 0x38 || third === 0x39 || (third >= 0x61 && third <= 0x66))
  );
}

/** Tells whether a text is JSON; numbers may have any exponent. */
export function isValidJson(text: string): boolean {
  const result = new JsonReader(text).read();
  return result.ok || result.problem.isRange === true;
}

/** Writes a value as JSON text. `undefined` is not a value: it throws a TypeError. */
export function stringify(value: Value, options: StringifyOptions = {}): string {
  const writer: Writer = {
    escape: options.escapeHtml === true ? escapeHtml : quote,
    indentation: options.indentation,
    depth: 0,
  };
  return write(value, writer);
}

/** How JSON text is written. */
export interface StringifyOptions {
  /** Write <, >, & and U+2028/9 as \u escapes, as Go's encoding/json does unless told not to. Default false. */
  readonly escapeHtml?: boolean;
  /** Breaks lines: `prefix` starts every line but the first, `indent` is repeated for each level. Default: one line. */
  readonly indentation?: { readonly prefix: string; readonly indent: string };
}

/**
 * The plain JSON form of a value: sets become sorted arrays, keys that are no strings become their JSON text. Values
 * that are plain JSON already come back as they are. Numbers with their own text stay `RegoNumber`, which
 * `JSON.stringify` writes by that text.
 */
export function toJson(value: Value): Value {
  if (typeof value !== 'object' || value === null || value instanceof RegoNumber) return value;
  if (value instanceof RegoSet) {
    visit(value.size);
    return value.values().map(toJson);
  }
  if (Array.isArray(value)) {
    const elements = value as readonly Value[];
    visit(elements.length);
    let copy: Value[] | undefined;
    for (let index = 0; index < elements.length; index++) {
      const element = elements[index];
      const json = toJson(element);
      if (json !== element) {
        copy ??= elements.slice();
        copy[index] = json;
      }
    }
    return copy ?? value;
  }
  if (value instanceof RegoObject) {
    const result: Record<string, Value> = {};
    visit(value.size);
    for (const [key, member] of value.entries()) setMember(result, jsonKey(key), toJson(member));
    return result;
  }
  const object = value as PlainObject;
  let changed: Record<string, Value> | undefined;
  const keys = Object.keys(object);
  visit(keys.length);
  for (const key of keys) {
    const member = object[key];
    const json = toJson(member);
    if (json !== member) {
      changed ??= { ...object };
      setMember(changed, key, json);
    }
  }
  return changed ?? value;
}

/** The string that stands for an object key in JSON: the key if it is a string, else its JSON text as Go writes it. */
export function jsonKey(key: Value): string {
  return typeof key === 'string' ? key : stringify(key, { escapeHtml: true });
}

interface Writer {
  readonly escape: (text: string) => string;
  readonly indentation: StringifyOptions['indentation'];
  depth: number;
}

function write(value: Value, writer: Writer): string {
  switch (typeof value) {
    case 'string':
      return writer.escape(value);
    case 'number':
    case 'boolean':
      return String(value);
    case 'object':
      break;
    default:
      throw new TypeError(`not a Rego value: ${typeof value}`);
  }
  if (value === null) return 'null';
  if (value instanceof RegoNumber) return value.text;
  if (Array.isArray(value)) return writeList(value as readonly Value[], writer);
  if (value instanceof RegoSet) return writeList(value.values(), writer);
  return writeObject(value as PlainObject, writer);
}

function writeList(values: readonly Value[], writer: Writer): string {
  if (values.length === 0) return '[]';
  visit(VISITS_PER_TEXT * values.length);
  writer.depth++;
  let text = `[${lineBreak(writer)}`;
  for (let index = 0; index < values.length; index++) {
    if (index > 0) text += `,${lineBreak(writer)}`;
    text += write(values[index], writer);
  }
  writer.depth--;
  return `${text}${lineBreak(writer)}]`;
}

function writeObject(object: PlainObject | RegoObject, writer: Writer): string {
  const plain = object instanceof RegoObject ? (toJson(object) as PlainObject) : object;
  const keys = objectKeys(plain);
  if (keys.length === 0) return '{}';
  visit(VISITS_PER_TEXT * keys.length);
  writer.depth++;
  const colon = writer.indentation === undefined ? ':' : ': ';
  let text = `{${lineBreak(writer)}`;
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] ?? '';
    if (index > 0) text += `,${lineBreak(writer)}`;
    text += writer.escape(key) + colon + write(plain[key], writer);
  }
  writer.depth--;
  return `${text}${lineBreak(writer)}}`;
}

function lineBreak({ indentation, depth }: Writer): string {
  return indentation === undefined ? '' : `\n${indentation.prefix}${indentation.indent.repeat(depth)}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function escapeHtml(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

class JsonReader {
  readonly #text: string;
  #at = 0;
  #problem: JsonProblem | undefined = undefined;
  #range: JsonProblem | undefined = undefined;

  constructor(text: string) {
    this.#text = text;
  }

  read(): JsonResult {
    const value = this.#value(0);
    if (this.#problem === undefined) {
      this.#space();
      if (this.#at < this.#text.length) this.#fail('after top-level value');
    }
    const problem = this.#problem ?? this.#range;
    return problem === undefined ? { ok: true, value } : { ok: false, problem };
  }

  #value(depth: number): Value {
    this.#space();
    const char = this.#text[this.#at];
    if (depth > MAX_JSON_DEPTH) return this.#report('exceeded max depth');
    switch (char) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): Value {
    const result: Record<string, Value> = {};
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === '}') {
      this.#at++;
      return result;
    }
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') return this.#fail('looking for beginning of object key string');
      const key = this.#string();
      if (typeof key !== 'string') return undefined;
      this.#space();
      if (this.#text[this.#at] !== ':') return this.#fail('after object key');
      this.#at++;
      const value = this.#value(depth + 1);
      if (this.#problem !== undefined) return undefined;
      setMember(result, key, value);
      this.#space();
      const next = this.#text[this.#at];
      if (next !== ',' && next !== '}') return this.#fail('after object key:value pair');
      this.#at++;
      if (next === '}') return result;
    }
  }

  #array(depth: number): Value {
    const result: Value[] = [];
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === ']') {
      this.#at++;
      return result;
    }
    for (;;) {
      const value = this.#value(depth + 1);
      if (this.#problem !== undefined) return undefined;
      result.push(value);
      this.#space();
      const next = this.#text[this.#at];
      if (next !== ',' && next !== ']') return this.#fail('after array element');
      this.#at++;
      if (next === ']') return result;
    }
  }

  #string(): Value {
    const start = this.#at;
    let isEscaped = false;
    this.#at++;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (Number.isNaN(code)) return this.#fail('');
      if (code < 0x20) return this.#fail('in string literal');
      if (code === 0x22) break;
      if (code === 0x5c) {
        isEscaped = true;
        this.#at++;
        const escape = this.#text[this.#at];
        if (escape === undefined) return this.#fail('');
        if (escape === 'u') {
          for (let digit = 0; digit < 4; digit++) {
            this.#at++;
            if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? ''))
              return this.#fail('in \\u hexadecimal character escape');
          }
        } else if (!'"\\/bfnrt'.includes(escape)) return this.#fail('in string escape code');
      }
      this.#at++;
    }
    this.#at++;
    // Go replaces lone surrogates, which UTF-8 has no form for.
    if (!isEscaped) return this.#text.slice(start + 1, this.#at - 1).toWellFormed();
    return (JSON.parse(this.#text.slice(start, this.#at)) as string).toWellFormed();
  }

  #word(word: string, value: Value): Value {
    for (let index = 0; index < word.length; index++) {
      if (this.#text[this.#at] !== word[index]) {
        return this.#fail(`in literal ${word} (expecting '${word[index] ?? ''}')`);
      }
      this.#at++;
    }
    return value;
  }

  #number(): Value {
    NUMBER.lastIndex = this.#at;
    const text = NUMBER.exec(this.#text)?.[0];
    if (text === undefined) {
      if (this.#text[this.#at] === '-') {
        this.#at++;
        return this.#fail('in numeric literal');
      }
      return this.#fail('looking for beginning of value');
    }
    this.#at += text.length;
    const next = this.#text[this.#at];
    if (next === '.' && !/[.eE]/.test(text)) {
      this.#at++;
      return this.#fail('after decimal point in numeric literal');
    }
    if ((next === 'e' || next === 'E') && !/[eE]/.test(text)) {
      this.#at++;
      if (/[+-]/.test(this.#text[this.#at] ?? '')) this.#at++;
      return this.#fail('in exponent of numeric literal');
    }
    if (isNumberTooBig(text)) {
      this.#range ??= { message: 'invalid number: number too big', offset: this.#at, isRange: true };
      return 0;
    }
    return numberFromText(text);
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #fail(context: string): undefined {
    const char = this.#text.codePointAt(this.#at);
    if (char === undefined) return this.#report('unexpected end of JSON input');
    const shown = showByte(char);
    return this.#report(`invalid character ${shown} ${context}`);
  }

  #report(message: string): undefined {
    this.#problem ??= { message, offset: this.#at };
    return undefined;
  }
}

/** The first byte of a character as a Go rune literal: errors speak of bytes. */
function showByte(char: number): string {
  if (char === 0x27) return String.raw`'\''`;
  if (char === 0x22) return `'"'`;
  let byte = char;
  if (char > 0xffff) byte = 0xf0 | (char >> 18);
  else if (char > 0x7ff) byte = 0xe0 | (char >> 12);
  else if (char > 0x7f) byte = 0xc0 | (char >> 6);
  return `'${JSON.stringify(String.fromCharCode(byte)).slice(1, -1)}'`;
}
