import type { HttpRequest, HttpTls, TextSource } from '../../network/port.ts';
import { isNumber, toSmallInteger } from '../number.ts';
import { stringify } from '../json.ts';
import { buildObject, entriesOf, getIndex, isObject, keyOf, keysOf, RegoNumber, RegoSet, typeOf } from '../value.ts';
import type { ObjectValue, Value } from '../value.ts';
import type { BuiltinContext, BuiltinErrorCode } from './builtin.ts';
import { parseGoDuration } from './durations.ts';
import { objectOperand, operandError } from './operands.ts';
import { quoteText, regoText } from './text.ts';
import { parseUri } from './uri-parse.ts';
import { utf8Length } from './utf8.ts';

/** Why a description of a request is none. `isNetwork`: OPA counts it among the failures of the network. */
export interface RequestProblem {
  readonly code: BuiltinErrorCode;
  readonly message: string;
  readonly isNetwork: boolean;
}

/** What reading a description of a request gives. */
export type RequestResult =
  { readonly ok: true; readonly request: HttpRequest } | { readonly ok: false; readonly problem: RequestProblem };

/** Parameters that are texts. The quotes around some are not a part of them. */
const TEXTS = [
  'method',
  'raw_body',
  'tls_ca_cert',
  'tls_ca_cert_env_variable',
  'tls_ca_cert_file',
  'tls_client_cert',
  'tls_client_cert_env_variable',
  'tls_client_cert_file',
  'tls_client_key',
  'tls_client_key_env_variable',
  'tls_client_key_file',
  'tls_server_name',
  'url',
] as const;

const KNOWN = new RegoSet([
  ...TEXTS,
  'body',
  'cache',
  'cache_ignored_headers',
  'caching_mode',
  'enable_redirect',
  'force_cache',
  'force_cache_duration_seconds',
  'force_json_decode',
  'force_yaml_decode',
  'headers',
  'max_retry_attempts',
  'raise_error',
  'timeout',
  'tls_insecure_skip_verify',
  'tls_use_system_certs',
]);

/** What methods and the names of headers are. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What the value of a header cannot hold. */
const CONTROL = /[^\t\P{Cc}]/u;

/** Ends the reading from within; never leaves this file. */
class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly problem: RequestProblem;

  constructor(message: string, code: BuiltinErrorCode = 'eval_builtin_error', isNetwork = false) {
    super(message);
    this.problem = { code, message, isNetwork };
  }
}

/** Reads the operand of `http.send`; wrong ones give what OPA says of them. */
export function readRequest(object: ObjectValue, maxBytes: number): RequestResult {
  try {
    const unfit = misfit(object);
    if (unfit !== undefined) throw new Refusal(`operand 1 ${unfit}`, 'eval_type_error');
    return { ok: true, request: new RequestReader(object).read(maxBytes) };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, problem: error.problem };
    throw error;
  }
}

/** The operand as the description of an HTTP request with nothing unknown in it, or undefined after failing. */
export function requestOperand(ctx: BuiltinContext, value: Value): ObjectValue | undefined {
  const object = objectOperand(ctx, value, 1);
  const unfit = object === undefined ? undefined : misfit(object);
  return unfit === undefined ? object : operandError(ctx, 1, unfit);
}

/** Which parameters are unknown or missing, if any are. */
function misfit(object: ObjectValue): string | undefined {
  const unknown = new RegoSet(keysOf(object).filter((key) => !KNOWN.has(key)));
  if (unknown.size > 0) return `invalid request parameters(s): ${regoText(unknown)}`;
  const missing = new RegoSet(['method', 'url'].filter((key) => getIndex(object, key) === undefined));
  return missing.size > 0 ? `missing required request parameters(s): ${regoText(missing)}` : undefined;
}

class RequestReader {
  readonly #object: ObjectValue;

  constructor(object: ObjectValue) {
    this.#object = object;
  }

  read(maxBytes: number): HttpRequest {
    const headers = this.#headers();
    const key = this.#key();
    const caching = this.#caching();
    const method = this.#text('method').toUpperCase() || 'GET';
    const body = this.#body();
    const request: HttpRequest = {
      builtin: 'http.send',
      key,
      method,
      url: this.#text('url'),
      headers,
      body,
      followRedirects: this.#flag('enable_redirect'),
      timeoutMs: this.#timeoutMs(),
      maxRetries: this.#count('max_retry_attempts'),
      tls: this.#tls(headers),
      caching,
    };
    this.#checkTarget(request);
    const parts = [method, request.url, body ?? '', ...headers.flat()];
    const bytes = parts.reduce((sum, part) => sum + utf8Length(part), 0);
    if (bytes > maxBytes) throw new Refusal(`the request is larger than ${String(maxBytes)} bytes`);
    return request;
  }

