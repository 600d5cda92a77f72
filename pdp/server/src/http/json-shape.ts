/** How deeply an input document may nest: what is deeper could be neither answered nor recorded as a whole. */
export const MAX_NESTING = 2_000;

/** What can be told of a JSON text without making values of it. */
export interface JsonShape {
  /** The deepest nesting of lists and objects; counting ends one above the bound that was given. */
  readonly depth: number;
  /** Members of all objects, each as often as it is written. */
  readonly members: number;
  /** A string has an escape for half a character (a surrogate without its other half). */
  readonly hasHalfCharacter: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const LOWER_U = 0x75;

/**
 * Goes through the bytes of a JSON text once, without recursion and without keeping anything: what is too deep for a parser,
 * and what a parser would not tell, is found before one is asked. Of a text that is no JSON it tells nothing of use.
 */
export function shapeOfJson(bytes: Buffer, maxDepth: number): JsonShape {
  let depth = 0;
  let deepest = 0;
  let members = 0;
  let hasHalfCharacter = false;
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case OPEN_LIST:
      case OPEN_OBJECT:
        if (++depth > deepest) deepest = depth;
        if (depth > maxDepth) return { depth, members, hasHalfCharacter };
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--;
        break;
      case COLON:
        members++;
        break;
      case QUOTE:
        for (at++; at < bytes.length && bytes[at] !== QUOTE; at++) {
          if (bytes[at] !== BACKSLASH) continue;
          const half = surrogateAt(bytes, at);
          if (half === 'high' && surrogateAt(bytes, at + 6) === 'low') at += 11;
          else {
            if (half !== undefined) hasHalfCharacter = true;
            at++;
          }
        }
        break;
      default:
    }
  }
  return { depth: deepest, members, hasHalfCharacter };
}

/** True if a text nests more deeply than `maxDepth`; one that is too short to is not looked at. */
export function nestsDeeper(bytes: Buffer, maxDepth: number): boolean {
  return bytes.length > maxDepth && shapeOfJson(bytes, maxDepth).depth > maxDepth;
}

/** Which half of a character the escape at `at` stands for, if it is one for a half. */
function surrogateAt(bytes: Buffer, at: number): 'high' | 'low' | undefined {
  if (bytes[at] !== BACKSLASH || bytes[at + 1] !== LOWER_U || ((bytes[at + 2] ?? 0) | 0x20) !== 0x64) return undefined;
  const third = (bytes[at + 3] ?? 0) | 0x20;
  if (third === 0x38 || third === 0x39 || third === 0x61 || third === 0x62) return 'high';
  return third >= 0x63 && third <= 0x66 ? 'low' : undefined;
}

/** How many members all objects of a JSON value have together. Goes as deep as the value nests without recursion. */
export function countMembers(value: unknown): number {
  let count = 0;
  const pending: unknown[] = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (Array.isArray(next)) {
      for (const element of next as readonly unknown[]) if (typeof element === 'object') pending.push(element);
    } else if (Object.getPrototypeOf(next) === Object.prototype) {
      // What has another prototype is a number that keeps its text.
      for (const member of Object.values(next)) {
        count++;
        if (typeof member === 'object') pending.push(member);
      }
    }
  }
  return count;
}
