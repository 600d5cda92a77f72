import { expect, test } from '@jest/globals';
import { compile, instantiate } from './index.ts';
import type { Value } from './index.ts';

const shop = `package shop["a/b"]

open := data.hours[input.day]
names contains "x"
limits[k] := v if some k, v in data.limits
f(x) := x
`;
const system = 'package system\n\nmain := 1\n';
const empty = 'package shop.empty\n';
const modules = [shop, system, empty].map((source, index) => ({ name: `${String(index)}.rego`, source }));

const compiled = (() => {
  const result = compile(modules, { entrypoints: ['system/main'], documents: true });
  if (!result.ok) throw new Error('does not compile');
  return result.program;
})();
const data = { hours: { mon: 9 }, limits: { a: 1 }, shop: { 'a/b': { base: true } } };
const evaluate = (path: readonly string[]): Value | undefined => {
  const outcome = instantiate(compiled, { data }).evaluate(JSON.stringify(path), { day: 'mon' });
  return outcome.kind === 'value' ? outcome.value : undefined;
};

test('every package and every rule is listed, functions without an entry point', () => {
  const places = new Map(compiled.documents?.map((place) => [place.path.join('|'), place]));
  expect(Object.fromEntries([...places].map(([path, { kind }]) => [path, kind]))).toStrictEqual({
    '': 'package',
    shop: 'package',
    'shop|a/b': 'package',
    'shop|a/b|f': 'function',
    'shop|a/b|limits': 'rule',
    'shop|a/b|names': 'rule',
    'shop|a/b|open': 'rule',
    'shop|empty': 'package',
    system: 'package',
    'system|main': 'rule',
  });
  expect(compiled.entrypoints).toStrictEqual([
    'system/main',
    ...[...places.values()].flatMap((place) => (place.kind === 'function' ? [] : [place.entrypoint])),
  ]);
});

test('packages show base documents beside their rules, and data leaves system out', () => {
  expect(evaluate(['shop', 'a/b', 'open'])).toBe(9);
  expect(evaluate(['shop', 'a/b', 'limits'])).toStrictEqual({ a: 1 });
  expect(Object.keys(evaluate(['shop', 'a/b']) as object).sort()).toStrictEqual(['base', 'limits', 'names', 'open']);
  expect(evaluate(['shop', 'empty'])).toStrictEqual({});
  expect(Object.keys(evaluate([]) as object).sort()).toStrictEqual(['hours', 'limits', 'shop']);
  expect(evaluate(['system', 'main'])).toBe(1);
});

test('without modules there is data alone, and without the wish no list', () => {
  const none = compile([], { entrypoints: [], documents: true });
  expect(none).toMatchObject({ ok: true, program: { documents: [{ path: [], kind: 'package' }] } });
  expect(compile(modules, { entrypoints: [] })).not.toHaveProperty('program.documents');
});
