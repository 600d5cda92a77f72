import { numberFromBigInt, numberFromText } from '../number.ts';
import type { Value } from '../value.ts';
import {
  bytesToBigInt,
  DerProblem,
  DerReader,
  readInteger,
  readObjectIdentifier,
  TAG,
  type DerElement,
} from './der.ts';
import { addressText } from './ip-address.ts';
import { quoteText } from './text.ts';
import { parseUri, type Uri } from './uri-parse.ts';
import { decodeUtf8 } from './utf8.ts';

/** One attribute of a name. */
export interface NameAttribute {
  /** Object identifier. */
  readonly type: string;
  readonly value: string;
}

/** A URI of a certificate: as written, and its parts. */
export interface CertificateUri {
  readonly text: string;
  readonly parts: Uri;
}

/** The names of a SubjectAltName extension that are understood. */
export interface AlternativeNames {
  readonly dns: string[];
  readonly emails: string[];
  /** 4 or 16 bytes each. */
  readonly addresses: Buffer[];
  readonly uris: CertificateUri[];
}

/** Tags of the kinds of general names, with the class bit. */
export const NAME_TAG = { email: 0x81, dns: 0x82, uri: 0x86, address: 0x87 } as const;

/** The attributes of a distinguished name, in the order they are in. */
export function parseName(raw: Buffer): readonly NameAttribute[] {
  const what = 'x509: invalid RDNSequence';
  const attributes: NameAttribute[] = [];
  const sequence = new DerReader(raw).enter(TAG.sequence, what);
  while (!sequence.isEmpty) {
    const set = sequence.enter(TAG.set, what);
    while (!set.isEmpty) {
      const attribute = set.enter(TAG.sequence, `${what}: invalid attribute`);
      const type = attribute.objectIdentifier(`${what}: invalid attribute type`);
      const element = attribute.any(`${what}: invalid attribute value`);
      attributes.push({ type, value: readText(element, `${what}: invalid attribute value: `) });
    }
  }
  return attributes;
}

