import { expect, test } from '@jest/globals';
import { checkModules, compile } from '../compile.ts';
import { Runner } from '../instantiate.ts';
import { builtins } from '../runtime/builtins/registry.ts';

const moduleOf = (source: string) => ({ name: 'm.rego', source: `package a\n${source}` });

/** What `data.a.p` prints, and whether it has a value. */
const run = (source: string, print: 'erase' | 'keep') => {
  const compiled = compile([moduleOf(source)], { entrypoints: ['a/p'], print });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join('\n'));
  const printed: string[] = [];
  const runner = new Runner(compiled.program, {}, builtins, {
    nowNs: () => 0n,
    elapsedMs: () => 0,
    randomBytes: (count) => new Uint8Array(count),
    note: (message) => printed.push(message),
  });
  const value = runner.run('a/p', { xs: [3, 1], u: 'x' }, {});
  expect(runner.failure).toBeUndefined();
  return { value, printed };
};

test.each([
  ['values of all kinds', 'p if { print("hi", 1, [input.u], null) }', ['hi 1 ["x"] null']],
  ['what is undefined', 'p if { print("a", input.nope, 1 / 0) }', ['a <undefined> <undefined>']],
  ['every turn of a loop', 'p := [x | some x in input.xs; print("x", x)]', ['x 3', 'x 1']],
  ['the same in every turn', 'p if { every x in input.xs { print("same"); x > 0 } }', ['same', 'same']],
  ['arguments and results of functions', 'f(x) := x + 1 if { print("f", x) }\np if { print(f(1)) }', ['f 1', '2']],
  ['on the way to a failure', 'p := 1 if { print("a"); false } else := 2 if { print("b") }', ['a', 'b']],
  ['without a say in what a body gives', 'p if { not print(1) }', ['1']],
])('kept prints show %s', (_, source, printed) => {
  const kept = run(source, 'keep');
  const erased = run(source, 'erase');
  expect(kept.printed).toEqual(printed);
  expect(erased.printed).toEqual([]);
  expect(kept.value).toEqual(erased.value);
});

test.each([
  ['is nowhere', 'p if { print(x) }', ['2:14 var x is undeclared']],
  ['is declared only', 'p if {\n\tsome x\n\tprint(x)\n\tx = 1\n}', ['4:8 var x is undeclared']],
  ['is bound behind the print', 'p if { print(x); x = 1 }', ['2:14 var x is undeclared']],
  ['is not that of every', 'p if { every x in [1] { print(x, y) } }', ['2:34 var y is undeclared']],
  ['is bound outside of a head', 'p := [1 | print(y)] if { y := 1 }', ['2:17 var y is undeclared']],
])('an argument of a kept print is an error where it %s', (_, source, problems) => {
  const check = (print: 'erase' | 'keep') =>
    checkModules([moduleOf(source)], { print })
      .filter(({ message }) => message.endsWith('undeclared'))
      .map(({ location, message }) => `${location.row}:${location.col} ${message}`);
  expect(check('keep')).toEqual(problems);
  expect(check('erase')).toEqual([]);
});
