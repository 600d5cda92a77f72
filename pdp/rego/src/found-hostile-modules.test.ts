import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkModules, compile } from './compile.ts';
import { instantiate } from './instantiate.ts';
import { toJson } from './runtime/json.ts';
import type { Value } from './runtime/value.ts';

/** Whatever a module holds, it is refused with a place, or it runs. */
const survives = (source: string, input: Value = {}): 'refused' | 'ran' => {
  const compiled = compile([{ name: 'm.rego', source }], { entrypoints: ['a'] });
  if (!compiled.ok) {
    expect(compiled.diagnostics.length).toBeGreaterThan(0);
    for (const { code, message, location } of compiled.diagnostics) {
      expect(code).toMatch(/^rego_\w+_error$/);
      expect(message).not.toBe('');
      // A file without anything in it has no row to point at.
      expect(location.row > 0 || message === 'empty module').toBe(true);
    }
    return 'refused';
  }
  expect(checkModules([{ name: 'm.rego', source }])).toEqual([]);
  const data = { d: { x: [1, 'a', { b: null }], __proto__: 1 } };
  for (const strictBuiltinErrors of [false, true]) {
    const outcome = instantiate(compiled.program, { data }).evaluate('a', input, {
      strictBuiltinErrors,
      maxSteps: 20_000,
    });
    if (outcome.kind === 'value') toJson(outcome.value);
    if (outcome.kind === 'error') expect(outcome.code).not.toBe('eval_internal_error');
  }
  return 'ran';
};

const words = [
  ...'package import default else not some every with as in if contains and or null true false data input set'.split(
    ' ',
  ),
  ...['x', 'y', '_', 'p', 'f', 'count', 'a', '1', '-1', '1e400', '0.1', '-', '.', ',', ':', ';', ':=', '=', '==', '!='],
  ...['<', '|', '&', '+', '*', '/', '%', '{', '}', '[', ']', '(', ')', '"s"', '`r`', '$"t{x}"', '#c\n', '\n', '\n\n'],
  ...[
    '"',
    '$',
    '!',
    '@',
    '\\',
    '\ud800',
    '\u00a0',
    '\ufeff',
    'rego.v2',
    'future.keywords',
    'p if',
    'f(x) := ',
    '# METADATA\n# title: x\n',
  ],
];

describe('no text makes the compiler throw', () => {
  test('bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, inModule) => {
        const text = Buffer.from(bytes).toString('utf8');
        survives(inModule ? `package a\np := ${text}\n` : text);
      }),
      { numRuns: 500 },
    );
  });

  test('tokens', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 25 }), (tokens) => {
        survives(`package a\n${tokens.join(' ')}`);
      }),
      { numRuns: 1500 },
    );
  });

  test('a module with a part of it taken away, doubled or replaced', () => {
    const module =
      'package a\nimport rego.v2\n\ndefault p := 1\np := x if {\n  some x in input.xs\n  x > 1 and not { x == 3 }\n} else := {"k": [y | y := data.d.x[_]]}\n\n' +
      'f(x, [y, _]) := sum({x, y}) if every z in [x] { z < y }\nq[k].r contains v if some k, v in input with input.o as p\nr := $"<{f(1, [2, 3])}>"\n';
    fc.assert(
      fc.property(
        fc.nat(module.length),
        fc.nat(12),
        fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 3 })),
        (at, length, other) => {
          survives(module.slice(0, at) + other + module.slice(at + length), { xs: [1, 2, 3] });
          survives(module.slice(0, at) + module.slice(at, at + length).repeat(2) + module.slice(at + length));
        },
      ),
      { numRuns: 500 },
    );
  });
});

