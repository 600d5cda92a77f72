import { RequestParseError } from './url-escape.ts';

/** One part of a multipart form that has a name. */
export interface FormPart {
  readonly name: string;
  readonly contentType: string;
  readonly content: Buffer;
}

/** Parts that one form may have. */
export const MAX_FORM_PARTS = 1_000;
const MAX_PART_HEADER_BYTES = 16_384;

/** The boundary that a content type names, if it names one. */
export function boundaryOf(contentType: string): string | undefined {
  const [, quoted, plain] = /;\s*boundary\s*=\s*(?:"([^"]*)"|([^\s;"]+))/i.exec(contentType) ?? [];
  return quoted ?? plain;
}

/**
 * The named parts of a `multipart/form-data` body (RFC 7578), in their order.
 * @throws RequestParseError if the body is no such form
 */
export function readMultipart(body: Buffer, boundary: string): readonly FormPart[] {
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  // The first delimiter may stand at the very beginning, without a line in front of it.
  const whole = Buffer.concat([CRLF, body]);
  const parts: FormPart[] = [];
  let at = whole.indexOf(delimiter);
  if (at === -1) throw new RequestParseError('multipart: there is no boundary');
  for (let count = 0; ; count++) {
    if (count > MAX_FORM_PARTS) throw new RequestParseError(`multipart: more than ${MAX_FORM_PARTS} parts`);
    at += delimiter.length;
    if (whole.subarray(at, at + 2).equals(DASHES)) return parts;
    const line = whole.indexOf(CRLF, at);
    if (line === -1 || whole.toString('latin1', at, line).trim() !== '') {
      throw new RequestParseError('multipart: a boundary does not end its line');
    }
    const next = whole.indexOf(delimiter, line);
    if (next === -1) throw new RequestParseError('multipart: unexpected end');
    const part = readPart(whole.subarray(line, next));
    if (part !== undefined) parts.push(part);
    at = next;
  }
}

const CRLF = Buffer.from('\r\n');
const BLANK_LINE = Buffer.from('\r\n\r\n');
const DASHES = Buffer.from('--');

/** A part, from the line break in front of its headers on; undefined if it has no name. */
function readPart(bytes: Buffer): FormPart | undefined {
  const end = bytes.indexOf(BLANK_LINE);
  if (end === -1 || end > MAX_PART_HEADER_BYTES) throw new RequestParseError('multipart: a part has no end of headers');
  const headers = new Map<string, string>();
  for (const line of bytes.toString('utf8', 0, end).split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const disposition = headers.get('content-disposition') ?? '';
  const [, quoted, plain] = /;\s*name\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(disposition) ?? [];
  const name = quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '';
  if (name === '' || !/^form-data\s*(?:;|$)/i.test(disposition)) return undefined;
  const contentType = (headers.get('content-type') ?? '').toLowerCase();
  return { name, contentType, content: bytes.subarray(end + BLANK_LINE.length) };
}
