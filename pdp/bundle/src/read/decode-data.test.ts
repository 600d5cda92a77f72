import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { domainFromObject, readDomain } from './read-domain.ts';
import { DATA_MAX_DEPTH, DATA_PLACES_DEPTH } from './decode-data.ts';

const yaml = (data: string, apiVersion = 'edict.dev/v1beta1') =>
  `apiVersion: ${apiVersion}\nkind: PolicyDomain\nmetadata:\n  name: shop\nspec:\n  data:${data}\n`;
const object = (data: unknown) => ({
  apiVersion: 'edict.dev/v1beta1',
  kind: 'PolicyDomain',
  metadata: { name: 'shop' },
  spec: { data },
});

/** The data of a domain as text, or what is wrong with it. */
function dataOf(read: ReturnType<typeof readDomain>): string | undefined {
  if (read.ok) return read.domain.data;
  return read.problems.map(({ line, column, message }) => [line, column, message].join(':')).join('; ');
}

test.each<[string, string, string | undefined]>([
  ['keys come in order, spaces go', ' {b: 1, a: {d: [], c: null}}', '{"a":{"c":null,"d":[]},"b":1}'],
  ['numbers keep their text', ' {a: [1.0, 1.10, 1e2, -0, 1E+05, 0.1]}', '{"a":[1.0,1.10,1e2,-0,1E+05,0.1]}'],
  ['numbers of any size are numbers', ` {a: [${'9'.repeat(40)}, 1e400]}`, `{"a":[${'9'.repeat(40)},1e400]}`],
  [
    'what only YAML can spell becomes what JSON can',
    ' {a: [0x1F, 017, 1_000, +5, .5, 1.]}',
    '{"a":[31,15,1000,5,0.5,1]}',
  ],
  ['quoted numbers are strings', ' {a: "1.0", b: \'2\'}', '{"a":"1.0","b":"2"}'],
  ['words are strings, booleans are not', ' {a: yes, b: true, c: ~}', '{"a":"yes","b":true,"c":null}'],
  ['dates are the text that they were written as', ' {a: 2026-01-02}', '{"a":"2026-01-02"}'],
  [
    'merge keys and aliases are followed',
    ' {a: &x {m: 1.0}, b: {<<: *x, n: 2}}',
    '{"a":{"m":1.0},"b":{"m":1.0,"n":2}}',
  ],
  ['keys may be called like anything', ' {__proto__: 1, "": 2, "a/b": 3}', '{"":2,"__proto__":1,"a/b":3}'],
  ['no data', ' {}', undefined],
  ['null', ' ~', undefined],
  ['a list', ' [1]', '6:9:data is not an object'],
  ['a text', ' x', '6:9:data is not an object'],
  ['an infinity', '\n    a: .inf', '7:8:.inf is not JSON'],
  ['a key that is no string', '\n    1: a', '7:5:a key is not a string, which JSON cannot say'],
  ['a key that is there twice', '\n    a: 1\n    a: 2', '8:5:mapping key "a" is already defined at line 7'],
  [
    'a number beyond what Rego computes with',
    ' {a: 1e999999}',
    '6:9:the data cannot be used: invalid number: number too big',
  ],
])('%s', (_name, data, expected) => {
  expect(dataOf(readDomain(yaml(data), 'f'))).toBe(expected);
});

test('data is ours alone: other groups have no such field', () => {
  expect(dataOf(readDomain(yaml(' {a: 1}', 'iamlite.manetu.io/v1beta1'), 'f'))).toBeUndefined();
});

test('nesting is bounded', () => {
  const nested = (depth: number) => yaml(` {a: ${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`);
  expect(readDomain(nested(DATA_MAX_DEPTH), 'f').ok).toBe(true);
  expect(dataOf(readDomain(nested(DATA_MAX_DEPTH + 1), 'f'))).toBe(
    `6:9:the data nests deeper than ${String(DATA_MAX_DEPTH)} levels`,
  );
});

test('a JSON document and an object say the same', () => {
  const safe = fc.jsonValue({ stringUnit: 'grapheme' });
  // JSON may have characters that YAML wants escaped.
  const ascii = (text: string): string =>
    text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  fc.assert(
    fc.property(fc.dictionary(fc.string(), safe, { minKeys: 1 }), (data) => {
      const meant: unknown = JSON.parse(JSON.stringify(data));
      // An object's whole numbers are exact integers, whose digits need not be those that JavaScript prints.
      expect(JSON.parse(dataOf(domainFromObject(object(data))) ?? '')).toEqual(meant);
      expect(JSON.parse(dataOf(readDomain(ascii(JSON.stringify(object(data))), 'f')) ?? '')).toEqual(meant);
    }),
    { numRuns: 100 },
  );
});

test('places of keys are known', () => {
  const read = readDomain(yaml('\n    a:\n      b/c: 1\n    d: [{e: 1}]'), 'f');
  expect(read.ok ? [...read.places].filter(([path]) => path.startsWith('data')) : []).toStrictEqual([
    ['data', { line: 7, column: 5 }],
    ['data/a', { line: 7, column: 5 }],
    ['data/a/b~1c', { line: 8, column: 7 }],
    ['data/d', { line: 9, column: 5 }],
  ]);
});

test('places are kept down to a depth: deeper keys have that of the nearest one around them', () => {
  const read = readDomain(yaml(` ${'{k: '.repeat(DATA_PLACES_DEPTH + 3)}1${'}'.repeat(DATA_PLACES_DEPTH + 3)}`), 'f');
  const depths = read.ok ? [...read.places.keys()].filter((path) => path.startsWith('data/')) : [];
  expect(depths).toHaveLength(DATA_PLACES_DEPTH);
});
