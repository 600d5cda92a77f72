/** The alphabets of RFC 4648: `standard` ends with + and /, `url` with - and _. */
export type Base64Alphabet = 'standard' | 'url';

/** What decoding gives: the bytes, or Go's message. */
export type Base64Result =
  { readonly ok: true; readonly bytes: Buffer } | { readonly ok: false; readonly message: string };

const STANDARD = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const URL_SAFE = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?$/;

/** Decodes padded base64 as Go's encoding/base64 does: line breaks are skipped, anything else must be exact. */
export function decodeBase64(text: string, alphabet: Base64Alphabet): Base64Result {
  const pattern = alphabet === 'url' ? URL_SAFE : STANDARD;
  if (!pattern.test(text)) {
    const offset = findCorruption(text, alphabet);
    if (offset !== undefined) {
      return { ok: false, message: `illegal base64 data at input byte ${String(offset)}` };
    }
  }
  return { ok: true, bytes: Buffer.from(text.replace(/[\r\n]/g, ''), 'base64') };
}

/** Where Go's decoder stops, in bytes; undefined if the text is fine. */
function findCorruption(text: string, alphabet: Base64Alphabet): number | undefined {
  const bytes = Buffer.from(text);
  const inAlphabet = (byte: number): boolean =>
    /[A-Za-z0-9]/.test(String.fromCharCode(byte)) ||
    (alphabet === 'url' ? byte === 0x2d || byte === 0x5f : byte === 0x2b || byte === 0x2f);
  const isBreak = (byte: number | undefined): boolean => byte === 0x0a || byte === 0x0d;
  let at = 0;
  for (;;) {
    let digits = 0;
    while (digits < 4) {
      const byte = bytes[at];
      if (byte === undefined) return digits === 0 ? undefined : at - digits;
      at++;
      if (isBreak(byte)) continue;
      if (inAlphabet(byte)) {
        digits++;
        continue;
      }
      if (byte !== 0x3d || digits < 2) return at - 1;
      if (digits === 2) {
        while (isBreak(bytes[at])) at++;
        if (at === bytes.length) return bytes.length;
        if (bytes[at] !== 0x3d) return at - 1;
        at++;
      }
      while (isBreak(bytes[at])) at++;
      return at < bytes.length ? at : undefined;
    }
  }
}
