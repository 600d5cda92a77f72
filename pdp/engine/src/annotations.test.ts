import { expect, test } from '@jest/globals';
import type { RegoNumber } from '@edict/rego/values';
import fc from 'fast-check';
import {
  combine,
  finishAnnotations,
  loadAnnotations,
  mergeBelow,
  MergeLimitError,
  UnencodableAnnotationError,
} from './annotations.ts';
import type { AnnotationMap } from './annotations.ts';
import type { CompiledAnnotation, MergeValue } from './compiled-snapshot.ts';

const plenty = () => ({ remaining: 1_000_000 });

test.each<[string, unknown, unknown, string, unknown]>([
  ['arrays append the lower side by default', [1], [2], '', [2, 1]],
  ['arrays append for any unknown strategy', [1], [2], 'Append', [2, 1]],
  ['append puts the higher array first', [1], [2], 'append', [2, 1]],
  ['prepend puts the lower array first', [1], [2], 'prepend', [1, 2]],
  ['replace keeps the higher array', [1], [2], 'replace', [2]],
  ['union drops repetitions and keeps the order', [3, 1, 3], [2, 1, 2], 'union', [2, 1, 3]],
  ['union tells texts from numbers', ['1', 1], [1], 'union', [1, '1']],
  [
    'union takes equal objects for one, whatever the order of keys',
    [{ a: 1, b: [2] }],
    [{ b: [2], a: 1 }],
    'union',
    [{ b: [2], a: 1 }],
  ],
  ['deep does not drop repetitions', [1], [1], 'deep', [1, 1]],
  ['objects merge deeply by default', { a: { x: 1 }, c: 1 }, { a: { y: 2 } }, '', { a: { x: 1, y: 2 }, c: 1 }],
  [
    'objects under union merge as deep, arrays in them with repetitions',
    { a: [1] },
    { a: [1] },
    'union',
    { a: [1, 1] },
  ],
  [
    'append of objects is shallow and the higher side wins',
    { a: { x: 1 } },
    { a: { y: 2 } },
    'append',
    { a: { y: 2 } },
  ],
  [
    'prepend of objects is shallow and the lower side wins',
    { a: { x: 1 } },
    { a: { y: 2 }, b: 1 },
    'prepend',
    { a: { x: 1 }, b: 1 },
  ],
  ['replace of objects keeps the higher side', { a: 1 }, { b: 2 }, 'replace', { b: 2 }],
  ['scalars take the higher side', 1, 2, '', 2],
  ['scalars take the lower side under prepend only', 1, 2, 'prepend', 1],
  ['null is a scalar', 1, null, '', null],
  ['kinds that differ take the higher side', [1], { a: 1 }, 'prepend', { a: 1 }],
  ['a scalar over an array takes the scalar', [1], 'x', 'union', 'x'],
  ['inside of objects, kinds that differ take the higher side', { a: [1] }, { a: 'x' }, 'deep', { a: 'x' }],
])('%s', (_name, lower, higher, strategy, expected) => {
  expect(combine(lower, higher, strategy, plenty())).toEqual(expected);
});

function merged(...sources: readonly (readonly CompiledAnnotation[])[]): Record<string, unknown> {
  const result: AnnotationMap = new Map();
  for (const source of sources) mergeBelow(result, loadAnnotations(source)?.entries ?? new Map(), plenty());
  return finishAnnotations(result, { hasNative: true, hasUnencodable: true });
}

const one = (value: MergeValue, merge = ''): readonly CompiledAnnotation[] => [{ name: 'k', value, merge }];

test('a strategy that only the lower side states is used once and lost', () => {
  expect(merged(one(['high']), one(['mid'], 'prepend'), one(['low']))).toEqual({ k: ['mid', 'high', 'low'] });
});

test('a strategy of the highest side stays for all sides below', () => {
  expect(merged(one(['high'], 'prepend'), one(['mid']), one(['low']))).toEqual({ k: ['low', 'mid', 'high'] });
});

test('the higher side states the strategy if both do', () => {
  expect(merged(one(['high'], 'replace'), one(['low'], 'prepend'))).toEqual({ k: ['high'] });
});

