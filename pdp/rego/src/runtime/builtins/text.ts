import { RegoNumber } from '../number.ts';
import { entriesOf, objectSize, RegoSet, type ObjectValue, type Value } from '../value.ts';
import { visit, VISITS_PER_TEXT } from '../visits.ts';

const PLAIN = /^[ !#-[\]-~]*$/;

/** The Rego text of a value, as OPA prints it: `{"a": [1, 2]}`, `{1, 2}`, `set()`. */
export function regoText(value: Value): string {
  switch (typeof value) {
    case 'string':
      return quoteText(value);
    case 'number':
    case 'boolean':
      return String(value);
    default:
      break;
  }
  if (value === null) return 'null';
  if (value instanceof RegoNumber) return value.text;
  if (Array.isArray(value)) {
    visit(VISITS_PER_TEXT * value.length);
    return `[${(value as readonly Value[]).map(regoText).join(', ')}]`;
  }
  visit(VISITS_PER_TEXT * (value instanceof RegoSet ? value.size : objectSize(value as ObjectValue)));
  if (value instanceof RegoSet) return value.size === 0 ? 'set()' : `{${value.values().map(regoText).join(', ')}}`;
  const members = entriesOf(value as ObjectValue).map(([key, member]) => `${regoText(key)}: ${regoText(member)}`);
  return `{${members.join(', ')}}`;
}

/** The text of a value within a sentence: strings as they are, all else as Rego text. */
export function displayText(value: Value): string {
  return typeof value === 'string' ? value : regoText(value);
}

/** A string as a Go literal, as strconv.Quote writes it. `ascii` escapes everything beyond ASCII. */
export function quoteText(text: string, ascii = false): string {
  return PLAIN.test(text) ? `"${text}"` : quoteWith(text, '"', ascii);
}

/** A string between `mark`s, escaped as in a Go literal. */
export function quoteWith(text: string, mark: '"' | "'", ascii: boolean): string {
  let result = mark as string;
  for (const char of text) result += escapeChar(char, mark, ascii);
  return result + mark;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['\\', '\\\\'],
]);

const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

function escapeChar(char: string, mark: string, ascii: boolean): string {
  if (char === mark) return `\\${char}`;
  const known = ESCAPES.get(char);
  if (known !== undefined) return known;
  const code = char.codePointAt(0) ?? 0;
  if (code >= 0x20 && code < 0x7f) return char;
  if (code >= 0xd800 && code <= 0xdfff) return ascii ? '\\ufffd' : '\ufffd';
  if (code > 0x7f && !ascii && PRINTABLE.test(char)) return char;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
