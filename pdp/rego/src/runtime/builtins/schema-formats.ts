import type { Value } from '../value.ts';
import { parseAddress } from './ip-address.ts';
import { compileRegex } from './regex.ts';
import { parseTime } from './time-parse.ts';
import { parseUri } from './uri-parse.ts';

const isTime = (text: string, ...layouts: readonly string[]): boolean =>
  layouts.some((layout) => parseTime(layout, text).ok);

const HOSTNAME =
  /^([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9])(\.([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9]))*$/;

const isEmail = (text: string): boolean => /^(?:[^<>]*<[^\s@<>]+@[^\s@<>]+>|[^\s@<>]+@[^\s@<>]+)$/.test(text);

const isReference = (text: string): boolean => typeof parseUri(text) !== 'string' && !text.includes('\\');

const isUri = (text: string): boolean => {
  const uri = parseUri(text);
  return typeof uri !== 'string' && uri.scheme !== '' && !text.includes('\\');
};

/** Checks of the named formats, for strings. */
const FORMATS: ReadonlyMap<string, (text: string) => boolean> = new Map<string, (text: string) => boolean>([
  ['date', (text) => isTime(text, '2006-01-02')],
  ['time', (text) => isTime(text, '15:04:05Z07:00', '15:04:05.999999999Z07:00', '15:04:05')],
  ['date-time', (text) => isTime(text, '2006-01-02T15:04:05Z07:00', '2006-01-02T15:04:05.999999999Z07:00')],
  ['hostname', (text) => text.length < 256 && HOSTNAME.test(text)],
  ['email', isEmail],
  ['idn-email', isEmail],
  ['ipv4', (text) => parseAddress(text)?.bits === 32],
  ['ipv6', (text) => parseAddress(text)?.bits === 128],
  ['uri', isUri],
  ['uri-reference', isReference],
  ['iri', isUri],
  ['iri-reference', isReference],
  ['uri-template', (text) => isReference(text) && /^([^{]*(\{[^}]*\})?)*$/.test(text)],
  ['uuid', (text) => /^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$/i.test(text)],
  ['regex', (text) => text === '' || compileRegex(text).ok],
  ['json-pointer', (text) => /^(?:\/(?:[^~/]|~[01])*)*$/.test(text)],
  ['relative-json-pointer', (text) => /^(?:0|[1-9][0-9]*)(?:#|(?:\/(?:[^~/]|~[01])*)*)$/.test(text)],
]);

/** Tells whether a value has a format; formats that are not known, and other values than strings, always pass. */
export function hasFormat(format: string, value: Value): boolean {
  return typeof value !== 'string' || (FORMATS.get(format)?.(value) ?? true);
}
