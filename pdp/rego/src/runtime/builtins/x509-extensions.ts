import { numberFromBigInt } from '../number.ts';
import type { Value } from '../value.ts';
import { DerProblem, DerReader, readObjectIdentifier, TAG } from './der.ts';
import { parseAddress } from './ip-address.ts';
import { quoteText } from './text.ts';
import { isDomainName, NAME_TAG, parseAlternativeNames, readAscii, type AlternativeNames } from './x509-names.ts';
import { parseMailbox } from './x509-mailbox.ts';
import { decodeUtf8 } from './utf8.ts';

/** One extension as it stands in the certificate. */
export interface Extension {
  readonly id: string;
  readonly isCritical: boolean;
  readonly value: Buffer;
}

/** Addresses of a constraint: 4 or 16 bytes each. */
export interface AddressRange {
  readonly address: Buffer;
  readonly mask: Buffer;
}

/** Names that a certificate authority may (or may not) vouch for. */
export interface NameConstraints {
  readonly dns: string[];
  readonly emails: string[];
  readonly uris: string[];
  readonly addresses: AddressRange[];
}

/** What the extensions of a certificate say; as far as one is absent, as Go leaves it. */
export interface ExtensionFacts {
  keyUsage: number;
  basicConstraintsValid: boolean;
  isAuthority: boolean;
  /** -1 if there is none. */
  maxPathLength: number;
  names: AlternativeNames;
  hasNames: boolean;
  permitted: NameConstraints;
  excluded: NameConstraints;
  constraintsCritical: boolean;
  hasConstraints: boolean;
  revocationLists: string[];
  authorityKeyId: Buffer | undefined;
  subjectKeyId: Buffer | undefined;
  requireExplicitPolicy: bigint | undefined;
  inhibitPolicyMapping: bigint | undefined;
  inhibitAnyPolicy: bigint | undefined;
  /** Go's numbers of the extended key usages that it knows. */
  usages: number[];
  unknownUsages: string[];
  policies: string[] | undefined;
  policyMappings: { readonly issuer: string; readonly subject: string }[];
  statusServers: string[];
  issuerUrls: string[];
  /** Critical extensions that are not understood. */
  unhandled: string[];
}

/** Object identifier of the SubjectAltName extension. */
export const SUBJECT_ALT_NAME = '2.5.29.17';

/** Extended key usages in the order of Go's numbers. */
export const EXTENDED_USAGES: readonly string[] = [
  '2.5.29.37.0',
  '1.3.6.1.5.5.7.3.1',
  '1.3.6.1.5.5.7.3.2',
  '1.3.6.1.5.5.7.3.3',
  '1.3.6.1.5.5.7.3.4',
  '1.3.6.1.5.5.7.3.5',
  '1.3.6.1.5.5.7.3.6',
  '1.3.6.1.5.5.7.3.7',
  '1.3.6.1.5.5.7.3.8',
  '1.3.6.1.5.5.7.3.9',
  '1.3.6.1.4.1.311.10.3.3',
  '2.16.840.1.113730.4.1',
  '1.3.6.1.4.1.311.2.1.22',
  '1.3.6.1.4.1.311.61.1.1',
];

/** Reads a sequence of extensions; the same one must not come twice. */
export function parseExtensions(list: DerReader, duplicate: (id: string) => string): readonly Extension[] {
  const extensions: Extension[] = [];
  const seen = new Set<string>();
  while (!list.isEmpty) {
    const extension = list.enter(TAG.sequence, 'x509: malformed extension');
    const id = extension.objectIdentifier('x509: malformed extension OID field');
    const isCritical = extension.peek(TAG.boolean) && extension.boolean('x509: malformed extension critical field');
    const { content } = extension.element(TAG.octetString, 'x509: malformed extension value field');
    if (seen.has(id)) throw new DerProblem(duplicate(id));
    seen.add(id);
    extensions.push({ id, isCritical, value: content });
  }
  return extensions;
}

/** An extension as Go's JSON of it. */
export function extensionValue({ id, isCritical, value }: Extension, identifier: (id: string) => Value): Value {
  return { Id: identifier(id), Critical: isCritical, Value: value.toString('base64') };
}

/** Facts of a certificate without extensions. */
export function noFacts(): ExtensionFacts {
  const constraints = (): NameConstraints => ({ dns: [], emails: [], uris: [], addresses: [] });
  return {
    keyUsage: 0,
    basicConstraintsValid: false,
    isAuthority: false,
    maxPathLength: 0,
    names: { dns: [], emails: [], addresses: [], uris: [] },
    hasNames: false,
    permitted: constraints(),
    excluded: constraints(),
    constraintsCritical: false,
    hasConstraints: false,
    revocationLists: [],
    authorityKeyId: undefined,
    subjectKeyId: undefined,
    requireExplicitPolicy: undefined,
    inhibitPolicyMapping: undefined,
    inhibitAnyPolicy: undefined,
    usages: [],
    unknownUsages: [],
    policies: undefined,
    policyMappings: [],
    statusServers: [],
    issuerUrls: [],
    unhandled: [],
  };
}

