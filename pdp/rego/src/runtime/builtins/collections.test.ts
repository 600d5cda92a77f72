import { expect, test } from '@jest/globals';
import { RegoNumber, RegoObject, RegoSet, type Value } from '../value.ts';
import { callBuiltin } from './call-builtin.ts';

const set = (...members: readonly Value[]): RegoSet => new RegoSet(members);

test.each<[string, readonly Value[], Value]>([
  ['count', ['a😀b'], 3],
  ['count', [set(1, 2)], 2],
  ['count', [{ a: 1 }], 1],
  ['sum', [[1, 2, new RegoNumber('9007199254740992')]], new RegoNumber('9007199254740995')],
  ['sum', [[0.1, 0.2]], 0.3],
  ['product', [set(2, 3)], 6],
  ['product', [[]], 1],
  ['max', [[1, 'a', null]], 'a'],
  ['min', [set(3, 2)], 2],
  ['sort', [['b', 1, null, [2], 'a']], [null, 1, 'a', 'b', [2]]],
  ['all', [[true, false]], false],
  ['any', [set(false, true)], true],
  ['internal.member_2', ['a', { x: 'a' }], true],
  ['internal.member_3', ['x', 'a', { x: 'a' }], true],
  ['internal.member_3', [1, 'a', ['b', 'a']], true],
  ['array.concat', [[1], [2]], [1, 2]],
  ['array.flatten', [[1, [2, [3]]]], [1, 2, [3]]],
  ['array.slice', [[1, 2, 3], -5, 2], [1, 2]],
  ['array.reverse', [[1, 2]], [2, 1]],
  ['numbers.range', [3, 1], [3, 2, 1]],
  ['numbers.range_step', [0, 10, 4], [0, 4, 8]],
  ['object.get', [{ a: { b: null } }, ['a', 'b'], 1], null],
  ['object.get', [{ a: null }, 'a', 1], null],
  ['object.get', [{}, 'constructor', 'none'], 'none'],
  ['object.get', [{ a: [5] }, ['a', 0], 1], 5],
  [
    'object.union',
    [
      { a: { b: 1 }, c: 1 },
      { a: { d: 2 }, c: [2] },
    ],
    { a: { b: 1, d: 2 }, c: [2] },
  ],
  ['object.union_n', [[{ a: { b: 2 } }, { a: 4 }, { a: { c: 3 } }]], { a: { c: 3 } }],
  ['object.remove', [{ a: 1, b: 2 }, set('a')], { b: 2 }],
  ['object.filter', [{ a: 1, b: 2 }, { a: null }], { a: 1 }],
  ['object.subset', [{ a: { b: [1, 2] } }, { a: { b: [2] } }], true],
  ['object.subset', [[1, 2, 3], set(1, 3)], true],
  [
    'object.subset',
    [
      [1, 2, 3],
      [1, 3],
    ],
    false,
  ],
  ['json.filter', [{ a: [{ b: 1, c: 2 }, 3] }, ['a/0/b', 'a/1']], { a: [{ b: 1 }, 3] }],
  ['json.remove', [{ a: [{ b: 1, c: 2 }, 3] }, set('a/0/b', 'a/1')], { a: [{ c: 2 }] }],
  [
    'json.patch',
    [
      { a: [1] },
      [
        { op: 'add', path: '/a/-', value: 2 },
        { op: 'move', from: '/a/0', path: '/b' },
      ],
    ],
    { a: [2], b: 1 },
  ],
  [
    'json.patch',
    [
      { a: { b: 1 } },
      [
        { op: 'copy', from: 'a', path: 'c' },
        { op: 'remove', path: 'a/b' },
      ],
    ],
    { a: {}, c: { b: 1 } },
  ],
  ['bits.and', [12, 10], 8],
  ['bits.xor', [-1, 5], -6],
  ['bits.lsh', [1, 70], new RegoNumber('1180591620717411303424')],
  ['bits.rsh', [-5, 1_000_000_000], -1],
  ['to_number', ['1e3'], new RegoNumber('1e3')],
  ['to_number', [true], 1],
  ['type_name', [set()], 'set'],
])('%s(%j) is %j', (name, args, expected) => {
  expect(callBuiltin(name, ...args)).toEqual({ value: expected });
});

test.each<[string, readonly Value[], readonly Value[]]>([
  ['and', [set(1, 2), set(2, 3)], [2]],
  ['or', [set(1), set(2)], [1, 2]],
  ['minus', [set(1, 2), set(2)], [1]],
  ['union', [set(set(1), set(2))], [1, 2]],
  ['intersection', [set(set(1, 2), set(2))], [2]],
  ['intersection', [set()], []],
  [
    'object.keys',
    [
      new RegoObject([
        [1, 'a'],
        ['x', 'b'],
      ]),
    ],
    [1, 'x'],
  ],
  ['graph.reachable', [{ a: ['b'], b: ['a', 'c'], c: [] }, ['a']], ['a', 'b', 'c']],
  [
    'graph.reachable_paths',
    [{ a: ['b', 'c'], b: ['x'], c: ['a'] }, ['a']],
    [
      ['a', 'b'],
      ['a', 'c'],
    ],
  ],
])('%s(%j) is the set %j', (name, args, expected) => {
  const result = callBuiltin(name, ...args);
  expect('value' in result && result.value instanceof RegoSet ? result.value.values() : result).toEqual(expected);
});

test('walk visits parents first, in Rego order', () => {
  expect(callBuiltin('walk', { b: 1, a: [true] })).toEqual({
    value: [
      [[], { b: 1, a: [true] }],
      [['a'], [true]],
      [['a', 0], true],
      [['b'], 1],
    ],
  });
});

test('patching does not touch the document', () => {
  const document = { a: { b: [1] } };
  callBuiltin('json.patch', document, [
    { op: 'add', path: '/a/b/0', value: 0 },
    { op: 'add', path: '/__proto__', value: { evil: true } },
  ]);
  expect(document).toEqual({ a: { b: [1] } });
  expect(({} as Record<string, unknown>)['evil']).toBeUndefined();
});

test.each<[string, readonly Value[], string]>([
  ['count', [5], 'eval_type_error: operand 1 must be one of {array, object, set, string} but got number'],
  ['sum', [['a']], 'eval_type_error: operand 1 must be array of numbers but got array containing string'],
  ['minus', [set(), 1], 'eval_type_error: operand 2 must be set but got number'],
  ['div', [1, 0], 'eval_builtin_error: divide by zero'],
  ['object.subset', [1, 2], 'eval_type_error: both arguments object.subset must be of the same type or array and set'],
  ['numbers.range_step', [1, 2, 0], 'eval_builtin_error: numbers.range_step: step must be a positive integer'],
  ['numbers.range', [0, 1e9], 'eval_builtin_error: range is larger than 5000000 numbers'],
  ['bits.lsh', [1, 1e12], 'eval_builtin_error: number too big'],
  [
    'json.patch',
    [{}, [{ op: 'remove', path: '/a' }]],
    'eval_builtin_error: cannot delete child key "a" that does not exist',
  ],
  [
    'json.patch',
    [[1], [{ op: 'add', path: '/01', value: 1 }]],
    'eval_builtin_error: leading zeros are not allowed in JSON paths',
  ],
  ['to_number', ['x'], 'eval_builtin_error: strconv.ParseFloat: parsing "x": invalid syntax'],
])('%s(%j) fails with %s', (name, args, message) => {
  expect(callBuiltin(name, ...args)).toEqual({ error: message });
});
