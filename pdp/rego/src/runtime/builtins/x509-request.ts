import { numberFromBigInt } from '../number.ts';
import type { Value } from '../value.ts';
import { DerProblem, DerReader, TAG, type DerElement } from './der.ts';
import { attempt } from './jwt-keys.ts';
import { namesValue } from './x509-certificate.ts';
import { extensionValue, noFacts, parseExtensions, SUBJECT_ALT_NAME, type Extension } from './x509-extensions.ts';
import { parsePublicKey, parseSignatureAlgorithm } from './x509-keys.ts';
import { anyValue, identifierValue, nameValue, orNull, parseAlternativeNames, parseName } from './x509-names.ts';

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

const MALFORMED = 'asn1: structure error: malformed certificate request';

/** A certificate request as Go's JSON of it; throws DerProblem. */
export function readCertificateRequest(bytes: Buffer): Value {
  const { raw, content } = new DerReader(bytes).element(TAG.sequence, MALFORMED);
  if (raw.length !== bytes.length) throw new DerProblem('asn1: syntax error: trailing data');
  const outer = new DerReader(content);
  const signed = outer.element(TAG.sequence, MALFORMED);
  const body = new DerReader(signed.content);
  const version = body.integer(MALFORMED);
  const subject = body.element(TAG.sequence, MALFORMED);
  const key = parsePublicKey(body.element(TAG.sequence, MALFORMED).raw);
  const attributes = readAttributes(body.optional(0xa0, MALFORMED));
  const algorithm = parseSignatureAlgorithm(outer.element(TAG.sequence, MALFORMED).content);
  const { bytes: signature } = outer.bitString(MALFORMED);
  const extensions = requestedExtensions(attributes);
  const names = extensions.find(({ id }) => id === SUBJECT_ALT_NAME);
  return {
    Raw: raw.toString('base64'),
    RawTBSCertificateRequest: signed.raw.toString('base64'),
    RawSubjectPublicKeyInfo: key.raw.toString('base64'),
    RawSubject: subject.raw.toString('base64'),
    Version: numberFromBigInt(version),
    Signature: signature.toString('base64'),
    SignatureAlgorithm: algorithm.id,
    PublicKeyAlgorithm: key.algorithm,
    PublicKey: key.value,
    Subject: nameValue(parseName(subject.raw)),
    Attributes: orNull(attributes.flatMap(attributeValue)),
    Extensions: orNull(extensions.map((extension) => extensionValue(extension, identifierValue))),
    ExtraExtensions: null,
    ...namesValue(names === undefined ? noFacts() : { names: parseAlternativeNames(names.value) }),
  };
}

function readAttributes(field: DerElement | undefined): readonly Buffer[] {
  const attributes: Buffer[] = [];
  const list = new DerReader(field?.content ?? Buffer.alloc(0));
  while (!list.isEmpty) attributes.push(list.any(MALFORMED).raw);
  return attributes;
}

/** An attribute that is a list of lists of typed values; Go leaves out all others. */
function attributeValue(raw: Buffer): readonly Value[] {
  const read = attempt((): Value => {
    const attribute = new DerReader(raw).enter(TAG.sequence, MALFORMED);
    const type = attribute.objectIdentifier(MALFORMED);
    const set = attribute.enter(TAG.set, MALFORMED);
    const values: Value[] = [];
    while (!set.isEmpty) {
      const list = set.enter(TAG.sequence, MALFORMED);
      const entries: Value[] = [];
      while (!list.isEmpty) {
        const entry = list.enter(TAG.sequence, MALFORMED);
        entries.push({
          Type: identifierValue(entry.objectIdentifier(MALFORMED)),
          Value: anyValue(entry.any(MALFORMED)),
        });
      }
      values.push(entries);
    }
    return { Type: identifierValue(type), Value: values };
  });
  return read.ok ? [read.value] : [];
}

function requestedExtensions(attributes: readonly Buffer[]): readonly Extension[] {
  const found = attributes.flatMap((raw): readonly Extension[] => {
    const attribute = attempt(() => {
      const reader = new DerReader(raw).enter(TAG.sequence, MALFORMED);
      const type = reader.objectIdentifier(MALFORMED);
      return { type, values: reader.enter(TAG.set, MALFORMED) };
    });
    if (!attribute.ok || attribute.value.type !== EXTENSION_REQUEST || attribute.value.values.isEmpty) return [];
    const list = attribute.value.values.enter(TAG.sequence, MALFORMED);
    return parseExtensions(list, () => DUPLICATE);
  });
  if (new Set(found.map(({ id }) => id)).size < found.length) throw new DerProblem(DUPLICATE);
  return found;
}

const DUPLICATE = 'x509: certificate request contains duplicate requested extensions';
