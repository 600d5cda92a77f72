import { expect, test } from '@jest/globals';
import { stringify } from '@edict/rego/values';
import { aDomain, aPolicy } from './domain-builder.ts';
import { compileSnapshot } from './compile-snapshot.ts';
import { loadSnapshot } from './snapshot.ts';
import type { DomainModel, Serving } from '@edict/bundle';
import type { Snapshot } from './snapshot.ts';

const SERVING: Serving = { documents: { policies: [] } };

function compiled(domains: readonly DomainModel[], serving: Serving = SERVING, earlier?: Snapshot): Snapshot {
  const result = compileSnapshot(domains, { serving, earlier: earlier?.compiled });
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
  return loadSnapshot(structuredClone(result.compiled), earlier);
}

const library = (mrn: string, rego: string) => aPolicy(mrn, rego);

const grove = aDomain({
  name: 'grove',
  libraries: [
    library(
      'lib:trees',
      [
        'package trees',
        'import data.heights',
        'tall[name] { heights[name] > 10 }',
        'by_rank = ["oak", "elm"]',
        'kinds[k] = v { v := input.kinds[k] }',
        'twice(x) = y { y := x * 2 }',
        'broken = 1 { input.a }',
        'broken = 2 { input.b }',
      ].join('\n'),
    ),
    library('lib:main', 'package system\nmain = {"tall": count(data.trees.tall)} { true }'),
  ],
  policies: [aPolicy('policy:cut', 'default allow = false\nallow { input.who == "forester" }')],
  data: '{"heights":{"elm":7.50,"oak":12},"levels":[[1,2],{"7":"seven"}],"trees":{"note":"base"}}',
});
const pond = aDomain({
  name: 'pond',
  libraries: [library('lib:fish', 'package trees\nfish { input.wet }')],
  data: '{"heights":{"reed":1e400},"trees":{"more":true}}',
});
const both = compiled([grove, pond]);

/** What a path gives: JSON text, `undefined`, or the code of the error. */
function ask(path: string, input: unknown = {}, snapshot: Snapshot = both): string {
  const parts = path === '' ? [] : path.split('/');
  const outcome = snapshot.documents?.evaluate(parts, input);
  if (outcome === undefined) throw new Error('no documents');
  return outcome.kind === 'value' ? stringify(outcome.value) : outcome.kind === 'error' ? outcome.code : outcome.kind;
}

test.each<[string, string, unknown, string]>([
  ['a set', 'trees/tall', {}, '["oak","reed"]'],
  ['a member of a set', 'trees/tall/oak', {}, '"oak"'],
  ['no member of a set', 'trees/tall/elm', {}, 'undefined'],
  ['an element of an array', 'trees/by_rank/1', {}, '"elm"'],
  ['a part of an object that depends on input', 'trees/kinds/x/y', { kinds: { x: { y: 3 } } }, '3'],
  ['a rule that another domain adds to the package', 'trees/fish', { wet: true }, 'true'],
  ['a rule without a value', 'trees/fish', {}, 'undefined'],
  ['a rule with two values', 'trees/broken', { a: 1, b: 1 }, 'eval_conflict_error'],
  ['a neighbour of a rule with two values', 'trees/by_rank/0', { a: 1, b: 1 }, '"oak"'],
  ['base data beside such a rule', 'trees/note', { a: 1, b: 1 }, '"base"'],
  ['a function', 'trees/twice', {}, 'undefined'],
  ['base data with its own number text', 'heights/elm', {}, '7.50'],
  ['a number that no double holds', 'heights/reed', {}, '1e400'],
  ['an element of base data', 'levels/0/1', {}, '2'],
  ['a member of base data that is called like a number', 'levels/1/7', {}, '"seven"'],
  ['beyond an array', 'levels/9', {}, 'undefined'],
  ['below a scalar', 'heights/oak/x', {}, 'undefined'],
  ['nothing', 'nowhere/at/all', {}, 'undefined'],
  ['what every object inherits', 'constructor', {}, 'undefined'],
  ['the same below a package', 'trees/__proto__', {}, 'undefined'],
  ['system', 'system/main', {}, '{"tall":2}'],
  ['what only policies define', 'authz/allow', {}, 'undefined'],
])('%s', (_name, path, input, expected) => {
  expect(ask(path, input)).toBe(expected);
});

test('a package shows rules and base data, and the whole of data leaves system and functions out', () => {
  expect(JSON.parse(ask('trees'))).toStrictEqual({
    by_rank: ['oak', 'elm'],
    kinds: {},
    more: true,
    note: 'base',
    tall: ['oak', 'reed'],
  });
  expect(Object.keys(JSON.parse(ask('')) as object)).toStrictEqual(['heights', 'levels', 'trees']);
});

test('what rules define is known without evaluating it', () => {
  const isDefined = (path: string) => both.documents?.isDefined(path.split('/'));
  expect(['trees/broken', 'trees/kinds/a/b', 'system/main'].map(isDefined)).toStrictEqual([true, true, true]);
  expect(['trees', 'trees/twice', 'heights/elm', 'nowhere'].map(isDefined)).toStrictEqual([false, false, false, false]);
});

test('listed policies join the documents, by MRN or with their domain', () => {
  for (const policy of ['policy:cut', 'grove/policy:cut']) {
    const snapshot = compiled([grove, pond], { documents: { policies: [policy] } });
    expect(ask('authz/allow', { who: 'forester' }, snapshot)).toBe('true');
    expect(ask('authz/allow', { who: 'beaver' }, snapshot)).toBe('false');
  }
});

