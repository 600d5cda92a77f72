import { Buffer } from 'node:buffer';

/** Decoded text, or why the bytes are not text. */
export type DecodedText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string; readonly offset: number };

/** Anything that YAML does not allow, as a character: most controls, lone surrogates, the two non-characters. */

const forbidden = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/**
 * Decodes a file as YAML asks: UTF-8 with or without a byte order mark, or UTF-16 with one. Refuses invalid sequences
 * and the characters that YAML does not allow. The mark is not part of the text; single carriage returns and U+0085 come
 * as line feeds.
 */
export function decodeText(input: string | Uint8Array): DecodedText {
  const text = typeof input === 'string' ? input : decodeBytes(input);
  if (text === undefined) return { ok: false, message: 'the file is not valid UTF-8 or UTF-16 text', offset: 0 };
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  const bad = forbidden.exec(body);
  // YAML 1.1 breaks lines at these two as well, and both count as a line feed then.
  if (bad === null) return { ok: true, text: body.replace(/\r(?!\n)|\u0085/g, '\n') };
  const code = (bad[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return { ok: false, message: `control characters are not allowed (U+${code})`, offset: bad.index };
}

function decodeBytes(bytes: Uint8Array): string | undefined {
  const [first, second] = bytes;
  try {
    if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le', { fatal: true }).decode(bytes);
    if (first === 0xfe && second === 0xff) {
      if (bytes.length % 2 === 1) return undefined;
      return new TextDecoder('utf-16le', { fatal: true }).decode(Buffer.from(bytes).swap16());
    }
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined; // what a fatal TextDecoder throws says nothing that the message above does not
  }
}
