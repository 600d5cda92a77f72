import { entriesOf, isObject, setMember, sortStrings, typeOf, type Value } from '../value.ts';
import { isValidJson, jsonKey, parseJson, stringify, type JsonProblem } from '../json.ts';
import { decodeBase64 } from './base64.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { builtinError, elementsOf, objectOperand, operandError, typeError } from './operands.ts';
import { quoteText, regoText } from './text.ts';
import { decodeUtf8, encodeUtf8, utf8Length } from './utf8.ts';

/** Encodings of text: base64, hexadecimal, URL queries and JSON. */
export const encodings: BuiltinFamily = {
  'base64.encode': (ctx, text) =>
    typeof text === 'string' ? Buffer.from(text).toString('base64') : typeError(ctx, 1, text, 'string'),
  'base64.decode': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const decoded = decodeBase64(text, 'standard');
    return decoded.ok ? decodeUtf8(decoded.bytes) : builtinError(ctx, decoded.message);
  },
  'base64.is_valid': (_ctx, text) => typeof text === 'string' && decodeBase64(text, 'standard').ok,
  'base64url.encode': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    return Buffer.from(text).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
  },
  'base64url.encode_no_pad': (ctx, text) =>
    typeof text === 'string' ? Buffer.from(text).toString('base64url') : typeError(ctx, 1, text, 'string'),
  'base64url.decode': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const padded = padBase64(text);
    if (padded === undefined) return builtinError(ctx, `illegal base64url string: ${text}`);
    const decoded = decodeBase64(padded, 'url');
    return decoded.ok ? decodeUtf8(decoded.bytes) : builtinError(ctx, decoded.message);
  },
  'hex.encode': (ctx, text) =>
    typeof text === 'string' ? Buffer.from(text).toString('hex') : typeError(ctx, 1, text, 'string'),
  'hex.decode': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const wrong = /[^0-9a-fA-F]/u.exec(text.length % 2 === 0 ? text : text.slice(0, -1));
    if (wrong !== null) return builtinError(ctx, `encoding/hex: invalid byte: ${describeByte(wrong[0])}`);
    if (text.length % 2 === 1) {
      const last = text.slice(-1);
      if (!/[0-9a-fA-F]/.test(last)) return builtinError(ctx, `encoding/hex: invalid byte: ${describeByte(last)}`);
      return builtinError(ctx, 'encoding/hex: odd length hex string');
    }
    return decodeUtf8(Buffer.from(text, 'hex'));
  },
  'urlquery.encode': (ctx, text) => (typeof text === 'string' ? escapeQuery(text) : typeError(ctx, 1, text, 'string')),
  'urlquery.decode': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const decoded = unescapeQuery(text);
    return typeof decoded === 'string' ? decoded : builtinError(ctx, decoded.message);
  },
  'urlquery.encode_object': (ctx, value) => {
    const object = objectOperand(ctx, value, 1);
    if (object === undefined) return undefined;
    const pairs: string[] = [];
    const byKey = new Map(entriesOf(object).map(([key, member]) => [jsonKey(key), member]));
    for (const key of sortStrings([...byKey.keys()])) {
      const member = byKey.get(key);
      const texts = typeof member === 'string' ? [member] : elementsOf(member);
      if (texts === undefined) return badQueryValue(ctx);
      for (const text of texts) {
        if (typeof text !== 'string') return badQueryValue(ctx);
        pairs.push(`${escapeQuery(key)}=${escapeQuery(text)}`);
      }
    }
    return pairs.join('&');
  },
  'urlquery.decode_object': (ctx, text) =>
    typeof text === 'string' ? parseQuery(ctx, text) : typeError(ctx, 1, text, 'string'),
  'json.marshal': (_ctx, value) => stringify(value, { escapeHtml: true }),
  'json.marshal_with_options': (ctx, value, options) => {
    const layout = readLayout(ctx, options);
    if (layout === undefined) return undefined;
    if (!layout.pretty) return stringify(value, { escapeHtml: true });
    return layout.prefix + stringify(value, { escapeHtml: true, indentation: layout });
  },
  'json.unmarshal': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const parsed = parseJson(text);
    return parsed.ok ? parsed.value : builtinError(ctx, unmarshalMessage(text, parsed.problem));
  },
  'json.is_valid': (_ctx, text) => typeof text === 'string' && isValidJson(text),
};

