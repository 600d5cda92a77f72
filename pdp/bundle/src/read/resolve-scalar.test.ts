import { expect, test } from '@jest/globals';
import { resolveScalar } from './resolve-scalar.ts';
import { parseTimestamp } from './timestamp.ts';
import type { ScalarNode } from './yaml-node.ts';

const scalar = (value: string, parts: Partial<ScalarNode> = {}): ScalarNode => {
  return { kind: 'scalar', tag: '', value, plain: true, block: false, source: undefined, ...parts };
};

test.each<[string, string, unknown]>([
  ['42', '!!int', 42n],
  ['+5', '!!int', 5n],
  ['-0', '!!int', 0n],
  ['0x1F', '!!int', 31n],
  ['017', '!!int', 15n],
  ['0o17', '!!int', 15n],
  ['-0b101', '!!int', -5n],
  ['1_000', '!!int', 1000n],
  ['08', '!!float', 8],
  ['18446744073709551615', '!!int', 18446744073709551615n],
  ['18446744073709551616', '!!float', 18446744073709552000],
  ['-9223372036854775809', '!!float', -9223372036854775809],
  ['1e3', '!!float', 1000],
  ['.5', '!!float', 0.5],
  ['5.', '!!float', 5],
  ['1e400', '!!str', '1e400'],
  ['.inf', '!!float', Number.POSITIVE_INFINITY],
  ['-.INF', '!!float', Number.NEGATIVE_INFINITY],
  ['True', '!!bool', true],
  ['yes', '!!str', 'yes'],
  ['on', '!!str', 'on'],
  ['~', '!!null', null],
  ['', '!!null', null],
  ['10:30:00', '!!str', '10:30:00'],
  ['2024-01-15', '!!timestamp', '2024-01-15T00:00:00Z'],
  ['_1', '!!str', '_1'],
  ['.', '!!str', '.'],
])('%p is %s', (text, tag, value) => {
  expect(resolveScalar(scalar(text))).toEqual({ tag, value });
});

test.each<[string, Partial<ScalarNode>, string, unknown]>([
  ['quotes make a string', { plain: false }, '!!str', '42'],
  ['a tag makes a string', { tag: '!!str' }, '!!str', '42'],
  ['a tag looks into quotes', { tag: '!!int', plain: false }, '!!int', 42n],
  ['a tag widens an integer', { tag: '!!float' }, '!!float', 42],
  ['a local tag leaves the text alone', { tag: '!mine' }, '!mine', '42'],
  ['the non-specific tag changes nothing', { tag: '!' }, '!!int', 42n],
])('%s', (_name, parts, tag, value) => {
  expect(resolveScalar(scalar('42', parts))).toEqual({ tag, value });
});

test.each([
  ['!!int', 'abc'],
  ['!!int', '4.5'],
  ['!!bool', 'yes'],
  ['!!null', 'x'],
  ['!!timestamp', '42'],
])('%s %s is a contradiction', (tag, text) => {
  expect(() => resolveScalar(scalar(text, { tag }))).toThrow('cannot decode');
});

test.each([
  ['2024-1-5', '2024-01-05T00:00:00Z'],
  ['2024-01-15T10:30:00Z', '2024-01-15T10:30:00Z'],
  ['2024-01-15t1:2:3.1200+02:00', '2024-01-15T01:02:03.12+02:00'],
  ['2024-01-15T10:30:00,5Z', '2024-01-15T10:30:00.5Z'],
  ['2024-01-15 10:30:00', '2024-01-15T10:30:00Z'],
  ['2024-01-15T10:30:00-00:00', '2024-01-15T10:30:00Z'],
  ['2024-01-15 10:30:00 +02:00', undefined],
  ['2024-02-30', undefined],
  ['2023-02-29', undefined],
  ['2024-02-29', '2024-02-29T00:00:00Z'],
  ['1900-02-29', undefined],
  ['2024-13-01', undefined],
  ['2024-01-15T24:00:00Z', undefined],
  ['2024-01-15T10:60:00Z', undefined],
])('the timestamp %s prints as %s', (text, expected) => {
  expect(parseTimestamp(text)).toBe(expected);
});
