import type { Body, Expr, Import, Module, Term } from '../ast.ts';
import { varsOfTerm } from './vars.ts';
import { walkExpr } from './walk.ts';

/** What the names that a module can use at its top mean: the absolute path of a rule or import, its root first. */
export type Globals = ReadonlyMap<string, readonly string[]>;

/** The name by which a module uses an import. */
export const importName = ({ alias, path }: Import): string => {
  if (alias !== undefined) return alias;
  const last = path.path.at(-1) ?? path.head;
  return last.kind === 'string' ? last.value : last.kind === 'var' ? last.name : '';
};

/** Whether an import only changes the language. */
export const isLanguageImport = ({ path }: Import): boolean =>
  path.head.kind === 'var' && (path.head.name === 'rego' || path.head.name === 'future');

/** The names of a module; `ruleNames` are those of all modules in its package. Imports win over rules. */
export const globalsOf = (module: Module, ruleNames: Iterable<string>): Globals => {
  const globals = new Map<string, readonly string[]>();
  for (const name of ruleNames) globals.set(name, ['data', ...module.package, name]);
  for (const imported of module.imports) {
    if (isLanguageImport(imported)) continue;
    const { head, path } = imported.path;
    const root = head.kind === 'var' ? head.name : '';
    globals.set(importName(imported), [root, ...path.map((part) => (part.kind === 'string' ? part.value : ''))]);
  }
  return globals;
};

/** Names that are declared (`:=`, `some`) in a body, nested bodies that are no comprehensions included. */
export const declaredIn = (body: Body): Set<string> => {
  const names = new Set<string>();
  for (const expr of body) addDeclared(expr, names);
  return names;
};

const addDeclared = (expr: Expr, names: Set<string>): void => {
  const { term } = expr;
  switch (term.kind) {
    case 'some':
      for (const symbol of term.symbols) {
        const parts = symbol.kind === 'call' ? symbol.args.slice(0, -1) : [symbol];
        for (const part of parts) varsOfTerm(part, {}, names);
      }
      return;
    case 'call':
      if (isAssign(term) && term.args[0] !== undefined) varsOfTerm(term.args[0], {}, names);
      addNested(expr, names);
      return;
    case 'every':
    case 'not-body':
      for (const inner of term.body) addDeclared(inner, names);
      return;
    case 'and':
    case 'or':
      for (const inner of [...term.left, ...term.right]) addDeclared(inner, names);
      return;
    default:
      addNested(expr, names);
  }
};

/** Template strings may hold literals. */
const addNested = (expr: Expr, names: Set<string>): void => {
  walkExpr(expr, (term) => {
    if (term.kind === 'template-string') {
      for (const part of term.parts) if (typeof part !== 'string' && part.kind === 'expr') addDeclared(part, names);
    }
    return !term.kind.endsWith('comprehension');
  });
};

/** Whether a term is `x := y`, in either notation. */
export const isAssign = (term: Expr['term']): term is Extract<Term, { kind: 'call' }> =>
  term.kind === 'call' && term.operator.length === 1 && term.operator[0] === 'assign' && term.args.length === 2;