function readText({ tag, content }: DerElement, where: string): string {
  switch (tag) {
    case TAG.t61String:
      // Read as Latin-1, as nearly everybody does.
      return content.toString('latin1');
    case TAG.printableString: {
      const text = content.toString('latin1');
      // Go also lets * and & pass.
      if (!/^[A-Za-z0-9 '()+,\-./:=?*&]*$/.test(text)) throw new DerProblem(`${where}invalid PrintableString`);
      return text;
    }
    case TAG.utf8String: {
      const text = decodeUtf8(content);
      if (!Buffer.from(text).equals(content)) throw new DerProblem(`${where}invalid UTF-8 string`);
      return text;
    }
    case TAG.bmpString:
      return readBmpString(content, `${where}invalid BMPString`);
    case TAG.ia5String:
      return readAscii(content, `${where}invalid IA5String`);
    case TAG.numericString: {
      const text = content.toString('latin1');
      if (!/^[0-9 ]*$/.test(text)) throw new DerProblem(`${where}invalid NumericString`);
      return text;
    }
    default:
      throw new DerProblem(`${where}unsupported string type: ${String(tag)}`);
  }
}

function readBmpString(content: Buffer, what: string): string {
  if (content.length % 2 !== 0) throw new DerProblem(what);
  let text = '';
  for (let at = 0; at < content.length; at += 2) {
    const code = content.readUInt16BE(at);
    const isTerminator = code === 0 && at === content.length - 2;
    if (isTerminator) break;
    if (code >= 0xfffe || (code >= 0xfdd0 && code <= 0xfdef) || (code >= 0xd800 && code <= 0xdfff)) {
      throw new DerProblem(what);
    }
    text += String.fromCharCode(code);
  }
  return text;
}

/** Bytes that must be ASCII. */
export function readAscii(content: Buffer, what: string): string {
  if (content.some((byte) => byte > 0x7f)) throw new DerProblem(what);
  return content.toString('latin1');
}

/** The names of a SubjectAltName extension. */
export function parseAlternativeNames(value: Buffer): AlternativeNames {
  const names: AlternativeNames = { dns: [], emails: [], addresses: [], uris: [] };
  const sequence = new DerReader(value).enter(TAG.sequence, 'x509: invalid subject alternative names');
  while (!sequence.isEmpty) {
    const { tag, content } = sequence.any('x509: invalid subject alternative name');
    switch (tag) {
      case NAME_TAG.email:
        names.emails.push(readAscii(content, 'x509: SAN rfc822Name is malformed'));
        break;
      case NAME_TAG.dns:
        names.dns.push(readAscii(content, 'x509: SAN dNSName is malformed'));
        break;
      case NAME_TAG.uri:
        names.uris.push(parseNameUri(readAscii(content, 'x509: SAN uniformResourceIdentifier is malformed')));
        break;
      case NAME_TAG.address:
        if (content.length !== 4 && content.length !== 16) {
          throw new DerProblem(`x509: cannot parse IP address of length ${String(content.length)}`);
        }
        names.addresses.push(content);
        break;
      default:
    }
  }
  return names;
}

function parseNameUri(text: string): CertificateUri {
  const parts = parseUri(text);
  if (typeof parts === 'string') {
    const main = text.split('#', 1)[0] ?? '';
    throw new DerProblem(`x509: cannot parse URI ${quoteText(text)}: parse ${quoteText(main)}: ${parts}`);
  }
  if (!isDomainName(parts.host)) throw new DerProblem(`x509: cannot parse URI ${quoteText(text)}: invalid domain`);
  return { text, parts };
}

/** Tells whether a text may be a domain name; a leading dot is for constraints only. */
export function isDomainName(text: string, isConstraint = false): boolean {
  if (text === '') return true;
  const name = isConstraint && text.startsWith('.') ? text.slice(1) : text;
  return /^[!-~]*$/.test(name) && name.split('.').every((label) => label !== '');
}

/** A distinguished name as Go's JSON of it. */
export function nameValue(attributes: readonly NameAttribute[]): Value {
  const list = (type: string): Value => {
    const values = attributes.filter((attribute) => attribute.type === type).map(({ value }) => value);
    return values.length === 0 ? null : values;
  };
  const last = (type: string): string => attributes.findLast((attribute) => attribute.type === type)?.value ?? '';
  return {
    Country: list('2.5.4.6'),
    Organization: list('2.5.4.10'),
    OrganizationalUnit: list('2.5.4.11'),
    Locality: list('2.5.4.7'),
    Province: list('2.5.4.8'),
    StreetAddress: list('2.5.4.9'),
    PostalCode: list('2.5.4.17'),
    SerialNumber: last('2.5.4.5'),
    CommonName: last('2.5.4.3'),
    Names: orNull(attributes.map(({ type, value }) => ({ Type: identifierValue(type), Value: value }))),
    ExtraNames: null,
  };
}

/** A URI as Go's JSON of it. */
export function uriValue({ text, parts }: CertificateUri): Value {
  const main = text.split('#', 1)[0] ?? '';
  const afterScheme = parts.scheme === '' ? main : main.slice(parts.scheme.length + 1);
  return {
    Scheme: parts.scheme,
    Opaque: parts.opaque,
    User: parts.hasUser ? {} : null,
    Host: parts.host,
    Path: parts.path,
    Fragment: parts.fragment,
    RawQuery: parts.query,
    RawPath: parts.rawPath === parts.path ? '' : parts.rawPath,
    RawFragment: '',
    ForceQuery: parts.query === '' && main.endsWith('?'),
    OmitHost: parts.scheme !== '' && afterScheme.startsWith('/') && !afterScheme.startsWith('//'),
  };
}

/** The text of an IP address of 4 or 16 bytes. */
export function addressValue(bytes: Buffer): string {
  return addressText({ value: bytesToBigInt(bytes), bits: bytes.length === 4 ? 32 : 128 });
}

/** An object identifier as a list of numbers. */
export function identifierValue(identifier: string): Value {
  return identifier.split('.').map((arc) => numberFromText(arc));
}

/** A list, or null if it is empty, as Go writes slices that were never made. */
export function orNull(list: readonly Value[]): Value {
  return list.length === 0 ? null : list;
}

/** What Go makes of an element of any type. */
export function anyValue({ tag, content }: DerElement): Value {
  const what = 'asn1: structure error';
  switch (tag) {
    case TAG.octetString:
      return content.toString('base64');
    case TAG.integer:
      return numberFromBigInt(readInteger(content, what));
    case TAG.objectIdentifier:
      return identifierValue(readObjectIdentifier(content, what));
    case TAG.printableString:
    case TAG.utf8String:
    case TAG.ia5String:
    case TAG.numericString:
    case TAG.t61String:
    case TAG.bmpString:
      return readText({ tag, content, raw: content }, '');
    case TAG.boolean:
      return content[0] !== 0;
    default:
      return null;
  }
}
