import { expect, test } from '@jest/globals';
import { jsonText } from '@edict/engine';
import fc from 'fast-check';
import { joinMembers, splitMembers } from './record-members.ts';

const names = fc.stringMatching(/^[a-z_]{1,12}$/);

test('the members of any record as it is rendered are told apart, and make the same record again', () => {
  const records = fc.dictionary(names, fc.jsonValue(), { noNullPrototype: true, minKeys: 1 });
  fc.assert(
    fc.property(records, (record) => {
      const text = jsonText(record, 'exact');
      const members = splitMembers(text) ?? new Map<string, string>();
      expect(Object.fromEntries(members)).toStrictEqual(
        Object.fromEntries(Object.entries(record).map(([name, value]) => [name, jsonText(value, 'exact')])),
      );
      expect(joinMembers(members)).toBe(text);
    }),
  );
});

test.each([
  ['quotes and backslashes', { a: '\\', b: '"', c: '\\"', d: ['\\\\', '}'], e: '{"x":[' }],
  ['commas and colons', { a: ',', b: ':', c: [1, 2], d: { e: 1, f: 2 } }],
])('%s in values end nothing', (_name, record) => {
  const text = jsonText(record, 'exact');
  const members = splitMembers(text) ?? new Map<string, string>();
  expect(joinMembers(members)).toBe(text);
  expect([...members.keys()]).toStrictEqual(Object.keys(record));
});

test.each(['', '[]', '{}', '{"a"', '{"a":1', '{"a":1}x'])('%j is no record', (text) => {
  expect(splitMembers(text)).toBeUndefined();
});
