const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_ARRAY = 91;
const CLOSE_ARRAY = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

/**
 * The members of a rendered record, each as its text: what no mask speaks of need not be parsed and written anew. Relies on
 * what renderers give: one object without spaces between its parts, whose own names have no escapes; undefined for anything
 * else, and for an object without members.
 */
export function splitMembers(text: string): Map<string, string> | undefined {
  const members = new Map<string, string>();
  let at = 1;
  while (text.charCodeAt(at) === QUOTE) {
    const nameEnd = text.indexOf('"', at + 1);
    if (nameEnd === -1 || text.charCodeAt(nameEnd + 1) !== COLON) break;
    const end = endOfValue(text, nameEnd + 2);
    members.set(text.slice(at + 1, nameEnd), text.slice(nameEnd + 2, end));
    at = end + 1;
  }
  return at === text.length && text.charCodeAt(0) === OPEN_OBJECT ? members : undefined;
}

/** Writes members as a record, in the order of their names. */
export function joinMembers(members: ReadonlyMap<string, string>): string {
  const names = [...members.keys()].sort();
  return `{${names.map((name) => `"${name}":${members.get(name) ?? ''}`).join(',')}}`;
}

/** Where the comma or the brace is that ends the value which begins at `start`. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        depth++;
        break;
      case CLOSE_ARRAY:
        depth--;
        break;
      case CLOSE_OBJECT:
        if (depth === 0) return at;
        depth--;
        break;
      case COMMA:
        if (depth === 0) return at;
    }
  }
  return text.length;
}

/** Where the quote is that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = start;
  do {
    end = text.indexOf('"', end + 1);
    if (end === -1) return text.length;
  } while (isEscaped(text, end));
  return end;
}

/** Whether an odd number of backslashes stands in front of a quote. */
function isEscaped(text: string, quote: number): boolean {
  let before = quote - 1;
  while (text.charCodeAt(before) === BACKSLASH) before--;
  return (quote - before) % 2 === 0;
}