  /** Every parameter counts but the headers that are to be ignored. */
  #key(): string {
    const headers = this.#get('headers');
    const ignored = this.#get('cache_ignored_headers');
    let members = entriesOf(this.#object).filter(([name]) => name !== 'cache_ignored_headers');
    if (headers !== undefined && ignored !== undefined) {
      if (!Array.isArray(ignored) || !ignored.every((name) => typeof name === 'string')) {
        throw new Refusal('cache_ignored_headers must be an array of strings');
      }
      const names = new Set<Value>(ignored);
      const counted = buildObject(entriesOf(headers as ObjectValue).filter(([name]) => !names.has(name)));
      members = members.map(([name, value]) => (name === 'headers' ? [name, counted] : [name, value]));
    }
    return `http.send:${String(keyOf(buildObject(members)))}`;
  }

  #headers(): readonly (readonly [string, string])[] {
    const headers = this.#get('headers');
    if (headers === undefined) return [];
    if (!isObject(headers)) throw new Refusal('invalid type for headers key');
    const lines = new Map<string, string>();
    for (const [name, value] of entriesOf(headers)) {
      if (typeof value !== 'string') throw new Refusal(`invalid type for headers value ${goQuoted(value)}`);
      lines.set(canonicalHeader(typeof name === 'string' ? name : stringify(name)), value);
    }
    return [...lines];
  }

  #body(): string | undefined {
    if (this.#get('raw_body') !== undefined) return this.#text('raw_body');
    const body = this.#get('body');
    return body === undefined ? undefined : stringify(body, { escapeHtml: true });
  }

  #timeoutMs(): number | undefined {
    const timeout = this.#get('timeout');
    if (timeout === undefined) return undefined;
    const nanoseconds = timeoutNanoseconds(timeout);
    // Go bounds a request only by what is positive.
    return nanoseconds <= 0n ? 0 : Math.max(1, Math.ceil(Number(nanoseconds) / 1e6));
  }

  #caching(): HttpRequest['caching'] {
    const cache = this.#strictFlag('cache');
    const force = this.#strictFlag('force_cache');
    this.#strictFlag('force_json_decode');
    this.#strictFlag('force_yaml_decode');
    if (!cache && !force) return undefined;
    return { forceSeconds: force ? this.#forceSeconds() : undefined };
  }

  /** 0 and less force nothing: then the answer's headers count. */
  #forceSeconds(): number | undefined {
    const seconds = this.#get('force_cache_duration_seconds');
    if (seconds === undefined) {
      throw new Refusal("'force_cache' set but 'force_cache_duration_seconds' parameter is missing");
    }
    const text = regoText(seconds);
    const problem = (words: string) => new Refusal(`strconv.ParseInt: parsing ${quoteText(text)}: ${words}`);
    if (!/^[+-]?\d+$/.test(text)) throw problem('invalid syntax');
    const count = Number(text);
    if (count > 0x7fffffff || count < -0x80000000) throw problem('value out of range');
    return count > 0 ? count : undefined;
  }

  #tls(headers: HttpRequest['headers']): HttpTls {
    const authorities: TextSource[] = [];
    const inline = this.#text('tls_ca_cert').replaceAll('\\n', '\n');
    if (inline !== '') authorities.push({ text: inline });
    const file = this.#text('tls_ca_cert_file');
    if (file !== '') authorities.push({ file });
    const variable = this.#text('tls_ca_cert_env_variable');
    if (variable !== '') authorities.push({ variable });
    const host = headers.find(([name]) => name === 'Host')?.[1] ?? '';
    return {
      authorities,
      useSystemAuthorities: this.#flag('tls_use_system_certs'),
      identities: [
        ...this.#identity('', (text) => ({ text })),
        ...this.#identity('_file', (name) => ({ file: name })),
        ...this.#identity('_env_variable', (name) => ({ variable: name })),
      ],
      skipVerify: this.#flag('tls_insecure_skip_verify'),
      serverName: this.#text('tls_server_name') || host,
    };
  }

  #identity(suffix: '' | '_file' | '_env_variable', source: (text: string) => TextSource): HttpTls['identities'] {
    const certificate = this.#text(`tls_client_cert${suffix}`);
    const key = this.#text(`tls_client_key${suffix}`);
    return certificate === '' || key === '' ? [] : [{ certificate: source(certificate), key: source(key) }];
  }

  #checkTarget({ method, url, headers }: HttpRequest): void {
    if (!TOKEN.test(method)) {
      throw new Refusal(`net/http: invalid method ${quoteText(method)}`);
    }
    if (method === 'CONNECT') throw new Refusal('unsupported method "CONNECT"');
    const uri = parseUri(url);
    if (typeof uri === 'string') throw new Refusal(`parse ${quoteText(url)}: ${uri.replace(/^net\/url: /, '')}`);
    const failed = (words: string) => new Refusal(requestText(method, url, words), 'eval_builtin_error', true);
    if (uri.scheme !== 'http' && uri.scheme !== 'https') {
      throw failed(`unsupported protocol scheme ${quoteText(uri.scheme)}`);
    }
    if (uri.hostname === '') throw failed('http: no Host in request URL');
    if (Number(uri.port) > 65_535) throw failed(`dial tcp: address ${uri.port}: invalid port`);
    if (!URL.canParse(url)) throw failed('invalid URL');
    for (const [name, value] of headers) {
      if (!TOKEN.test(name)) throw failed(`net/http: invalid header field name ${quoteText(name)}`);
      if (CONTROL.test(value)) throw failed(`net/http: invalid header field value for ${quoteText(name)}`);
    }
  }

  #get(name: string): Value {
    return getIndex(this.#object, name);
  }

  #text(name: (typeof TEXTS)[number]): string {
    const value = this.#get(name);
    if (value === undefined) return '';
    if (typeof value !== 'string') throw new Refusal(`${quoteText(name)} must be a string`);
    return value.replace(/^"+|"+$/g, '');
  }

  /** What Go's `strconv.ParseBool` takes for true. */
  #flag(name: 'enable_redirect' | 'tls_insecure_skip_verify' | 'tls_use_system_certs'): boolean {
    const value = this.#get(name);
    if (value === undefined) return false;
    const text = regoText(value);
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw new Refusal(`strconv.ParseBool: parsing ${quoteText(text)}: invalid syntax`);
  }

  #strictFlag(name: string): boolean {
    const value = this.#get(name);
    if (value === undefined) return false;
    if (typeof value !== 'boolean') throw new Refusal(`invalid value for ${quoteText(name)} field`);
    return value;
  }

  #count(name: string): number {
    const value = this.#get(name);
    if (value === undefined) return 0;
    const count = isNumber(value) ? toSmallInteger(value) : undefined;
    if (count === undefined || count < 0) {
      throw new Refusal(`invalid value ${regoText(value)} for field ${quoteText(name)}`);
    }
    return count;
  }
}

