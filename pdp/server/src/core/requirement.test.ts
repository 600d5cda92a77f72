import { expect, test } from '@jest/globals';
import { encodeToken } from '@edict/bundle';
import fc from 'fast-check';
import type { ActiveRevision } from '../active-sets.ts';
import { craneSnapshot } from '../testing/snapshots.ts';
import { fulfilmentOf, parseRequirement, parseWait } from './requirement.ts';

const active: ActiveRevision = {
  ...{ set: 'harbour/cranes', setUid: 'uid', n: 7, digest: 'sha256:0', snapshot: craneSnapshot(1), activatedAtMs: 0 },
};

test.each([
  ['a token', encodeToken({ setUid: 'uid', n: 7 }), { setUid: 'uid', n: 7 }],
  ['a set and a number', 'harbour/cranes@42', { set: 'harbour/cranes', n: 42 }],
  ['a name and a number', 'cranes@1', { set: 'cranes', n: 1 }],
  ['an empty text', '', undefined],
  ['a number alone', '@7', undefined],
  ['a set alone', 'cranes@', undefined],
  ['zero', 'cranes@0', undefined],
  ['a number with zeros before it', 'cranes@07', undefined],
  ['a number beyond exact integers', 'cranes@9007199254740993', undefined],
  ['two requirements', 'cranes@1, cranes@2', undefined],
])('%s is read as what it is', (_name, text, requirement) => {
  expect(parseRequirement(text)).toStrictEqual(requirement);
});

test.each([
  ['cranes@6', 'reached'],
  ['cranes@7', 'reached'],
  ['harbour/cranes@8', 'behind'],
  ['ranes@7', 'foreign'],
  ['other/cranes@7', 'foreign'],
  [encodeToken({ setUid: 'uid', n: 8 }), 'behind'],
  [encodeToken({ setUid: 'uid', n: 7 }), 'reached'],
  [encodeToken({ setUid: 'earlier uid', n: 7 }), 'foreign'],
])('revision 7 of harbour/cranes stands to %s as %s', (text, fulfilment) => {
  const requirement = parseRequirement(text);
  expect(requirement && fulfilmentOf(requirement, active)).toBe(fulfilment);
});

test.each([
  ['200ms', 200],
  ['2s', 2000],
  ['0ms', 0],
  ['', undefined],
  ['200', undefined],
  ['-1s', undefined],
  ['1.5s', undefined],
  ['1m', undefined],
  ['1s, 2s', undefined],
  ['1234567890ms', undefined],
])('a wait of %p is %p ms', (text, ms) => {
  expect(parseWait(text)).toBe(ms);
});

test('nothing that a client sends makes reading fail', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string({ unit: 'binary' }),
        fc.string().map((text) => `${text}@1`),
      ),
      (text) => {
        parseRequirement(text);
        parseWait(text);
      },
    ),
  );
});
