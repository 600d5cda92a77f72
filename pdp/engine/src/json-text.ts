import { RegoNumber } from '@edict/rego/values';
import type { PlainObject } from './plain-object.ts';

/**
 * Writes a value as one line of JSON as the reference engine does: keys sorted, `<`, `>`, `&`, U+2028 and U+2029
 * escaped, lone surrogates replaced. Takes any depth of nesting. The value must be JSON-like: what `parsePorc` gives,
 * or annotations. `numbers` says how numbers that a double does not hold are written: as their nearest double, or in
 * full.
 */
export function jsonText(value: unknown, numbers: NumberStyle = 'double'): string {
  return nestedText(value, numbers, maxRecursion);
}

/** How deeply the fast, recursive way of writing goes before the slower one takes over. */
const maxRecursion = 200;

/** Up to this many keys, sorting by insertion is faster than `sort`. */
const fewKeys = 16;

type NumberStyle = 'double' | 'exact';

function nestedText(value: unknown, numbers: NumberStyle, levels: number): string {
  if (typeof value === 'string') return jsonString(value);
  if (typeof value !== 'object' || value === null || value instanceof RegoNumber) return scalarText(value, numbers);
  if (levels === 0) return deepText(value, numbers);
  if (Array.isArray(value)) {
    let text = '[';
    for (let index = 0; index < value.length; index++) {
      if (index > 0) text += ',';
      text += nestedText(value[index], numbers, levels - 1);
    }
    return `${text}]`;
  }
  let text = '{';
  for (const key of sortedKeys(value)) {
    if (text.length > 1) text += ',';
    text += `${jsonString(key)}:${nestedText((value as PlainObject)[key], numbers, levels - 1)}`;
  }
  return `${text}}`;
}

/** The same with a stack of its own. */
function deepText(value: unknown, numbers: NumberStyle): string {
  let text = '';
  const open: Frame[] = [];
  let current = value;
  for (;;) {
    const frame = openFrame(current);
    if (frame === undefined) text += scalarText(current, numbers);
    else {
      text += frame.keys === undefined ? '[' : '{';
      open.push(frame);
    }
    // Go on with the next member of the innermost container; close those that have none left.
    for (;;) {
      const top = open.at(-1);
      if (top === undefined) return text;
      if (top.next < top.length) {
        if (top.next > 0) text += ',';
        if (top.keys === undefined) current = top.elements[top.next];
        else {
          const key = top.keys[top.next] ?? '';
          text += `${jsonString(key)}:`;
          current = top.members[key];
        }
        top.next++;
        break;
      }
      text += top.keys === undefined ? ']' : '}';
      open.pop();
    }
  }
}

/** Writes one string as JSON, escaped as {@link jsonText} does. */
export function jsonString(text: string): string {
  for (let index = 0; index < text.length; index++) {
    if (needsEscape(text.charCodeAt(index))) return escapedString(text);
  }
  return `"${text}"`;
}

/** Whether a UTF-16 unit may not stand as it is; all that is not ASCII is looked at again. */
function needsEscape(unit: number): boolean {
  return (
    unit < 0x20 || unit > 0x7e || unit === 0x22 || unit === 0x5c || unit === 0x3c || unit === 0x3e || unit === 0x26
  );
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

function scalarText(value: unknown, numbers: NumberStyle): string {
  switch (typeof value) {
    case 'string':
      return jsonString(value);
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'boolean':
    case 'bigint':
      return String(value);
    default:
      if (!(value instanceof RegoNumber)) return 'null';
      return numbers === 'exact' ? value.text : String(Number(value.text));
  }
}