test('in a union native integers equal each other but no JSON number', () => {
  expect(merged(one([1n, 1, 1n], 'union'), one([1, 1n, 2n]))).toEqual({ k: [1, 1, 2] });
});

test('inside of containers a union does not tell native integers from JSON numbers', () => {
  expect(merged(one([[1n]], 'union'), one([[1], { a: 1n }, { a: 1 }]))).toEqual({ k: [[1], { a: 1 }] });
});

test('integers beyond 2^53 stay exact', () => {
  const { k } = merged(one([9007199254740993n])) as { k: unknown[] };
  expect((k[0] as RegoNumber).text).toBe('9007199254740993');
});

test.each<[string, MergeValue]>([
  ['itself', NaN],
  ['in an array', [1, [NaN]]],
  ['in an object', { a: { b: NaN } }],
])('a value that JSON cannot hold is refused: %s', (_name, value) => {
  expect(() => merged(one(value))).toThrow(UnencodableAnnotationError);
});

test('a value that JSON cannot hold harms nobody once it is overridden', () => {
  expect(merged(one(1), one(NaN))).toEqual({ k: 1 });
});

test('members called __proto__ and constructor are members like any other', () => {
  const hostile = JSON.parse('{"__proto__":{"x":1},"constructor":[1]}') as MergeValue;
  const result = merged(one(hostile), one(JSON.parse('{"__proto__":{"y":2},"constructor":[2]}') as MergeValue));
  expect(JSON.stringify(result)).toBe('{"k":{"__proto__":{"x":1,"y":2},"constructor":[1,2]}}');
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  const named = merged([{ name: '__proto__', value: 1, merge: '' }]);
  expect(Object.keys(named)).toEqual(['__proto__']);
});

test('merging stops at its limit', () => {
  const result: AnnotationMap = new Map([['k', { value: Array(60).fill(0), merge: '' }]]);
  const lower = loadAnnotations(one(Array<number>(50).fill(1)))?.entries ?? new Map();
  expect(() => {
    mergeBelow(result, lower, { remaining: 100 });
  }).toThrow(MergeLimitError);
  mergeBelow(result, lower, { remaining: 111 });
  expect(result.get('k')?.value).toHaveLength(110);
});

const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>;
const strategies = fc.constantFrom('', 'deep', 'append', 'prepend', 'replace', 'union', 'bogus');

test('law: merging a value with nothing below changes nothing', () => {
  fc.assert(
    fc.property(json, strategies, (value, merge) => {
      expect(merged(one(value as MergeValue, merge), [])).toEqual({ k: value });
    }),
  );
});

test('law: the result has the kind of the higher side', () => {
  const kind = (value: unknown) =>
    Array.isArray(value) ? 'array' : typeof value === 'object' && value ? 'object' : 'scalar';
  fc.assert(
    fc.property(json, json, strategies, (lower, higher, strategy) => {
      expect(kind(combine(lower, higher, strategy, plenty()))).toBe(kind(higher));
    }),
  );
});

test('law: replace gives the higher side, and neither side is ever changed', () => {
  fc.assert(
    fc.property(json, json, strategies, (lower, higher, strategy) => {
      const before = JSON.stringify([lower, higher]);
      combine(lower, higher, strategy, plenty());
      expect(JSON.stringify([lower, higher])).toBe(before);
      expect(combine(lower, higher, 'replace', plenty())).toBe(higher);
    }),
  );
});

test('law: a union has no repetitions and all elements of both sides', () => {
  const elements = fc.array(fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constantFrom('a', 'b', null, true)));
  fc.assert(
    fc.property(elements, elements, (lower, higher) => {
      const union = combine(lower, higher, 'union', plenty());
      expect(union).toEqual([...new Set([...higher, ...lower])]);
    }),
  );
});

test('law: deep, append and prepend of arrays are associative', () => {
  const arrays = fc.array(fc.integer());
  fc.assert(
    fc.property(arrays, arrays, arrays, fc.constantFrom('deep', 'append', 'prepend'), (a, b, c, strategy) => {
      const merge = (lower: unknown, higher: unknown) => combine(lower, higher, strategy, plenty());
      expect(merge(merge(a, b), c)).toEqual(merge(a, merge(b, c)));
    }),
  );
});
