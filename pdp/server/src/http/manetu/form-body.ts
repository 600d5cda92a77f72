export type FormBody =
  | { readonly ok: true; readonly fields: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly message: string };

/** Parts that a multipart body may have. */
export const MAX_FORM_PARTS = 1000;

const SYNTAX = /[\\^$.*+?()[\]{}|/-]/g;

/** Fields of an `application/x-www-form-urlencoded` body as strings; of repeated fields the first counts. */
export function readUrlEncoded(body: string): FormBody {
  return fieldsOf(new URLSearchParams(body));
}

/** Text fields of a `multipart/form-data` body (RFC 7578), the first of a name; files are passed over. */
export function readMultipart(body: string, contentType: string): FormBody {
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) return { ok: false, message: 'multipart/form-data needs a boundary' };
  // A delimiter begins a line: the same text within a line is part of a value.
  const parts = `\n${body}`.split(new RegExp(`\\r?\\n--${boundary.replace(SYNTAX, '\\$&')}`));
  if (parts.length < 2 || !parts.at(-1)?.startsWith('--')) return { ok: false, message: 'multipart: unexpected end' };
  if (parts.length > MAX_FORM_PARTS) return { ok: false, message: `multipart: more than ${MAX_FORM_PARTS} parts` };
  const fields: [string, string][] = [];
  for (const part of parts.slice(1, -1)) {
    const split = /\r?\n\r?\n/.exec(part);
    if (split === null) return { ok: false, message: 'multipart: a part has no end of headers' };
    const headers = part.slice(0, split.index);
    const name = /content-disposition:[^\n]*[;\s]name="([^"]*)"/i.exec(headers)?.[1];
    if (name === undefined || /[;\s]filename="/i.test(headers)) continue;
    fields.push([name, part.slice(split.index + split[0].length)]);
  }
  return fieldsOf(fields);
}

function fieldsOf(pairs: Iterable<readonly [string, string]>): FormBody {
  const fields = new Map<string, string>();
  for (const [name, value] of pairs) if (!fields.has(name)) fields.set(name, value);
  // Own members, whatever the names: `__proto__` is a field like any other.
  return { ok: true, fields: Object.fromEntries(fields) };
}
