/** One block of a PEM text. */
export interface PemBlock {
  readonly type: string;
  readonly bytes: Buffer;
  /** What follows the block. */
  readonly rest: string;
}

const BLOCK = /(?:^|\n)-----BEGIN ([^\n]*?)-----[ \t\r]*\n([\s\S]*?)-----END ([^\n]*?)-----[ \t\r]*(?:\n|$)/;

/** The first PEM block of a text, as Go's encoding/pem finds it; undefined if there is none. */
export function decodePem(text: string): PemBlock | undefined {
  const match = BLOCK.exec(text);
  if (match === null) return undefined;
  const [whole, type = '', body = '', end] = match;
  const rest = text.slice(match.index + whole.length);
  if (end !== type) return decodePem(rest);
  const encoded = body.replace(/^(?:[^\n:]+:[^\n]*\n)+/, '').replace(/\s/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded) || encoded.length % 4 !== 0) return decodePem(rest);
  return { type, bytes: Buffer.from(encoded, 'base64'), rest };
}

/** DER bytes as a PEM text. */
export function encodePem(type: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${type}-----\n${lines.join('\n')}\n-----END ${type}-----\n`;
}
