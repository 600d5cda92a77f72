import { expect, test } from '@jest/globals';
import type { KeyStatus } from '@edict/operator/views';
import type { KeyDesk } from '../fleet/key-desk.ts';
import { CommandError } from '../io.ts';
import { said } from '../testing/captured-io.ts';
import { listKeys, revokeKey, rotateKeys } from './keys.ts';

const NOW = Date.parse('2026-01-02T00:00:00Z');
const SIGNING = '00000000000000aa';
const NEXT = '00000000000000bb';
const BY_HAND = '00000000000000cc';

const steady: KeyStatus = {
  phase: 'Steady',
  keys: [
    { keyId: SIGNING, role: 'Signing', since: '2026-01-01T00:00:00Z' },
    { keyId: BY_HAND, role: 'Added' },
  ],
  waitsFor: [],
};
const announced: KeyStatus = {
  phase: 'Announced',
  keys: [...steady.keys, { keyId: NEXT, role: 'Next', since: '2026-01-01T23:59:00Z' }],
  waitsFor: [`PDP shop/a does not trust key ${NEXT} yet`],
};

function aDesk(status: KeyStatus): KeyDesk & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    status: () => Promise.resolve(status),
    rotate: (at) => {
      asked.push(`rotate ${at}`);
      return Promise.resolve();
    },
    revoke: (keyId) => {
      asked.push(`revoke ${keyId}`);
      return Promise.resolve();
    },
    close: () => undefined,
  };
}

test('the keys are listed with what each is and for how long, and with what a rotation waits for', async () => {
  expect(await said((io) => listKeys(io, aDesk(announced), 'text', NOW))).toBe(`KEY                ROLE      FOR
${SIGNING}   Signing   24h
${BY_HAND}   Added     -
${NEXT}   Next      60s
a new key is being made known to the PDPs
  waits: PDP shop/a does not trust key ${NEXT} yet
`);
});

test('as JSON the list is the status as it is', async () => {
  expect(JSON.parse(await said((io) => listKeys(io, aDesk(steady), 'json', NOW)))).toEqual(steady);
});

test('a rotation is asked for once', async () => {
  const desk = aDesk(steady);
  expect(await said((io) => rotateKeys(io, desk, 'edict', NOW))).toContain('edict keys list');
  expect(desk.asked).toEqual(['rotate 2026-01-02T00:00:00.000Z']);
  await expect(said((io) => rotateKeys(io, aDesk(announced), 'edict', NOW))).rejects.toThrow('under way already');
});

test.each([
  ['the key that signs, unless the user is sure', SIGNING, false, 'Say --yes'],
  ['a key that the operator does not have', '00000000000000dd', true, `it has ${SIGNING}, ${BY_HAND}`],
  ['a key that was added by hand', BY_HAND, true, 'trusted.pem'],
])('%s is not revoked', async (_name, keyId, isSure, message) => {
  const desk = aDesk(steady);
  const work = said((io) => revokeKey(io, desk, { keyId, isSure, program: 'edict' }));
  await expect(work).rejects.toThrow(CommandError);
  await expect(work).rejects.toThrow(message);
  expect(desk.asked).toEqual([]);
});

test.each([
  ['the key that signs, when the user is sure', SIGNING, true],
  ['the next key', NEXT, false],
])('%s is revoked', async (_name, keyId, isSure) => {
  const desk = aDesk(announced);
  expect(await said((io) => revokeKey(io, desk, { keyId, isSure, program: 'edict' }))).toContain('is revoked');
  expect(desk.asked).toEqual([`revoke ${keyId}`]);
});
