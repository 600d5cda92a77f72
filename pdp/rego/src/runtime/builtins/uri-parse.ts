import { parseAddress } from './ip-address.ts';
import { quoteText } from './text.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** The parts of a URI; absent ones are empty. */
export interface Uri {
  readonly scheme: string;
  /** What follows the scheme, where that does not start with a slash. */
  readonly opaque: string;
  /** Somebody is named before the host. */
  readonly hasUser: boolean;
  /** With brackets and port. */
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  /** Decoded. */
  readonly path: string;
  /** As written, where that differs from the usual encoding of the path; else the path. */
  readonly rawPath: string;
  /** As written. */
  readonly query: string;
  /** Decoded. */
  readonly fragment: string;
}

/** Ends the parsing from within; never leaves this file. */
class UriProblem extends Error {
  override readonly name = 'UriProblem';
}

/** Takes a URI reference apart, or gives Go's message for what is wrong. */
export function parseUri(text: string): Uri | string {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof UriProblem) return error.message;
    throw error;
  }
}

function parse(text: string): Uri {
  const hash = text.indexOf('#');
  const main = hash < 0 ? text : text.slice(0, hash);
  const uri = parseMain(main);
  return hash < 0 ? uri : { ...uri, fragment: unescape(text.slice(hash + 1)) };
}

function parseMain(text: string): Uri {
  if (/[\0-\x1f\x7f]/.test(text)) throw new UriProblem('net/url: invalid control character in URL');
  const empty: Uri = {
    scheme: '',
    opaque: '',
    hasUser: false,
    host: '',
    hostname: '',
    port: '',
    path: '',
    rawPath: '',
    query: '',
    fragment: '',
  };
  if (text === '*') return { ...empty, path: '*', rawPath: '*' };
  if (text.startsWith(':')) throw new UriProblem('missing protocol scheme');
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1] ?? '';
  let rest = scheme === '' ? text : text.slice(scheme.length + 1);
  const question = rest.indexOf('?');
  const query = question < 0 ? '' : rest.slice(question + 1);
  if (question >= 0) rest = rest.slice(0, question);
  const base = { ...empty, scheme: scheme.toLowerCase(), query };
  if (!rest.startsWith('/')) {
    // Rootless with a scheme is opaque: mailto:somebody.
    if (scheme !== '') return { ...base, opaque: rest };
    if ((rest.split('/', 1)[0] ?? '').includes(':')) {
      throw new UriProblem('first path segment in URL cannot contain colon');
    }
  }
  let host = '';
  let hasUser = false;
  if (rest.startsWith('//') && (scheme !== '' || !rest.startsWith('///'))) {
    const slash = rest.indexOf('/', 2);
    const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
    rest = slash < 0 ? '' : rest.slice(slash);
    hasUser = authority.includes('@');
    host = parseAuthority(base.scheme, authority);
  }
  const path = unescape(rest);
  const rawPath = escapePath(path) === rest ? path : rest;
  return { ...base, hasUser, host, ...splitHostPort(host), path, rawPath };
}

function parseAuthority(scheme: string, authority: string): string {
  const at = authority.lastIndexOf('@');
  const host = parseHost(scheme, at < 0 ? authority : authority.slice(at + 1));
  if (at < 0) return host;
  const user = authority.slice(0, at);
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user)) throw new UriProblem('net/url: invalid userinfo');
  unescape(user);
  return host;
}

function parseHost(scheme: string, host: string): string {
  const bracket = host.lastIndexOf('[');
  if (bracket > 0) throw new UriProblem('invalid IP-literal');
  if (bracket === 0) return parseLiteral(host);
  const colon = host.indexOf(':');
  if (colon >= 0) {
    const isStrict = scheme === 'http' || scheme === 'https';
    checkPort(host.slice(isStrict ? colon : host.lastIndexOf(':')));
  }
  return unescapeHost(host);
}

function parseLiteral(host: string): string {
  const close = host.lastIndexOf(']');
  if (close < 0) throw new UriProblem("missing ']' in host");
  const port = host.slice(close + 1);
  checkPort(port);
  const name = host.slice(1, close);
  const zone = name.indexOf('%25');
  const address = unescapeHost(zone < 0 ? name : name.slice(0, zone));
  const zoneName = zone < 0 ? '' : unescape(name.slice(zone));
  const parsed = parseAddress(address);
  if (parsed?.bits === 32) throw new UriProblem('invalid IP-literal');
  if (parsed === undefined) {
    throw new UriProblem(`invalid host: ParseAddr(${quoteText(address + zoneName)}): unable to parse IP`);
  }
  return `[${address}${zoneName}]${port}`;
}

function checkPort(port: string): void {
  if (!/^(?::[0-9]*)?$/.test(port)) throw new UriProblem(`invalid port ${quoteText(port)} after host`);
}

function splitHostPort(host: string): { readonly hostname: string; readonly port: string } {
  const match = /^(.*):([0-9]*)$/s.exec(host);
  const name = match?.[1] ?? host;
  const hostname = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
  return { hostname, port: match?.[2] ?? '' };
}

function unescape(text: string): string {
  const wrong = /%(?![0-9a-fA-F]{2})/.exec(text);
  if (wrong !== null) throw new UriProblem(`invalid URL escape ${quoteText(text.slice(wrong.index, wrong.index + 3))}`);
  return decodeEscapes(text);
}

function unescapeHost(text: string): string {
  // In hosts only bytes beyond ASCII may be escaped.
  const wrong = /%(?![89a-fA-F][0-9a-fA-F]|25)/.exec(text);
  const bad = /[^A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"%\u0080-\uffff]/.exec(text);
  if (wrong !== null && (bad === null || wrong.index < bad.index)) {
    throw new UriProblem(`invalid URL escape ${quoteText(text.slice(wrong.index, wrong.index + 3))}`);
  }
  if (bad !== null) throw new UriProblem(`invalid character ${quoteText(bad[0])} in host name`);
  return decodeEscapes(text);
}

function decodeEscapes(text: string): string {
  if (!text.includes('%')) return text;
  const bytes: Uint8Array[] = [];
  for (const part of text.match(/(?:%[0-9a-fA-F]{2})+|[^%]+/g) ?? []) {
    bytes.push(part.startsWith('%') ? Buffer.from(part.replaceAll('%', ''), 'hex') : encodeUtf8(part));
  }
  return decodeUtf8(Buffer.concat(bytes));
}

/** A path in the encoding that Go gives to it. */
function escapePath(path: string): string {
  return encodeURI(path.toWellFormed()).replace(
    /[!'()*?#]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
