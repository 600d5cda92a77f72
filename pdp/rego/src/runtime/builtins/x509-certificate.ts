import { numberFromBigInt } from '../number.ts';
import type { Value } from '../value.ts';
import { DerProblem, DerReader, TAG } from './der.ts';
import {
  counterValue,
  extensionValue,
  noFacts,
  parseExtensions,
  readExtensions,
  type AddressRange,
  type Extension,
  type ExtensionFacts,
  type NameConstraints,
} from './x509-extensions.ts';
import { parsePublicKey, parseSignatureAlgorithm, type CertificateKey, type SignatureAlgorithm } from './x509-keys.ts';
import {
  addressValue,
  identifierValue,
  nameValue,
  orNull,
  parseName,
  uriValue,
  type NameAttribute,
} from './x509-names.ts';

/** A certificate, taken apart. */
export interface Certificate {
  readonly raw: Buffer;
  /** What is signed. */
  readonly signed: Buffer;
  readonly signature: Buffer;
  readonly signatureAlgorithm: SignatureAlgorithm;
  /** 1 to 3. */
  readonly version: number;
  readonly serialNumber: bigint;
  readonly rawIssuer: Buffer;
  readonly issuer: readonly NameAttribute[];
  readonly rawSubject: Buffer;
  readonly subject: readonly NameAttribute[];
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly key: CertificateKey;
  readonly extensions: readonly Extension[];
  readonly facts: ExtensionFacts;
}

/** All certificates of their concatenated DER; throws DerProblem. */
export function parseCertificates(bytes: Buffer): readonly Certificate[] {
  const certificates: Certificate[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const certificate = parseCertificate(rest);
    certificates.push(certificate);
    rest = rest.subarray(certificate.raw.length);
  }
  return certificates;
}

/** The certificate that DER bytes start with; throws DerProblem. */
export function parseCertificate(bytes: Buffer): Certificate {
  const { raw, content } = new DerReader(bytes).element(TAG.sequence, 'x509: malformed certificate');
  const outer = new DerReader(content);
  const signed = outer.element(TAG.sequence, 'x509: malformed tbs certificate');
  const body = new DerReader(signed.content);
  const version = parseVersion(body);
  const serialNumber = body.integer('x509: malformed serial number');
  if (serialNumber < 0n) throw new DerProblem('x509: negative serial number');
  const inner = body.element(TAG.sequence, 'x509: malformed signature algorithm identifier');
  const algorithm = outer.element(TAG.sequence, 'x509: malformed algorithm identifier');
  if (!algorithm.content.equals(inner.content)) {
    throw new DerProblem("x509: inner and outer signature algorithm identifiers don't match");
  }
  const signatureAlgorithm = parseSignatureAlgorithm(inner.content);
  const rawIssuer = body.element(TAG.sequence, 'x509: malformed issuer').raw;
  const issuer = parseName(rawIssuer);
  const validity = body.enter(TAG.sequence, 'x509: malformed validity');
  const notBefore = parseTime(validity);
  const notAfter = parseTime(validity);
  const rawSubject = body.element(TAG.sequence, 'x509: malformed issuer').raw;
  const subject = parseName(rawSubject);
  const key = parsePublicKey(body.element(TAG.sequence, 'x509: malformed spki').raw);
  const extensions = version > 1 ? parseExtensionField(body, version) : [];
  const { bytes: signature, unused } = outer.bitString('x509: malformed signature');
  if (unused !== 0) throw new DerProblem('x509: malformed signature');
  return {
    raw,
    signed: signed.raw,
    signature,
    signatureAlgorithm,
    version,
    serialNumber,
    rawIssuer,
    issuer,
    rawSubject,
    subject,
    notBefore,
    notAfter,
    key,
    extensions,
    facts: extensions.length === 0 ? noFacts() : readExtensions(extensions),
  };
}

function parseVersion(body: DerReader): number {
  const field = body.optional(0xa0, 'x509: malformed version');
  if (field === undefined) return 1;
  const version = new DerReader(field.content).integer('x509: malformed version') + 1n;
  if (version < 1n) throw new DerProblem('x509: malformed version');
  if (version > 3n) throw new DerProblem('x509: invalid version');
  return Number(version);
}

function parseExtensionField(body: DerReader, version: number): readonly Extension[] {
  body.optional(0x81, 'x509: malformed issuerUniqueID');
  body.optional(0x82, 'x509: malformed subjectUniqueID');
  const field = version === 3 ? body.optional(0xa3, 'x509: malformed extensions') : undefined;
  if (field === undefined) return [];
  const list = new DerReader(field.content).enter(TAG.sequence, 'x509: malformed extensions');
  return parseExtensions(list, (id) => `x509: certificate contains duplicate extension with OID "${id}"`);
}

