import type { RequestHeaders } from '../route.ts';

/** The head of an HTTP/1 request. */
export interface RequestHead {
  readonly method: string;
  /** Path without query, as it was sent. */
  readonly path: string;
  /** Raw query string without `?`. */
  readonly query: string;
  readonly headers: RequestHeaders;
  /** Whether the client wants to go on using the connection. */
  readonly keepAlive: boolean;
  /** Bytes of the body, or `chunked`. */
  readonly body: number | 'chunked';
  /** Whether the client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
}

/** Why bytes are no request that is taken, with the status to answer. After it the connection cannot be used. */
export interface HeadProblem {
  readonly status: 400 | 417 | 431 | 501 | 505;
  readonly problem: string;
}

/** Bounds of a head. */
export const HEAD_LIMITS = { maxBytes: 32_768, maxHeaders: 128 } as const;

/** token of RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible characters: what a request target may hold. */
const TARGET = /^[\x21-\x7e]+$/;
/** What a field value may not hold: control characters but the tab. */
const BAD_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/;
const DIGITS = /^[0-9]{1,15}$/;
const ABSOLUTE = /^https?:\/\/([^/?#]*)/i;
/** uri-host and port of RFC 9110 section 7.2; both may be empty. */
const HOST = /^(?:\[[0-9A-Za-z:._~%-]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(?::[0-9]*)?$/;

/** Fields that have one value: a second one is how requests are smuggled past whoever reads only the other. */
const SINGLE: ReadonlySet<string> = new Set([
  'authorization',
  'content-length',
  'content-type',
  'expect',
  'host',
  'transfer-encoding',
]);

/**
 * Reads a head: everything up to, and without, the empty line, as latin-1 text. Strict where leniency lets two parties see
 * two requests (RFC 9112 sections 2.2, 5.1, 6.3): no bare line feeds, no folded lines, no blank before a colon, one length.
 */
export function parseRequestHead(text: string): RequestHead | HeadProblem {
  const lineEnd = text.indexOf('\r\n');
  const line = lineEnd === -1 ? text : text.slice(0, lineEnd);
  const methodEnd = line.indexOf(' ');
  const targetEnd = line.indexOf(' ', methodEnd + 1);
  if (methodEnd === -1 || targetEnd === -1) return bad('the request line is not "METHOD target HTTP/1.1"');
  const method = line.slice(0, methodEnd);
  const version = line.slice(targetEnd + 1);
  if (!TOKEN.test(method)) return bad('the method is no token');
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') {
    return /^HTTP\/[0-9]\.[0-9]$/.test(version)
      ? { status: 505, problem: 'only HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here' }
      : bad('the request line has no HTTP version at its end');
  }
  const target = targetOf(line.slice(methodEnd + 1, targetEnd), method);
  if (target === undefined) return bad('the request target is neither a path nor an http URL');
  const parsed = parseFields(text, lineEnd === -1 ? text.length : lineEnd + 2);
  if ('problem' in parsed) return parsed;
  // The authority of an absolute target counts, whatever the field says (RFC 9112 section 3.2.2).
  const headers = target.host === undefined ? parsed.fields : withHost(parsed.fields, target.host);
  return withFraming(method, target.path, version === 'HTTP/1.1', headers);
}

function withHost(fields: Readonly<Record<string, string>>, host: string): Readonly<Record<string, string>> {
  return Object.assign(Object.create(null) as Record<string, string>, fields, { host });
}

function withFraming(
  method: string,
  target: string,
  isCurrent: boolean,
  headers: Readonly<Record<string, string>>,
): RequestHead | HeadProblem {
  const { host, connection, expect } = headers;
  if (host === undefined && isCurrent) return bad('an HTTP/1.1 request needs a host');
  if (host !== undefined && !HOST.test(host)) return bad('the host is none');
  const body = bodyOf(headers, isCurrent);
  if (typeof body === 'object') return body;
  // HTTP/1.0 knows no expectations (RFC 9110 section 10.1.1).
  const expected = isCurrent ? expect?.toLowerCase() : undefined;
  if (expected !== undefined && expected !== '100-continue') {
    return { status: 417, problem: 'nothing but 100-continue can be expected' };
  }
  const mark = target.indexOf('?');
  return {
    method,
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? '' : target.slice(mark + 1),
    headers,
    keepAlive: connection === undefined ? isCurrent : keepsAlive(connection, isCurrent),
    body,
    expectsContinue: expected !== undefined && body !== 0,
  };
}

interface Target {
  /** Path and query. */
  readonly path: string;
  /** The authority of an absolute target. */
  readonly host: string | undefined;
}

/** The origin form of a target; of an absolute one what follows the authority, and that. */
function targetOf(target: string, method: string): Target | undefined {
  if (!TARGET.test(target)) return undefined;
  if (target.startsWith('/') || (target === '*' && method === 'OPTIONS')) return { path: target, host: undefined };
  const [authority, host] = ABSOLUTE.exec(target) ?? [];
  if (authority === undefined) return undefined;
  const rest = target.slice(authority.length);
  return { path: rest.startsWith('/') ? rest : `/${rest}`, host };
}

type Fields = { readonly fields: Readonly<Record<string, string>> } | HeadProblem;

function parseFields(text: string, start: number): Fields {
  // Without a prototype a field called `constructor` or `__proto__` is one like any other.
  const fields = Object.create(null) as Record<string, string>;
  let count = 0;
  for (let at = start; at < text.length;) {
    const end = text.indexOf('\r\n', at);
    const lineEnd = end === -1 ? text.length : end;
    const colon = text.indexOf(':', at);
    if (colon === -1 || colon >= lineEnd) return bad('a header line has no colon');
    const sent = text.slice(at, colon);
    if (!TOKEN.test(sent)) return bad('the name of a header is no token');
    const value = withoutBlanks(text, colon + 1, lineEnd);
    if (BAD_VALUE.test(value)) return bad('a header holds a control character');
    if (++count > HEAD_LIMITS.maxHeaders) {
      return { status: 431, problem: `more than ${HEAD_LIMITS.maxHeaders} headers` };
    }
    const name = sent.toLowerCase();
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else if (SINGLE.has(name)) return bad(`there are two headers ${name}`);
    else fields[name] = `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
    at = lineEnd + 2;
  }
  return { fields };
}

/** OWS is blanks and tabs; `trim` would take more away, and hide what must not be there. */
function withoutBlanks(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function bodyOf(headers: Readonly<Record<string, string>>, isCurrent: boolean): RequestHead['body'] | HeadProblem {
  const length = headers['content-length'];
  const coding = headers['transfer-encoding'];
  if (coding === undefined) {
    if (length === undefined) return 0;
    return DIGITS.test(length) ? Number(length) : bad('content-length is no whole number');
  }
  if (length !== undefined) return bad('content-length and transfer-encoding exclude each other');
  if (!isCurrent) return bad('HTTP/1.0 knows no transfer-encoding');
  return coding.toLowerCase() === 'chunked'
    ? 'chunked'
    : { status: 501, problem: 'no transfer-encoding but chunked is understood' };
}

function keepsAlive(connection: string, isCurrent: boolean): boolean {
  const options = connection
    .toLowerCase()
    .split(',')
    .map((option) => option.trim());
  return isCurrent ? !options.includes('close') : options.includes('keep-alive');
}

function bad(problem: string): HeadProblem {
  return { status: 400, problem };
}
