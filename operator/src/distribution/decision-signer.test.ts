import { expect, test } from '@jest/globals';
import { digestOf, generateSigningKey, signRevision, verifyDecision } from '@edict/bundle';
import { createDecisionSigner } from './decision-signer.ts';

const revisionOf = (n: number, { privateKey }: { readonly privateKey: string }) =>
  signRevision(
    {
      set: 'a/s',
      setUid: 'uid',
      n,
      digest: digestOf(String(n)),
      parent: n - 1,
      reason: 'Spec',
      createdAt: '2026-01-01T00:00:00Z',
    },
    privateKey,
  );

test('a decision is signed once, with the key as it is at the time', () => {
  const keys = [generateSigningKey(), generateSigningKey()] as const;
  let current: (typeof keys)[number] = keys[0];
  const trusted = new Map(keys.map(({ keyId, publicKey }) => [keyId, publicKey]));
  const sign = createDecisionSigner(() => current);
  const revision = revisionOf(1, current);
  const first = sign(revision, { final: true });
  expect(sign(revision, { final: true })).toBe(first);
  const share = { salt: 'uid/0', upTo: 100 };
  const part = sign(revision, { final: false, share });
  expect(part).not.toBe(first);
  current = keys[1];
  const rotated = sign(revision, { final: true });
  expect(rotated?.keyId).toBe(keys[1].keyId);
  expect(() => {
    verifyDecision(revision, undefined, first, trusted);
    verifyDecision(revision, share, part, trusted);
    verifyDecision(revision, undefined, rotated, trusted);
  }).not.toThrow();
});

test('what is remembered has a bound, and what is forgotten is signed anew', () => {
  const key = generateSigningKey();
  const sign = createDecisionSigner(() => key);
  const revision = revisionOf(1, key);
  const first = sign(revision, { final: true });
  for (let upTo = 1; upTo <= 256; upTo += 1) sign(revision, { final: false, share: { salt: 's', upTo } });
  const again = sign(revision, { final: true });
  expect(again).not.toBe(first);
  expect(again).toStrictEqual(first);
});
