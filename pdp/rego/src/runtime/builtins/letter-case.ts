const ASCII = /^[\0-\x7f]*$/;

/** Lower case letter by letter, as Go does: no special casing by context (final sigma) and no growing. */
export function lowerCase(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  let result = '';
  for (const char of text) result += char === 'İ' ? 'i' : simple(char, char.toLowerCase());
  return result;
}

/** Upper case letter by letter, as Go does: `ß` stays. */
export function upperCase(text: string): string {
  if (ASCII.test(text)) return text.toUpperCase();
  let result = '';
  for (const char of text) result += simple(char, char.toUpperCase(), titleCase);
  return result;
}

function simple(char: string, mapped: string, fallback: (char: string) => string = (same) => same): string {
  return mapped.length > 1 && Array.from(mapped).length > 1 ? fallback(char) : mapped;
}

/** Greek letters with an iota below have one-letter capitals, where full case mapping writes two letters. */
function titleCase(char: string): string {
  const code = char.charCodeAt(0);
  if (code >= 0x1f80 && code <= 0x1faf && (code & 8) === 0) return String.fromCharCode(code + 8);
  if (code === 0x1fb3 || code === 0x1fc3 || code === 0x1ff3) return String.fromCharCode(code + 9);
  return char;
}
