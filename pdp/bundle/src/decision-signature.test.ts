import { expect, test } from '@jest/globals';
import { signDecision, verifyDecision, type DecidedRevision, type DecidedShare } from './decision-signature.ts';
import { digestOf } from './digest.ts';
import { generateSigningKey, signRevision } from './signature.ts';

const key = generateSigningKey();
const other = generateSigningKey();
const trusted = new Map([[key.keyId, key.publicKey]]);
const revision = { set: 'shop/till', setUid: 'uid-1', n: 7, digest: digestOf('seven') };
const share = { salt: 'uid-1/6', upTo: 500 };

test.each<[string, DecidedShare | undefined]>([
  ['everyone', undefined],
  ['a share', share],
])('a decision for %s verifies for whom it is, with the key that it was signed with', (_whom, part) => {
  const signed = signDecision(revision, { final: part === undefined, share: part }, key.privateKey);
  expect(() => {
    verifyDecision(revision, part, signed, trusted);
  }).not.toThrow();
  expect(() => {
    verifyDecision(revision, part, signed, new Map([...trusted, [other.keyId, other.publicKey]]));
  }).not.toThrow();
});

test.each<[string, Partial<DecidedRevision>, DecidedShare | undefined]>([
  ['number', { n: 8 }, share],
  ['content', { digest: digestOf('eight') }, share],
  ['set', { set: 'shop/desk' }, share],
  ['set of the same name', { setUid: 'uid-2' }, share],
  ['share', {}, { ...share, upTo: 10_000 }],
  ['choice of principals', {}, { ...share, salt: 'mine' }],
  ['part, everyone in place of a share', {}, undefined],
])('a decision is none about another %s', (_what, change, part) => {
  const signed = signDecision(revision, { final: false, share }, key.privateKey);
  expect(() => {
    verifyDecision({ ...revision, ...change }, part, signed, trusted);
  }).toThrow(expect.objectContaining({ code: 'bad-signature' }));
});

test('whom a decision is final for is part of it', () => {
  const signed = signDecision(revision, { final: false }, key.privateKey);
  expect(() => {
    verifyDecision(revision, undefined, { ...signed, final: true }, trusted);
  }).toThrow(expect.objectContaining({ code: 'bad-signature' }));
});

test('a revision that is merely signed is not decided', () => {
  const signed = signRevision(
    { ...revision, parent: 6, reason: 'Spec', createdAt: '2026-01-01T00:00:00Z' },
    key.privateKey,
  );
  const posed = { final: true, keyId: signed.keyId, signature: signed.signature };
  expect(() => {
    verifyDecision(revision, undefined, posed, trusted);
  }).toThrow(expect.objectContaining({ code: 'bad-signature' }));
  expect(() => {
    verifyDecision(revision, undefined, undefined, trusted);
  }).toThrow(expect.objectContaining({ code: 'unsigned' }));
});

test('a key counts only while it is trusted', () => {
  const signed = signDecision(revision, { final: true }, other.privateKey);
  expect(() => {
    verifyDecision(revision, undefined, signed, trusted);
  }).toThrow(expect.objectContaining({ code: 'unknown-key' }));
  expect(() => {
    verifyDecision(revision, undefined, { ...signed, keyId: key.keyId }, trusted);
  }).toThrow(expect.objectContaining({ code: 'bad-signature' }));
  expect(() => {
    verifyDecision(revision, undefined, signed, new Map());
  }).toThrow(expect.objectContaining({ code: 'no-trusted-keys' }));
});
