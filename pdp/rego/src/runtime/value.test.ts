import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  buildObject,
  compare,
  compareStrings,
  equals,
  getIndex,
  keyOf,
  RegoNumber,
  RegoObject,
  RegoSet,
  setMember,
  typeOf,
  type Value,
} from './value.ts';

const ordered: readonly Value[] = [
  null,
  false,
  true,
  -1,
  new RegoNumber('0.0'),
  0.5,
  1,
  new RegoNumber('1e2'),
  '',
  'a',
  '\uffff',
  '\u{1f600}',
  [],
  [1],
  [1, 2],
  [2],
  {},
  { a: 1 },
  { a: 2 },
  { b: 0 },
  new RegoSet(),
  new RegoSet([1]),
  new RegoSet([1, 2]),
];

test('values of all types stand in the order of OPA', () => {
  for (const [i, a] of ordered.entries()) {
    for (const [j, b] of ordered.entries()) expect(Math.sign(compare(a, b))).toBe(Math.sign(i - j));
  }
});

test('equality agrees with order, and keys with equality', () => {
  for (const a of ordered) {
    for (const b of ordered) {
      expect(equals(a, b)).toBe(compare(a, b) === 0);
      expect(keyOf(a) === keyOf(b)).toBe(compare(a, b) === 0);
    }
  }
});

test('strings sort as their UTF-8 bytes do', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      expect(Math.sign(compareStrings(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});

test('keys tell nested values apart', () => {
  const values: readonly Value[] = [
    ['a', 'b'],
    ['a,b'],
    ['a'],
    [['a']],
    { a: 'b' },
    ['ab'],
    new RegoSet(['a', 'b']),
    '\u0000a',
    'a',
  ];
  expect(new Set(values.map(keyOf)).size).toBe(values.length);
});

test('no string has the key of a composite', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(keyOf(text)).not.toBe(keyOf([text]));
      expect(keyOf(String(keyOf([text])))).not.toBe(keyOf([text]));
    }),
  );
});

describe('sets', () => {
  test('hold one of equal values, the first', () => {
    const set = new RegoSet([1, new RegoNumber('1.0'), [1], [new RegoNumber('1.0')]]);
    expect(set.size).toBe(2);
    expect(set.get(new RegoNumber('1.0'))).toBe(1);
    expect(set.has([1])).toBe(true);
  });

  test('give their members in Rego order, whatever the order of adding', () => {
    expect(new RegoSet(['b', 10, 9, null]).add('a').values()).toEqual([null, 9, 10, 'a', 'b']);
  });
});

describe('objects', () => {
  test('with string keys are plain, others are not', () => {
    expect(buildObject([['a', 1]])).toEqual({ a: 1 });
    expect(
      buildObject([
        ['a', 1],
        [1, 2],
      ]),
    ).toBeInstanceOf(RegoObject);
  });

  test('of either form are equal if their members are', () => {
    expect(equals(new RegoObject([['a', 1]]), { a: 1 })).toBe(true);
    expect(equals(new RegoObject([[1, 1]]), new RegoObject([[new RegoNumber('1.0'), 1]]))).toBe(true);
    expect(keyOf(new RegoObject([['a', 1]]))).toBe(keyOf({ a: 1 }));
  });

  test('give numbers before strings', () => {
    expect(
      new RegoObject([
        ['a', 1],
        [10, 2],
        [9, 3],
      ]).keys(),
    ).toEqual([9, 10, 'a']);
  });
});

describe('indexing', () => {
  test.each<[string, Value, Value, Value | undefined]>([
    ['an array at a number', ['a', 'b'], 1, 'b'],
    ['an array at a whole number with a fraction', ['a', 'b'], new RegoNumber('1.0'), 'b'],
    ['an array below its start', ['a'], -1, undefined],
    ['an array at a fraction', ['a'], 0.5, undefined],
    ['an array at a string', ['a'], '0', undefined],
    ['an array at its length property', ['a'], 'length', undefined],
    ['an object at a key', { a: 1 }, 'a', 1],
    ['an object at a key of its prototype', {}, 'constructor', undefined],
    ['an object at __proto__', {}, '__proto__', undefined],
    ['an object at toString', { toString: 5 }, 'toString', 5],
    ['an object at a number', { 1: 'a' }, 1, undefined],
    ['a set at a member', new RegoSet([1]), new RegoNumber('1.0'), 1],
    ['a set at something else', new RegoSet([1]), 2, undefined],
    ['a string', 'abc', 0, undefined],
    ['null', null, 'a', undefined],
  ])('%s', (_name, value, key, expected) => {
    expect(getIndex(value, key)).toEqual(expected);
  });

  test('an own member named __proto__ is a member', () => {
    const object: Record<string, Value> = {};
    setMember(object, '__proto__', { polluted: true });
    expect(getIndex(object, '__proto__')).toEqual({ polluted: true });
    expect(getIndex({}, 'polluted')).toBeUndefined();
    expect(equals(object, JSON.parse('{"__proto__": {"polluted": true}}'))).toBe(true);
  });
});

test('what is no Rego value has no type', () => {
  expect(() => typeOf(undefined)).toThrow(TypeError);
  expect(typeOf(new RegoNumber('1.0'))).toBe('number');
});

test('a set of many composite values has each once, however they are written', () => {
  const leaf = fc.oneof(
    fc.integer({ min: 0, max: 3 }),
    fc.constantFrom('a', 'b', '', 'ab'),
    fc.boolean(),
    fc.constant(null),
  );
  const value = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('k', 'l', 'long-key', '__proto__'), tie('value'), {
        maxKeys: 3,
        noNullPrototype: true,
      }),
    ),
  })).value;
  fc.assert(
    fc.property(fc.array(value, { minLength: 9, maxLength: 60 }), (values) => {
      const set = new RegoSet(values);
      const unique = new Map(values.map((each) => [keyOf(each), each]));
      expect(set.size).toBe(unique.size);
      for (const each of values) {
        expect(set.has(structuredClone(each))).toBe(true);
        expect(set.has([each, 'not there'])).toBe(unique.has(keyOf([each, 'not there'])));
      }
    }),
  );
});

test('composite values that look alike are told apart', () => {
  const deep = (n: number) => ({ a: { b: { c: { d: n } } } });
  const set = new RegoSet(Array.from({ length: 200 }, (_, n) => deep(n)));
  expect(set.size).toBe(200);
  for (let n = 0; n < 200; n++) {
    set.add(deep(n));
    expect(set.get(deep(n))).toStrictEqual(deep(n));
  }
  expect(set.size).toBe(200);
  expect(set.has(deep(200))).toBe(false);
});
