import { gunzipSync } from 'node:zlib';
import { jsonOfYaml } from '@edict/bundle';
import { parseJson, parseJsonBytes } from '@edict/rego/values';
import type { Value } from '@edict/rego';
import { MAX_NESTING, nestsDeeper } from '../json-shape.ts';
import { headerOf, type RouteRequest } from '../route.ts';

/** What a body says; `undefined` for an empty one. `bytes` is its size once inflated. */
export type BodyResult =
  | { readonly ok: true; readonly value: Value | undefined; readonly bytes: number }
  | { readonly ok: false; readonly status: 400 | 413; readonly message: string };

const TOO_DEEP = `exceeded max depth of ${MAX_NESTING}`;

/**
 * Reads a body as OPA does: gzip if `content-encoding` says so, YAML if the content type names it, JSON otherwise whatever
 * the content type is. Never inflates more than `maxBytes`.
 */
export function readBody({ headers, body }: RouteRequest, maxBytes: number): BodyResult {
  let content = body;
  if (headerOf(headers, 'content-encoding')?.includes('gzip') === true) {
    const inflated = inflate(body, maxBytes);
    if (!Buffer.isBuffer(inflated)) return inflated;
    content = inflated;
  }
  const bytes = content.length;
  if (bytes === 0) return { ok: true, value: undefined, bytes };
  if (nestsDeeper(content, MAX_NESTING)) {
    return { ok: false, status: 400, message: `body contains malformed input document: ${TOO_DEEP}` };
  }
  const isYaml = headerOf(headers, 'content-type')?.includes('yaml') === true;
  const parsed = isYaml ? parseYaml(content) : parseJsonBytes(content);
  if (parsed.ok) return { ok: true, value: parsed.value, bytes };
  const message = `body contains malformed input document: ${'problem' in parsed ? parsed.problem.message : parsed.message}`;
  return { ok: false, status: 400, message };
}

function inflate(body: Buffer, maxBytes: number): Buffer | Extract<BodyResult, { readonly ok: false }> {
  try {
    return gunzipSync(body, { maxOutputLength: maxBytes });
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    return code === 'ERR_BUFFER_TOO_LARGE'
      ? { ok: false, status: 413, message: `request body too large: it inflates to more than ${maxBytes} bytes` }
      : { ok: false, status: 400, message: 'the body is not the gzip stream that its content-encoding promises' };
  }
}

function parseYaml(content: Buffer) {
  const json = jsonOfYaml(content);
  return json.ok ? parseJson(json.text) : json;
}
