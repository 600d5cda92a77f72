/** Texts that are remembered: one for each value of their hash. */
const PLACES = 1_024;
/** Texts that are longer are read anew each time: looking at each byte would cost more than that. */
export const KNOWN_TEXT_MAX_BYTES = 48;

/**
 * Short texts that messages have again and again, such as the names of headers. One that is known is found by its bytes, which
 * costs a fraction of making a string of them, and of finding that string's property in an object. It remembers so many that
 * whoever sends others each time only has them read as without it.
 */
export class KnownTexts {
  readonly #texts: string[] = Array<string>(PLACES).fill('');

  /** The text of UTF-8 bytes; what is none becomes U+FFFD. */
  read(bytes: Buffer, start: number, end: number): string {
    const length = end - start;
    if (length > KNOWN_TEXT_MAX_BYTES) return bytes.toString('utf8', start, end);
    let hash = length;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0;
    const place = (hash ^ (hash >>> 15)) & (PLACES - 1);
    const known = this.#texts[place] ?? '';
    if (isTextOf(known, bytes, start, length)) return known;
    const text = bytes.toString('utf8', start, end);
    // Only of ASCII the units of a text are the bytes that it was read of.
    if (text.length === length) this.#texts[place] = text;
    return text;
  }
}

function isTextOf(text: string, bytes: Buffer, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) !== bytes[start + index]) return false;
  }
  return true;
}
