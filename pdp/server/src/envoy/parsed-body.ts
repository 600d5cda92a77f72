import { parseJson, parseJsonBytes } from '@edict/rego/values';
import type { Value } from '@edict/rego';
import { memberOf, setMember, type JsonObject } from './json-object.ts';
import { boundaryOf, readMultipart } from './multipart.ts';
import { parseQuery, RequestParseError } from './url-escape.ts';

/** What a policy is told of a body: its content where it is of a known type, and whether a part of it is missing. */
export interface ParsedBody {
  /** Null where there is no body, where its type is not read, and where it is not whole. */
  readonly parsed: Value;
  readonly truncated: boolean;
}

const NONE: ParsedBody = { parsed: null, truncated: false };
const TRUNCATED: ParsedBody = { parsed: null, truncated: true };

/**
 * Reads the body in the attributes of an HTTP request (JSON names). A body of which Envoy sent only a part is never taken for
 * one that is absent or whole, whatever its type.
 * @throws RequestParseError if the body is not what its content type says
 */
export function parseBody(http: unknown): ParsedBody {
  const header = headersOf(http);
  if (header('x-envoy-auth-partial-body') === 'true') return TRUNCATED;
  const text = memberOf(http, 'body');
  const raw = memberOf(http, 'rawBody');
  const body = typeof text === 'string' ? text : typeof raw === 'string' ? Buffer.from(raw, 'base64') : undefined;
  if (body === undefined) return NONE;
  if (isLonger(header('content-length'), typeof body === 'string' ? Buffer.byteLength(body) : body.length))
    return TRUNCATED;
  const contentType = header('content-type');
  if (contentType === undefined) return NONE;
  const type = contentType.toLowerCase();
  if (type.includes('application/json')) return { parsed: jsonOf(body), truncated: false };
  if (type.includes('application/x-www-form-urlencoded')) return { parsed: formOf(body.toString()), truncated: false };
  if (type.includes('multipart/form-data')) {
    const boundary = boundaryOf(contentType);
    if (boundary === undefined) return NONE;
    return { parsed: partsOf(typeof body === 'string' ? Buffer.from(body) : body, boundary), truncated: false };
  }
  return NONE;
}

/** Looks headers up in either form that Envoy sends: joined by name, or as a list. */
function headersOf(http: unknown): (name: string) => string | undefined {
  const joined = memberOf(http, 'headers');
  const listed = memberOf(memberOf(http, 'headerMap'), 'headers');
  const list: readonly unknown[] = Array.isArray(listed) ? listed : [];
  return (name) => {
    const value = memberOf(joined, name);
    if (typeof value === 'string') return value;
    const found = list.find((one) => isNamed(one, name));
    const text = memberOf(found, 'value');
    if (typeof text === 'string') return text;
    const raw = memberOf(found, 'rawValue');
    return typeof raw === 'string' ? Buffer.from(raw, 'base64').toString('latin1') : undefined;
  };
}

function isNamed(header: unknown, name: string): boolean {
  const key = memberOf(header, 'key');
  return typeof key === 'string' && key.toLowerCase() === name;
}

/** Whether the client announced more than there is. */
function isLonger(contentLength: string | undefined, received: number): boolean {
  if (contentLength === undefined) return false;
  if (!/^[+-]?\d{1,18}$/.test(contentLength)) {
    throw new RequestParseError(`content-length ${JSON.stringify(contentLength)} is no length`);
  }
  return Number(contentLength) > received;
}

function jsonOf(body: string | Buffer): Value {
  const read = typeof body === 'string' ? parseJson(body) : parseJsonBytes(body);
  if (!read.ok) throw new RequestParseError(read.problem.message);
  return read.value;
}

function formOf(body: string): JsonObject {
  const fields: JsonObject = {};
  for (const [name, values] of parseQuery(body)) setMember(fields, name, values);
  return fields;
}

function partsOf(body: Buffer, boundary: string): JsonObject {
  const fields = new Map<string, Value[]>();
  for (const { name, contentType, content } of readMultipart(body, boundary)) {
    const value = contentType.includes('application/json') ? jsonOf(content) : content.toString();
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  }
  const object: JsonObject = {};
  for (const [name, values] of fields) setMember(object, name, values);
  return object;
}