/** A failed request in Go's words: `Get "http://host/": EOF`. A password in the URL is not shown. */
export function requestText(method: string, url: string, words: string): string {
  return `${operationText(method)} ${quoteText(withoutPassword(url))}: ${words}`;
}

/** A request that took too long, as the error that a policy raises says it. */
export function timeoutText(method: string, url: string): string {
  return `${operationText(method)} ${withoutPassword(url)}: request timed out`;
}

function operationText(method: string): string {
  return method.slice(0, 1) + method.slice(1).toLowerCase();
}

function withoutPassword(url: string): string {
  return url.replace(/^([a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?#:@]*):[^/?#]*@/, '$1:***@');
}

/** A header's name with capitals where Go has them; names that are none stay as they are. */
function canonicalHeader(name: string): string {
  if (!TOKEN.test(name)) return name;
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** What Go's `%q` makes of a JSON value that is no string. */
function goQuoted(value: Value): string {
  if (typeof value === 'number' || value instanceof RegoNumber) return quoteText(regoText(value));
  if (typeof value === 'boolean') return `%!q(bool=${String(value)})`;
  return value === null ? '%!q(<nil>)' : regoText(value);
}

const INT64 = 1n << 63n;

function timeoutNanoseconds(timeout: Value): bigint {
  if (isNumber(timeout)) {
    const text = typeof timeout === 'number' ? String(timeout) : timeout.text;
    const integer = /^-?\d+$/.test(text) ? BigInt(text) : INT64;
    if (integer >= INT64 || integer < -INT64) {
      throw new Refusal(`invalid timeout number value ${text}, must be int64`);
    }
    return integer;
  }
  if (typeof timeout !== 'string') {
    const problem = `operand 1 'timeout' must be one of {string, number} but got ${typeOf(timeout)}`;
    throw new Refusal(problem, 'eval_type_error');
  }
  if (/^[+-]?\d{1,18}$/.test(timeout)) return BigInt(timeout.replace('+', ''));
  const parsed = parseGoDuration(timeout);
  if (parsed.ok) return parsed.nanoseconds;
  throw new Refusal(`invalid timeout value ${quoteText(timeout)}: ${parsed.message}`);
}
