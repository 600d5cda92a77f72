/** One block of a PEM text. */
export interface PemBlock {
  readonly type: string;
  readonly bytes: Buffer;
  /** What follows the block. */
  readonly rest: string;
}

const BEGIN = /(?:^|\n)-----BEGIN ([^\n]*?)-----[ \t\r]*\n/g;
const END = /-----END ([^\n]*?)-----[ \t\r]*(?:\n|$)/g;

/** The first PEM block of a text, as Go's encoding/pem finds it; undefined if there is none. */
export function decodePem(text: string): PemBlock | undefined {
  for (let at = 0; ;) {
    BEGIN.lastIndex = at;
    const begin = BEGIN.exec(text);
    if (begin === null) return undefined;
    const start = BEGIN.lastIndex;
    END.lastIndex = start;
    const end = END.exec(text);
    // Without an end line behind it no later block has one either.
    if (end === null) return undefined;
    const behind = END.lastIndex;
    // The line feed that ends this block starts the next one.
    at = end[0].endsWith('\n') ? behind - 1 : behind;
    const type = begin[1] ?? '';
    const bytes = type === end[1] ? decodeBody(text.slice(start, end.index)) : undefined;
    if (bytes !== undefined) return { type, bytes, rest: text.slice(behind) };
  }
}

function decodeBody(body: string): Buffer | undefined {
  const encoded = body.replace(/^(?:[^\n:]+:[^\n]*\n)+/, '').replace(/\s/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded) || encoded.length % 4 !== 0) return undefined;
  return Buffer.from(encoded, 'base64');
}