function parseTime(reader: DerReader): number {
  const isShort = reader.peek(TAG.utcTime);
  const kind = isShort ? 'UTCTime' : 'GeneralizedTime';
  if (!isShort && !reader.peek(TAG.generalizedTime)) throw new DerProblem('x509: unsupported time format');
  const text = reader.any(`x509: malformed ${kind}`).content.toString('latin1');
  const match = (isShort ? /^(\d\d)(\d{4})(\d{4})(\d\d)?Z$/ : /^(\d{4})(\d{4})(\d{4})(\d\d)Z$/).exec(text);
  const [, years = '', date = '', clock = '', seconds = '00'] = match ?? [];
  const century = isShort ? (Number(years) >= 50 ? '19' : '20') : '';
  const two = (digits: string): string => `${digits.slice(0, 2)}:${digits.slice(2)}`;
  const iso = `${century}${years}-${date.slice(0, 2)}-${date.slice(2)}T${two(clock)}:${seconds}.000Z`;
  const time = Date.parse(iso);
  if (match === null || Number.isNaN(time) || new Date(time).toISOString() !== iso) {
    throw new DerProblem(`x509: malformed ${kind}`);
  }
  return time;
}

/** A certificate as Go's JSON of it. */
export function certificateValue(certificate: Certificate): Record<string, Value> {
  const { facts } = certificate;
  const explicit = counterValue(facts.requireExplicitPolicy);
  const mapping = counterValue(facts.inhibitPolicyMapping);
  const any = counterValue(facts.inhibitAnyPolicy);
  return {
    Raw: certificate.raw.toString('base64'),
    RawTBSCertificate: certificate.signed.toString('base64'),
    RawSubjectPublicKeyInfo: certificate.key.raw.toString('base64'),
    RawSubject: certificate.rawSubject.toString('base64'),
    RawIssuer: certificate.rawIssuer.toString('base64'),
    Signature: certificate.signature.toString('base64'),
    SignatureAlgorithm: certificate.signatureAlgorithm.id,
    PublicKeyAlgorithm: certificate.key.algorithm,
    PublicKey: certificate.key.value,
    Version: certificate.version,
    SerialNumber: numberFromBigInt(certificate.serialNumber),
    Issuer: nameValue(certificate.issuer),
    Subject: nameValue(certificate.subject),
    NotBefore: timeValue(certificate.notBefore),
    NotAfter: timeValue(certificate.notAfter),
    KeyUsage: facts.keyUsage,
    Extensions: orNull(certificate.extensions.map((extension) => extensionValue(extension, identifierValue))),
    ExtraExtensions: null,
    UnhandledCriticalExtensions: orNull(facts.unhandled.map(identifierValue)),
    ExtKeyUsage: orNull(facts.usages),
    UnknownExtKeyUsage: orNull(facts.unknownUsages.map(identifierValue)),
    BasicConstraintsValid: facts.basicConstraintsValid,
    IsCA: facts.isAuthority,
    MaxPathLen: facts.maxPathLength,
    MaxPathLenZero: facts.basicConstraintsValid && facts.maxPathLength === 0,
    SubjectKeyId: bytesValue(facts.subjectKeyId),
    AuthorityKeyId: bytesValue(facts.authorityKeyId),
    OCSPServer: orNull(facts.statusServers),
    IssuingCertificateURL: orNull(facts.issuerUrls),
    ...namesValue(facts),
    PermittedDNSDomainsCritical: facts.constraintsCritical,
    ...constraintsValue('Permitted', facts.permitted),
    ...constraintsValue('Excluded', facts.excluded),
    CRLDistributionPoints: orNull(facts.revocationLists),
    PolicyIdentifiers: facts.policies?.map(identifierValue) ?? null,
    Policies: orNull(facts.policies ?? []),
    InhibitAnyPolicy: any.count,
    InhibitAnyPolicyZero: any.isZero,
    InhibitPolicyMapping: mapping.count,
    InhibitPolicyMappingZero: mapping.isZero,
    RequireExplicitPolicy: explicit.count,
    RequireExplicitPolicyZero: explicit.isZero,
    PolicyMappings: orNull(
      facts.policyMappings.map(({ issuer, subject }) => ({ IssuerDomainPolicy: issuer, SubjectDomainPolicy: subject })),
    ),
  };
}

/** The texts of the URIs among a certificate's names, or null. */
export function uriStrings(certificate: Certificate): Value {
  return orNull(certificate.facts.names.uris.map(({ text }) => text));
}

/** The alternative names as members of Go's JSON. */
export function namesValue({ names }: Pick<ExtensionFacts, 'names'>): Record<string, Value> {
  return {
    DNSNames: orNull(names.dns),
    EmailAddresses: orNull(names.emails),
    IPAddresses: orNull(names.addresses.map(addressValue)),
    URIs: orNull(names.uris.map(uriValue)),
  };
}

function constraintsValue(prefix: string, constraints: NameConstraints): Record<string, Value> {
  return {
    [`${prefix}DNSDomains`]: orNull(constraints.dns),
    [`${prefix}IPRanges`]: orNull(constraints.addresses.map(rangeValue)),
    [`${prefix}EmailAddresses`]: orNull(constraints.emails),
    [`${prefix}URIDomains`]: orNull(constraints.uris),
  };
}

function rangeValue({ address, mask }: AddressRange): Value {
  return { IP: addressValue(address), Mask: mask.toString('base64') };
}

function bytesValue(bytes: Buffer | undefined): Value {
  return bytes === undefined ? null : bytes.toString('base64');
}

function timeValue(time: number): string {
  return new Date(time).toISOString().replace('.000Z', 'Z');
}