/** OPA reads JSON from a stream, which words the end of the text and what follows the value in its own way. */
function unmarshalMessage(text: string, { message, offset }: JsonProblem): string {
  if (message === 'unexpected end of JSON input') return text.trim() === '' ? 'EOF' : 'unexpected EOF';
  if (!message.endsWith(' after top-level value')) return message;
  const token = /^(?:[[{]|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|"[^"\\]*")/.exec(text.slice(offset))?.[0];
  if (token === undefined) return message.replace('after top-level value', 'looking for beginning of value');
  return `error: invalid character '${token.replaceAll('"', '')}' after top-level value`;
}

/** base64url with the padding that may have been left out; undefined for an impossible length. */
export function padBase64(text: string): string | undefined {
  if (text.endsWith('=')) return text;
  switch (utf8Length(text) % 4) {
    case 0:
      return text;
    case 2:
      return `${text}==`;
    case 3:
      return `${text}=`;
    default:
      return undefined;
  }
}

function describeByte(char: string): string {
  // Go names the first byte of the character.
  const byte = encodeUtf8(char)[0] ?? 0;
  const shown = byte < 0x80 ? char : String.fromCharCode(byte);
  const code = `U+${byte.toString(16).toUpperCase().padStart(4, '0')}`;
  return byte < 0x20 || byte === 0x7f ? code : `${code} '${shown}'`;
}

function escapeQuery(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

function unescapeQuery(text: string): string | { readonly message: string } {
  const wrong = /%(?![0-9a-fA-F]{2})/.exec(text);
  if (wrong !== null) {
    return { message: `invalid URL escape ${quoteText(text.slice(wrong.index, wrong.index + 3))}` };
  }
  if (!text.includes('%')) return text.replaceAll('+', ' ');
  const bytes: Uint8Array[] = [];
  for (const part of text.replaceAll('+', ' ').match(/(?:%[0-9a-fA-F]{2})+|[^%]+/g) ?? []) {
    bytes.push(part.startsWith('%') ? Buffer.from(part.replaceAll('%', ''), 'hex') : encodeUtf8(part));
  }
  return decodeUtf8(Buffer.concat(bytes));
}

function parseQuery(ctx: BuiltinContext, text: string): Value | undefined {
  const result: Record<string, Value> = {};
  const found = new Map<string, string[]>();
  let problem: string | undefined;
  for (const pair of text.split('&')) {
    if (pair.includes(';')) {
      problem = 'invalid semicolon separator in query';
      continue;
    }
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const key = unescapeQuery(equals < 0 ? pair : pair.slice(0, equals));
    const value = unescapeQuery(equals < 0 ? '' : pair.slice(equals + 1));
    if (typeof key !== 'string') problem ??= key.message;
    else if (typeof value !== 'string') problem ??= value.message;
    else {
      const values = found.get(key);
      if (values === undefined) found.set(key, [value]);
      else values.push(value);
    }
  }
  if (problem !== undefined) return builtinError(ctx, problem);
  for (const [key, values] of found) setMember(result, key, values);
  return result;
}

function badQueryValue(ctx: BuiltinContext): undefined {
  return operandError(ctx, 1, 'values must be string, array[string], or set[string]');
}

interface Layout {
  readonly pretty: boolean;
  readonly prefix: string;
  readonly indent: string;
}

function readLayout(ctx: BuiltinContext, options: Value): Layout | undefined {
  if (!isObject(options)) return typeError(ctx, 2, options, 'object');
  let prefix = '';
  let indent = '\t';
  let pretty: boolean | undefined;
  let implied = false;
  for (const [index, [key, value]] of entriesOf(options).entries()) {
    const problem = (got: Value): string => `operand ${String(index)} must be string but got ${typeOf(got)}`;
    if (typeof key !== 'string') {
      const where = `failed to stringify key ${regoText(key)} at index ${String(index)}`;
      return operandError(ctx, 2, `${where}: ${problem(key)}`);
    }
    if (key === 'pretty') {
      if (typeof value !== 'boolean') return operandError(ctx, 2, 'key "pretty" failed cast to bool');
      pretty = value;
    } else if (key === 'prefix' || key === 'indent') {
      if (typeof value !== 'string') {
        return operandError(ctx, 2, `key "${key}" failed cast to string: ${problem(value)}`);
      }
      implied = true;
      if (key === 'prefix') prefix = value;
      else indent = value;
    } else return operandError(ctx, 2, `object contained unknown key ${quoteText(key)}`);
  }
  return { pretty: pretty ?? implied, prefix, indent };
}
