import { generateSigningKey } from '@edict/bundle';
import { expect, test } from '@jest/globals';
import { firstKeyState, KEY_MEMBERS, readKeyState, writeKeyState } from './key-secret.ts';
import type { KeyState } from './key-plan.ts';

const [one, two, three, byHand] = Array.from({ length: 4 }, generateSigningKey);

function some<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is none');
  return value;
}

const state: KeyState = {
  current: { ...some(one), sinceMs: 1000 },
  next: { ...some(two), sinceMs: 2000 },
  retiring: [{ keyId: some(three).keyId, publicKey: some(three).publicKey, sinceMs: 1000 }],
  further: [some(byHand).publicKey],
  handled: '2026-01-01T00:00:00Z ann',
};

test.each([
  ['in the middle of a rotation', state],
  ['that has just begun', firstKeyState(some(one), 5)],
])('keys %s are read as they were written', (_name, written) => {
  expect(readKeyState(writeKeyState(written), 0)).toEqual(written);
});

test('a Secret of a version that knew no rotation has one key, as old as itself, and what was added by hand', () => {
  const { privateKey, publicKey, keyId } = some(one);
  const texts = { 'private.pem': privateKey, 'public.pem': publicKey, 'trusted.pem': some(byHand).publicKey };
  expect(readKeyState(texts, 42)).toEqual({
    current: { keyId, privateKey, publicKey, sinceMs: 42 },
    retiring: [],
    further: [some(byHand).publicKey],
  });
});

test('a version that knows no rotation finds every key that is to be trusted where it looks', () => {
  const texts = writeKeyState(state);
  expect(texts['private.pem']).toBe(some(one).privateKey);
  for (const pem of [some(two).publicKey, some(three).publicKey, some(byHand).publicKey]) {
    expect(texts['trusted.pem']).toContain(pem);
  }
});

test('every member that may be written is known as one', () => {
  expect(Object.keys(writeKeyState(state)).sort()).toEqual([...KEY_MEMBERS].sort());
});

test.each([
  ['no private key', { 'public.pem': some(one).publicKey }],
  ['an empty one', { 'private.pem': '', 'public.pem': some(one).publicKey }],
])('a Secret with %s holds no key', (_name, texts) => {
  expect(readKeyState(texts, 0)).toBeUndefined();
});

test.each([
  ['a key that is none', { 'private.pem': 'x', 'public.pem': 'y' }, 'not PEM'],
  ['a list that is none', { ...writeKeyState(state), 'retiring.json': '{' }, 'retiring.json is not JSON'],
  ['an object in its place', { ...writeKeyState(state), 'retiring.json': '{}' }, 'retiring.json is not a list'],
  ['an entry without a key', { ...writeKeyState(state), 'retiring.json': '[{}]' }, 'without publicKey'],
])('%s is an error', (_name, texts, message) => {
  expect(() => readKeyState(texts, 0)).toThrow(message);
});
