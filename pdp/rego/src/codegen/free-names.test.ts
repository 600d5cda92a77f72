import { expect, test } from '@jest/globals';
import ts from 'typescript';
import { compile } from '../index.ts';

/** Names that generated code uses and does not declare, in all of its functions, by TypeScript's scope analysis. */
const freeNames = (code: string): readonly string[] => {
  const file = 'generated.js';
  const text = `(function (rt) {\n${code}\n})`;
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true, ts.ScriptKind.JS);
  const host: ts.CompilerHost = {
    fileExists: (name) => name === file,
    readFile: (name) => (name === file ? text : undefined),
    getSourceFile: (name) => (name === file ? source : undefined),
    getDefaultLibFileName: () => 'none.d.ts',
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => '/',
    getNewLine: () => '\n',
    useCaseSensitiveFileNames: () => true,
    writeFile: () => undefined,
  };
  const program = ts.createProgram(
    [file],
    { allowJs: true, checkJs: true, noLib: true, noResolve: true, types: [] },
    host,
  );
  expect(program.getSyntacticDiagnostics(source)).toEqual([]);
  const checker = program.getTypeChecker();
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (
      ts.isIdentifier(node) &&
      isReference(node) &&
      checker.resolveName(node.text, node, ts.SymbolFlags.Value, false) === undefined
    ) {
      found.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...found].sort();
};

/** False for names of properties and labels. */
const isReference = (node: ts.Identifier): boolean => {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isMethodDeclaration(parent) || ts.isPropertyDeclaration(parent)) return parent.name !== node;
  return !ts.isLabeledStatement(parent) && !ts.isBreakOrContinueStatement(parent);
};

const hostile = [
  '__proto__',
  'constructor',
  'process',
  'globalThis',
  '*/ process.exit() /*',
  '${process}',
  "'",
  '"',
  '\\',
  '`',
  '\n',
];

const policies: readonly (readonly [string, string])[] = [
  [
    'every kind of step',
    `package a
default s := 1
s := data[k].p if k := input.k
p contains x if { some x in input.xs; not q[x]; every y in [1] { y == 1 } }
q[k] := v if { some k, v in data.m; v.kind == input.kind }
deep[k].x[l] contains v if { some k, v in data.m; l := v.l }
f(x) := count(x) if x != []
g(x) := y if { y := split(x, ":")[0]; startswith(y, "a") } else := sprintf("%s-%d", [x, 1])
r := [y, z] if { y := f(input.xs) with input.xs as [1] with data.m as {}; z := g(input.z) with count as 5 }
w := [v | walk(input, [_, v]); [a, {"b": c}] = v; a == c]
o := {k: n | some k in input.xs; n := count({x | some x in input.ys; x == k})}
u := data.m[input.k][input.l] if regex.match("^a+$", input.k)
t if { input.a > 1 } else if { input.a + 0.1 == 1e30 }`,
  ],
  [
    'names and texts that would be code',
    `package a[${JSON.stringify('constructor')}]\n${hostile
      .map((text, index) => {
        const literal = JSON.stringify(text);
        return `p${String(index)} := {${literal}: input[${literal}], "x": data[${literal}].y} if input.z != ${literal}
q[${literal}] := x if { x := input[${literal}].x with input[${literal}] as ${literal} }`;
      })
      .join('\n')}`,
  ],
];

test.each(policies)('the code of %s has no free names but three of the language', (_, source) => {
  const entrypoints = ['a', source.includes('package a[') ? 'a/constructor/q' : 'a/p'];
  const compiled = compile([{ name: 'm.rego', source }], { entrypoints });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map((d) => d.message).join('\n'));
  expect(freeNames(compiled.program.code)).toEqual(
    freeNames(compiled.program.code).filter((name) => ['Array', 'Map', 'Number', 'undefined'].includes(name)),
  );
});

test('the search finds names that are free', () => {
  expect(
    freeNames('const a = rt.x; function f(b) { L: for (;;) { break L; } return a + b.c + Map; } f(process);'),
  ).toEqual(['Map', 'process']);
});