/** Reads what the extensions of a certificate say. */
export function readExtensions(extensions: readonly Extension[]): ExtensionFacts {
  const facts = noFacts();
  for (const extension of extensions) {
    const read = Object.hasOwn(READERS, extension.id) ? READERS[extension.id] : undefined;
    const isHandled = read !== undefined && read(facts, extension) !== 'unhandled';
    if (extension.isCritical && !isHandled) facts.unhandled.push(extension.id);
  }
  return facts;
}

type ExtensionReader = (facts: ExtensionFacts, extension: Extension) => 'unhandled' | undefined;

const READERS: Readonly<Record<string, ExtensionReader>> = {
  '2.5.29.14': readSubjectKeyId,
  '2.5.29.15': readKeyUsage,
  [SUBJECT_ALT_NAME]: readNames,
  '2.5.29.19': readBasicConstraints,
  '2.5.29.30': readNameConstraints,
  '2.5.29.31': readRevocationLists,
  '2.5.29.32': readPolicies,
  '2.5.29.33': readPolicyMappings,
  '2.5.29.35': readAuthorityKeyId,
  '2.5.29.36': readPolicyConstraints,
  '2.5.29.37': readExtendedUsages,
  '2.5.29.54': readInhibitAnyPolicy,
  '1.3.6.1.5.5.7.1.1': readAuthorityInfo,
};

function readKeyUsage(facts: ExtensionFacts, { value }: Extension): undefined {
  const { bytes } = new DerReader(value).bitString('x509: invalid key usage');
  for (let bit = 0; bit < 9; bit++) {
    const byte = bytes[bit >> 3] ?? 0;
    if ((byte & (0x80 >> (bit & 7))) !== 0) facts.keyUsage |= 1 << bit;
  }
}

function readBasicConstraints(facts: ExtensionFacts, { value }: Extension): undefined {
  const what = 'x509: invalid basic constraints';
  const sequence = new DerReader(value).enter(TAG.sequence, what);
  facts.basicConstraintsValid = true;
  facts.isAuthority = sequence.peek(TAG.boolean) && sequence.boolean(what);
  const length = sequence.peek(TAG.integer) ? sequence.integer(what) : -1n;
  if (length > BigInt(Number.MAX_SAFE_INTEGER) || length < -1n) throw new DerProblem(what);
  facts.maxPathLength = Number(length);
}

function readNames(facts: ExtensionFacts, { value }: Extension): 'unhandled' | undefined {
  facts.names = parseAlternativeNames(value);
  facts.hasNames = true;
  const { dns, emails, addresses, uris } = facts.names;
  return dns.length + emails.length + addresses.length + uris.length === 0 ? 'unhandled' : undefined;
}

function readNameConstraints(facts: ExtensionFacts, { value, isCritical }: Extension): 'unhandled' | undefined {
  const what = 'x509: invalid NameConstraints extension';
  const outer = new DerReader(value);
  const sequence = outer.enter(TAG.sequence, what);
  const permitted = sequence.optional(0xa0, what);
  const excluded = sequence.optional(0xa1, what);
  if (!outer.isEmpty || !sequence.isEmpty) throw new DerProblem(what);
  if ((permitted?.content.length ?? 0) + (excluded?.content.length ?? 0) === 0) {
    throw new DerProblem('x509: empty name constraints extension');
  }
  const areUnderstood = [
    permitted === undefined || readSubtrees(permitted.content, facts.permitted),
    excluded === undefined || readSubtrees(excluded.content, facts.excluded),
  ];
  facts.hasConstraints = true;
  facts.constraintsCritical = isCritical;
  return areUnderstood.includes(false) ? 'unhandled' : undefined;
}

/** Adds the constraints of one list; tells whether all are understood. */
function readSubtrees(content: Buffer, into: NameConstraints): boolean {
  const what = 'x509: invalid NameConstraints extension';
  const list = new DerReader(content);
  let areUnderstood = true;
  while (!list.isEmpty) {
    const { tag, content: value } = list.enter(TAG.sequence, what).any(what);
    const text = (): string => readAscii(value, 'x509: invalid constraint value: x509: invalid IA5String');
    switch (tag) {
      case NAME_TAG.dns:
        into.dns.push(checkDomain(text(), 'dnsName'));
        break;
      case NAME_TAG.address:
        into.addresses.push(readRange(value));
        break;
      case NAME_TAG.email: {
        const email = text();
        const isRight = email.includes('@') ? parseMailbox(email) !== undefined : isDomainName(email, true);
        if (!isRight) throw new DerProblem(`x509: failed to parse rfc822Name constraint ${quoteText(email)}`);
        into.emails.push(email);
        break;
      }
      case NAME_TAG.uri: {
        const domain = text();
        if (parseAddress(domain) !== undefined) {
          throw new DerProblem(`x509: failed to parse URI constraint ${quoteText(domain)}: cannot be IP address`);
        }
        into.uris.push(checkDomain(domain, 'URI'));
        break;
      }
      default:
        areUnderstood = false;
    }
  }
  return areUnderstood;
}

