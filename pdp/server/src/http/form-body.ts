export type FormBody =
  | { readonly ok: true; readonly fields: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly message: string };

/** Parts that a multipart body may have. */
export const MAX_FORM_PARTS = 1000;

/** Fields of an `application/x-www-form-urlencoded` body as strings; of repeated fields the first counts. */
export function readUrlEncoded(body: string): FormBody {
  const fields: [string, string][] = [];
  const seen = new Set<string>();
  for (const [name, value] of new URLSearchParams(body)) {
    if (!seen.has(name)) fields.push([name, value]);
    seen.add(name);
  }
  return { ok: true, fields: Object.fromEntries(fields) };
}

/** Text fields of a `multipart/form-data` body (RFC 7578); files are passed over. */
export function readMultipart(body: string, contentType: string): FormBody {
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) return { ok: false, message: 'multipart/form-data needs a boundary' };
  const parts = body.split(`--${boundary}`);
  if (parts.length < 2 || !parts.at(-1)?.startsWith('--')) return { ok: false, message: 'multipart: unexpected end' };
  if (parts.length > MAX_FORM_PARTS) return { ok: false, message: `multipart: more than ${MAX_FORM_PARTS} parts` };
  const fields: [string, string][] = [];
  for (const part of parts.slice(1, -1)) {
    const split = /\r?\n\r?\n/.exec(part);
    if (split === null) return { ok: false, message: 'multipart: a part has no end of headers' };
    const headers = part.slice(0, split.index);
    const name = /content-disposition:[^\n]*[;\s]name="([^"]*)"/i.exec(headers)?.[1];
    if (name === undefined || /[;\s]filename="/i.test(headers)) continue;
    fields.push([name, part.slice(split.index + split[0].length).replace(/\r?\n$/, '')]);
  }
  return { ok: true, fields: Object.fromEntries(fields) };
}