/** Modules that the grammar allows, and that mostly have no sense. */
const modules = (): fc.Arbitrary<string> => {
  const name = fc.constantFrom('x', 'y', 'z', '_');
  const scalar = fc.constantFrom(
    ...[
      '0',
      '1',
      '-1',
      '1.0',
      '1e3',
      '12345678901234567890',
      '"a"',
      '"__proto__"',
      '"constructor"',
      '"\\ud83d"',
      'true',
      'null',
    ],
  );
  const { body, term } = fc.letrec<{ body: string; literal: string; term: string }>((tie) => ({
    term: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      scalar,
      name,
      fc.constantFrom('input', 'input.xs', 'data.d', 'data.a.q', 'data', 'input["toString"]', 'p', 'q', 'set()'),
      fc.tuple(tie('term'), tie('term')).map(([a, b]) => `[${a}, ${b}]`),
      fc.tuple(tie('term'), tie('term')).map(([a, b]) => `{${a}: ${b}}`),
      fc.tuple(tie('term'), tie('term')).map(([a, b]) => `{${a}, ${b}}`),
      fc
        .tuple(tie('term'), fc.constantFrom('+', '-', '*', '/', '%', '&', '|'), tie('term'))
        .map((parts) => `(${parts.join(' ')})`),
      fc
        .tuple(fc.constantFrom('count', 'sum', 'f', 'upper', 'sort', 'to_number', 'json.marshal', 'walk'), tie('term'))
        .map(([f, a]) => `${f}(${a})`),
      fc.tuple(fc.constantFrom('input', 'data.d', 'p', 'x'), tie('term')).map(([a, b]) => `${a}[${b}]`),
      fc.tuple(tie('term'), tie('body')).map(([a, b]) => `[${a} | ${b}]`),
      fc.tuple(tie('term'), tie('term'), tie('body')).map(([a, b, c]) => `{${a}: ${b} | ${c}}`),
      tie('term').map((a) => `$"<{${a}}>"`),
    ),
    literal: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      tie('term'),
      fc.tuple(name, tie('term')).map(([a, b]) => `${a} := ${b}`),
      fc.tuple(tie('term'), fc.constantFrom('==', '!=', '<', '=', 'in'), tie('term')).map((parts) => parts.join(' ')),
      fc.tuple(name, tie('term')).map(([a, b]) => `some ${a} in ${b}`),
      fc.tuple(name, tie('term'), tie('body')).map(([a, b, c]) => `every ${a} in ${b} { ${c} }`),
      tie('term').map((a) => `not ${a}`),
      tie('body').map((a) => `not { ${a} }`),
      fc.tuple(tie('term'), tie('term')).map(([a, b]) => `${a} and ${b}`),
      fc
        .tuple(tie('term'), fc.constantFrom('input', 'input.x', 'data.d', 'f', 'count', 'data.a.p'), tie('term'))
        .map(([a, b, c]) => `${a} with ${b} as ${c}`),
    ),
    body: fc.array(tie('literal'), { minLength: 1, maxLength: 3 }).map((literals) => literals.join('; ')),
  }));
  const head = fc.oneof(
    term.map((a) => `p := ${a}`),
    term.map((a) => `q contains ${a}`),
    fc.tuple(term, term).map(([a, b]) => `q2[${a}] := ${b}`),
    fc.tuple(term, term).map(([a, b]) => `q3[${a}].r[${b}] := 1`),
    fc.tuple(term, term).map(([a, b]) => `f(${a}) := ${b}`),
  );
  const rule = fc.oneof(
    head,
    fc.tuple(head, body).map(([h, b]) => `${h} if { ${b} }`),
    fc.tuple(term, body, term).map(([v, b, e]) => `r := ${v} if { ${b} } else := ${e}`),
    scalar.map((a) => `default p := ${a}`),
    scalar.map((a) => `default f(_) := ${a}`),
  );
  return fc
    .tuple(fc.constantFrom('', 'import rego.v2\n'), fc.array(rule, { minLength: 1, maxLength: 4 }))
    .map(([imported, rules]) => `package a\n${imported}${rules.join('\n')}\n`);
};

test('no module of the grammar makes the compiler or what it makes throw', () => {
  const seen = { refused: 0, ran: 0 };
  fc.assert(
    fc.property(modules(), fc.jsonValue({ maxDepth: 2 }), (source, input) => {
      seen[survives(source, { xs: [1, input], x: input })]++;
    }),
    { numRuns: 1500 },
  );
  // The grammar must reach both, or the property says little.
  expect(seen.refused).toBeGreaterThan(0);
  expect(seen.ran).toBeGreaterThan(0);
});
