import type { Import, Module, Rule } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';
import { printTerm } from '../print.ts';
import { importName, isAssign } from './names.ts';
import { chainOf, forEachExpr, forEachExprInTerm, headTerms } from './walk.ts';

const compileError = (message: string, location: Location): Diagnostic => ({
  code: 'rego_compile_error',
  message,
  location,
});

const isDocumentName = (name: string): boolean => name === 'input' || name === 'data';

/** Rules and variables of a v1 module that take the names of documents. */
export const checkDocumentNames = (rules: readonly Rule[]): Diagnostic[] => {
  const diagnostics: Diagnostic[] = [];
  for (const rule of rules) {
    const { head } = rule.head.ref;
    if (head.kind === 'var' && isDocumentName(head.name)) {
      diagnostics.push(compileError(`rules must not shadow ${head.name} (use a different rule name)`, rule.location));
    }
    for (const one of chainOf(rule)) diagnostics.push(...assignedDocuments(one));
  }
  return diagnostics;
};

const assignedDocuments = (rule: Rule): Diagnostic[] => {
  const diagnostics: Diagnostic[] = [];
  const check = (expr: Parameters<Parameters<typeof forEachExpr>[1]>[0]): void => {
    if (!isAssign(expr.term)) return;
    const [target] = expr.term.args;
    if (target?.kind !== 'ref' || target.path.length > 0 || target.head.kind !== 'var') return;
    const { name } = target.head;
    if (!isDocumentName(name)) return;
    diagnostics.push(compileError(`variables must not shadow ${name} (use a different variable name)`, expr.location));
  };
  for (const term of headTerms(rule)) forEachExprInTerm(term, check);
  forEachExpr(rule.body, check);
  return diagnostics;
};

/** Imports of a v1 module that take each other's names. */
export const checkImports = (module: Module): Diagnostic[] => {
  const diagnostics: Diagnostic[] = [];
  const seen = new Map<string, string>();
  for (const imported of module.imports) {
    const name = importName(imported);
    const other = seen.get(name);
    if (other !== undefined) {
      diagnostics.push(compileError(`import must not shadow ${other}`, imported.location));
      continue;
    }
    seen.set(name, printImport(imported));
  }
  return diagnostics;
};

/** An import as a user writes it. */
export const printImport = ({ path, alias }: Import): string =>
  `import ${printTerm(path)}${alias === undefined ? '' : ` as ${alias}`}`;
