import { RegoNumber } from '@edict/rego';

/**
 * Writes a value as one line of JSON as the reference engine does: keys sorted, `<`, `>`, `&`, U+2028 and U+2029
 * escaped, lone surrogates replaced. Takes any depth of nesting. The value must be JSON-like: what `parsePorc` gives,
 * or annotations. `numbers` says how numbers that a double does not hold are written: as their nearest double, or in
 * full.
 */
export function jsonText(value: unknown, numbers: 'double' | 'exact' = 'double'): string {
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
  // eslint-disable-next-line no-control-regex -- these are the characters that JSON escapes
  if (!/["\\<>&\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]/.test(text)) return `"${text}"`;
  return JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

interface Frame {
  /** Sorted; absent for arrays. */
  readonly keys: readonly string[] | undefined;
  readonly elements: readonly unknown[];
  readonly members: Readonly<Record<string, unknown>>;
  readonly length: number;
  next: number;
}

const none: readonly unknown[] = [];
const empty: Readonly<Record<string, unknown>> = {};

function openFrame(value: unknown): Frame | undefined {
  if (typeof value !== 'object' || value === null || value instanceof RegoNumber) return undefined;
  if (Array.isArray(value)) {
    return { keys: undefined, elements: value, members: empty, length: value.length, next: 0 };
  }
  const keys = Object.keys(value).sort();
  return { keys, elements: none, members: value as Record<string, unknown>, length: keys.length, next: 0 };
}

function scalarText(value: unknown, numbers: 'double' | 'exact'): string {
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