test('without documents there are none, and a set without libraries serves its data', () => {
  expect(compiled([grove], {})).toMatchObject({ serving: {}, documents: undefined });
  const bare = compiled([aDomain({ data: '{"a":{"b":1}}' })]);
  expect([ask('a/b', {}, bare), ask('', {}, bare)]).toStrictEqual(['1', '{"a":{"b":1}}']);
  expect(ask('', {}, compiled([aDomain()]))).toBe('{}');
  expect(compiled([], { documents: { policies: [] } }).serving).toStrictEqual({ documents: { policies: [] } });
});

test('a clock makes documents that answer differently', () => {
  expect(both.documents).toMatchObject({ deterministic: true, usesNetwork: false });
  const clocked = aDomain({ libraries: [library('lib', 'package a\nnow = time.now_ns() { true }')] });
  expect(compiled([clocked]).documents?.deterministic).toBe(false);
});

test('documents are taken over while neither rules nor data change', () => {
  expect(compiled([grove, pond], SERVING, both).documents).toBe(both.documents);
  const edited = { ...pond, data: '{"heights":{"reed":2}}' };
  const next = compiled([grove, edited], SERVING, both);
  expect(next.documents).not.toBe(both.documents);
  // The program is the same text, so it was not compiled again; only the data is another.
  expect(next.documents?.compiled.program).toStrictEqual(both.documents?.compiled.program);
  expect([ask('trees/tall', {}, next), ask('trees/tall')]).toStrictEqual(['["oak"]', '["oak","reed"]']);
  // With other rules the data stays, parsed as it is.
  const ruled = compiled([{ ...grove, libraries: grove.libraries.slice(0, 1) }, pond], SERVING, both);
  expect(ruled.documents).not.toBe(both.documents);
  expect(ruled.documents?.base).toBe(both.documents?.base);
  expect(ask('system/main', {}, ruled)).toBe('undefined');
});

test('steps are bounded, and a failed evaluation harms no later one', () => {
  const loops = aDomain({
    libraries: [
      library('lib', 'package a\nmany = n { n := count([1 | numbers.range(1, 3000)[_]; numbers.range(1, 3000)[_]]) }'),
    ],
  });
  const { documents } = compiled([loops]);
  expect(documents?.evaluate(['a', 'many'], {}, { maxSteps: 1000 })).toMatchObject({ code: 'eval_cancel_error' });
  expect(documents?.evaluate(['a'], {}, { maxSteps: 1000 })).toMatchObject({ code: 'eval_cancel_error' });
  expect(documents?.evaluate(['b'], {})).toStrictEqual({ kind: 'undefined' });
});

const refusals: readonly [string, readonly DomainModel[], readonly string[], object][] = [
  [
    'rules of two domains that exclude each other',
    [
      aDomain({ name: 'a', libraries: [library('lib:a', 'package shared\n\nx = 1')] }),
      aDomain({ name: 'b', libraries: [library('lib:b', 'package shared\n\nx[y] { y := 1 }')] }),
    ],
    [],
    { domain: 'a', mrn: 'lib:a', regoCode: 'rego_type_error', rego: { row: 3, col: 1 } },
  ],
  [
    'policies whose defaults differ',
    [aDomain({ name: 'a', policies: [aPolicy('p', 'default allow = true'), aPolicy('q', 'default allow = false')] })],
    ['p', 'q'],
    { domain: 'a', regoCode: 'rego_type_error' },
  ],
  [
    'a policy that no domain has',
    [grove],
    ['policy:none'],
    { class: 'reference', message: expect.stringContaining("'policy:none'") },
  ],
  [
    'data that two domains give',
    [aDomain({ name: 'a', data: '{"x":{"y":1}}' }), aDomain({ name: 'b', data: '{"x":{"y":1}}' })],
    [],
    { domain: 'b', class: 'data-clash', message: expect.stringContaining("data.x.y, which domain 'a' gives too") },
  ],
  [
    'data of one domain where another has a rule',
    [
      aDomain({ name: 'a', data: '{"shared":{"x":2}}' }),
      aDomain({ name: 'b', libraries: [library('lib:b', 'package shared\n\nx = 1')] }),
    ],
    [],
    {
      domain: 'a',
      class: 'data-clash',
      message: expect.stringContaining('data.shared.x, which a rule defines too (b/lib:b 3:1)'),
    },
  ],
  [
    'data of one domain where another has a package',
    [
      aDomain({ name: 'a', data: '{"shared":[]}' }),
      aDomain({ name: 'b', libraries: [library('lib:b', 'package shared.deep\n\nx = 1')] }),
    ],
    [],
    { domain: 'a', class: 'data-clash', message: expect.stringContaining('data.shared is a package (b/lib:b 1:1)') },
  ],
];
test.each(refusals)('%s are refused with the place', (_name, domains, policies, expected) => {
  const result = compileSnapshot(domains, { serving: { documents: { policies: [...policies] } } });
  expect(result.ok ? [] : result.problems).toStrictEqual([expect.objectContaining(expected)]);
  // Without documents nobody minds: the domains do not meet.
  expect(compileSnapshot(domains).ok).toBe(true);
});

test('a domain whose data meets its own library is refused with or without documents', () => {
  const domain = aDomain({ libraries: [library('lib', 'package a.b\n\nc = 1')], data: '{"a":{"b":{"c":1}}}' });
  const result = compileSnapshot([domain]);
  expect(result.ok ? [] : result.problems).toMatchObject([{ class: 'data-clash', domain: 'orchard' }]);
});
