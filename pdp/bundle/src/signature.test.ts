import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { digestOf } from './digest.ts';
import { createManifest, manifestDigest } from './manifest.ts';
import { createSigner, generateSigningKey, keyIdOf, signRevision, verifyRevision } from './signature.ts';
import { formatTrustedKeys, parseTrustedKeys } from './trusted-keys.ts';
import type { ExpectedRevision, Revision, SignedRevision } from './signature.ts';

const key = generateSigningKey();
const other = generateSigningKey();
const trusted = new Map([[key.keyId, key.publicKey]]);
const manifest = createManifest({ setUid: 'uid-set', engineMin: '0.1.0', domains: [], policies: 0 });
const revision: Revision = {
  ...{ set: 'sales/shop', setUid: 'uid-set', n: 8, parent: 7, reason: 'Spec', createdAt: '2026-01-02T03:04:05Z' },
  digest: manifestDigest(manifest),
};
const signed = signRevision(revision, key.privateKey);

test('a genuine revision is accepted', () => {
  expect(() => verifyRevision(signed, trusted, { setUid: 'uid-set', n: 8, parent: 7, manifest })).not.toThrow();
});

test('a signature does not depend on when it is made', () => {
  expect(signRevision(revision, key.privateKey)).toEqual(signed);
});

test('a signer signs many revisions as they are signed one by one, and refuses a bad key before the first', () => {
  const sign = createSigner(key.privateKey);
  expect([1, 2].map((n) => sign({ ...revision, n }))).toEqual(
    [1, 2].map((n) => signRevision({ ...revision, n }, key.privateKey)),
  );
  expect(() => createSigner('no key')).toThrow(expect.objectContaining({ code: 'bad-key' }));
});

test('a key that was trusted once verifies nothing where it is trusted no more', () => {
  const trusted = new Map([[key.keyId, key.publicKey]]);
  verifyRevision(signed, trusted);
  expect(() => {
    verifyRevision(signed, new Map([[key.keyId, other.publicKey]]));
  }).toThrow(expect.objectContaining({ code: 'bad-signature' }));
  expect(() => {
    verifyRevision(signed, new Map([[other.keyId, other.publicKey]]));
  }).toThrow(expect.objectContaining({ code: 'unknown-key' }));
});

test.each<[string, Partial<SignedRevision>]>([
  ['the number', { n: 9 }],
  ['the parent', { parent: 6 }],
  ['the digest', { digest: digestOf('other') }],
  ['the set', { setUid: 'uid-other' }],
  ['the reason', { reason: 'Rollback' }],
  ['the time', { createdAt: '2026-01-02T03:04:06Z' }],
  ['the signature', { signature: signRevision(revision, other.privateKey).signature }],
  ['the form of the signature', { signature: `${signed.signature} ` }],
])('a revision whose %s was altered does not verify', (_name, parts) => {
  expect(codeOf({ ...signed, ...parts })).toBe('bad-signature');
});

test.each<[string, Partial<SignedRevision>, ExpectedRevision, string]>([
  ['another set than subscribed to', {}, { setUid: 'uid-other' }, 'altered-set'],
  ['an old revision passed off as the newest', {}, { n: 9 }, 'altered-number'],
  ['a revision with another parent than the active one', {}, { parent: 6 }, 'altered-parent'],
  ['a revision with the manifest of another', {}, { manifest: { ...manifest, engineMin: '0.2.0' } }, 'altered-digest'],
  ['a key that nobody trusts', { keyId: other.keyId }, {}, 'unknown-key'],
  ['no signature', { signature: '' }, {}, 'unsigned'],
  ['no key id', { keyId: '' }, {}, 'unsigned'],
])('%s has a code of its own', (_name, parts, expected, code) => {
  expect(codeOf({ ...signed, ...parts }, expected)).toBe(code);
});

test('without trusted keys nothing verifies', () => {
  expect(() => verifyRevision(signed, new Map())).toThrow(expect.objectContaining({ code: 'no-trusted-keys' }));
});

test('keys of other kinds and texts that are no keys are refused', () => {
  const rsa = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' });
  expect(() => signRevision(revision, pem)).toThrow(expect.objectContaining({ code: 'bad-key' }));
  expect(() => keyIdOf('not a key')).toThrow(expect.objectContaining({ code: 'bad-key' }));
});

test('private and public key have the same id', () => {
  expect(keyIdOf(key.privateKey)).toBe(keyIdOf(key.publicKey));
});

test('trusted keys are read as they were printed', () => {
  const text = formatTrustedKeys([other.publicKey, key.publicKey]);
  expect(parseTrustedKeys(text)).toEqual(
    new Map([
      [key.keyId, key.publicKey],
      [other.keyId, other.publicKey],
    ]),
  );
  expect(parseTrustedKeys('{}').size).toBe(0);
});

test.each([
  ['text that is not JSON', 'x'],
  ['a list', '[]'],
  ['a key that is not text', '{"a":1}'],
  ['a key below the id of another', JSON.stringify({ [other.keyId]: key.publicKey })],
  ['a private key', JSON.stringify({ [key.keyId]: key.privateKey })],
])('%s is no file of trusted keys', (_name, text) => {
  expect(() => parseTrustedKeys(text)).toThrow(expect.objectContaining({ code: 'bad-key' }));
});

function codeOf(candidate: SignedRevision, expected?: ExpectedRevision): string | undefined {
  try {
    verifyRevision(candidate, trusted, expected);
  } catch (error) {
    return (error as { code: string }).code;
  }
  return undefined;
}