function checkDomain(domain: string, kind: string): string {
  if (isDomainName(domain, true)) return domain;
  throw new DerProblem(`x509: failed to parse ${kind} constraint ${quoteText(domain)}`);
}

function readRange(value: Buffer): AddressRange {
  const { length } = value;
  if (length !== 8 && length !== 32) {
    throw new DerProblem(`x509: IP constraint contained value of length ${String(length)}`);
  }
  const mask = value.subarray(length / 2);
  const bits = [...mask].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  if (!/^1*0*$/.test(bits)) throw new DerProblem(`x509: IP constraint contained invalid mask ${mask.toString('hex')}`);
  return { address: value.subarray(0, length / 2), mask };
}

function readRevocationLists(facts: ExtensionFacts, { value }: Extension): undefined {
  const what = 'x509: invalid CRL distribution point';
  const points = new DerReader(value).enter(TAG.sequence, `${what}s`);
  while (!points.isEmpty) {
    const name = points.enter(TAG.sequence, what).optional(0xa0, what);
    if (name === undefined) continue;
    const names = new DerReader(name.content).enter(0xa0, what);
    for (let uri = names.optional(NAME_TAG.uri, what); uri !== undefined; uri = names.optional(NAME_TAG.uri, what)) {
      facts.revocationLists.push(decodeUtf8(uri.content));
    }
  }
}

function readAuthorityKeyId(facts: ExtensionFacts, { value, isCritical }: Extension): undefined {
  if (isCritical) throw new DerProblem('x509: authority key identifier incorrectly marked critical');
  const what = 'x509: invalid authority key identifier';
  facts.authorityKeyId = new DerReader(value).enter(TAG.sequence, what).optional(0x80, what)?.content;
}

function readSubjectKeyId(facts: ExtensionFacts, { value, isCritical }: Extension): undefined {
  if (isCritical) throw new DerProblem('x509: subject key identifier incorrectly marked critical');
  facts.subjectKeyId = new DerReader(value).element(TAG.octetString, 'x509: invalid subject key identifier').content;
}

function readPolicyConstraints(facts: ExtensionFacts, { value }: Extension): undefined {
  const what = 'x509: invalid policy constraints extension';
  const sequence = new DerReader(value).enter(TAG.sequence, what);
  if (sequence.peek(0x80)) facts.requireExplicitPolicy = sequence.integer(what, 0x80);
  if (sequence.peek(0x81)) facts.inhibitPolicyMapping = sequence.integer(what, 0x81);
}

function readInhibitAnyPolicy(facts: ExtensionFacts, { value }: Extension): undefined {
  facts.inhibitAnyPolicy = new DerReader(value).integer('x509: invalid inhibit any policy extension');
}

function readExtendedUsages(facts: ExtensionFacts, { value }: Extension): undefined {
  const what = 'x509: invalid extended key usages';
  const sequence = new DerReader(value).enter(TAG.sequence, what);
  while (!sequence.isEmpty) {
    const id = sequence.objectIdentifier(what);
    const usage = EXTENDED_USAGES.indexOf(id);
    if (usage < 0) facts.unknownUsages.push(id);
    else facts.usages.push(usage);
  }
}

function readPolicies(facts: ExtensionFacts, { value }: Extension): undefined {
  const what = 'x509: invalid certificate policies';
  const sequence = new DerReader(value).enter(TAG.sequence, what);
  const policies = new Set<string>();
  while (!sequence.isEmpty) {
    const id = sequence.enter(TAG.sequence, what).objectIdentifier(what);
    if (policies.has(id)) throw new DerProblem(what);
    policies.add(id);
  }
  facts.policies = [...policies];
}

function readPolicyMappings(facts: ExtensionFacts, { value }: Extension): undefined {
  const what = 'x509: invalid policy mappings extension';
  const sequence = new DerReader(value).enter(TAG.sequence, what);
  while (!sequence.isEmpty) {
    const mapping = sequence.enter(TAG.sequence, what);
    facts.policyMappings.push({ issuer: mapping.objectIdentifier(what), subject: mapping.objectIdentifier(what) });
  }
}

function readAuthorityInfo(facts: ExtensionFacts, { value, isCritical }: Extension): undefined {
  if (isCritical) throw new DerProblem('x509: authority info access incorrectly marked critical');
  const what = 'x509: invalid authority info access';
  const sequence = new DerReader(value).enter(TAG.sequence, what);
  while (!sequence.isEmpty) {
    const access = sequence.enter(TAG.sequence, what);
    const method = readObjectIdentifier(access.element(TAG.objectIdentifier, what).content, what);
    const location = access.optional(NAME_TAG.uri, what);
    if (location === undefined) continue;
    if (method === '1.3.6.1.5.5.7.48.1') facts.statusServers.push(decodeUtf8(location.content));
    if (method === '1.3.6.1.5.5.7.48.2') facts.issuerUrls.push(decodeUtf8(location.content));
  }
}

/** A policy counter as Go's JSON: the number, and whether it is there and zero. */
export function counterValue(counter: bigint | undefined): { readonly count: Value; readonly isZero: boolean } {
  return { count: numberFromBigInt(counter ?? 0n), isZero: counter === 0n };
}
