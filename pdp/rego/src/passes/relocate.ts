import type { Expr, Module, RegoVersion, Term } from '../ast.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { Lexer } from '../lexer.ts';
import { parseModule } from '../parser/index.ts';
import { rewriteLocals } from './locals.ts';
import { globalsOf } from './names.ts';
import { resolveRefs } from './resolve-refs.ts';
import { UniqueNames } from './scope.ts';
import { chainOf, forEachExpr, forEachExprInTerm, headTerms, walkBody, walkTerm } from './walk.ts';

/** The text of a module below another path, or why it has none: it does not parse, or its names do not resolve. */
export type Relocated = { readonly source: string } | { readonly diagnostics: readonly Diagnostic[] };

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Moves a module below `prefix`, so that copies of it and of what it uses can live beside each other in one store:
 * its package and everything that it calls `data` get the prefix in front, imports included. Locals that happen to be
 * called `data` stay. Nothing else of the text changes, so that rows stay what they were. `prefix` starts with an
 * identifier; other parts may be any text. `import data.utils` is still used as `utils`.
 */
export const rewriteDataRefs = (
  source: string,
  file: string,
  version: RegoVersion,
  prefix: readonly string[],
): Relocated => {
  const { module, diagnostics } = parseModule(source, file, version);
  if (module === undefined) return { diagnostics };
  const found = dataPositions(module, source);
  if (found.diagnostics.length > 0) return { diagnostics: found.diagnostics };
  const [first = '', ...rest] = prefix;
  const below = [first, ...rest].map(selector).join('');
  const inserts = [...found.positions].map((at) => ({ at: at + 'data'.length, text: below }));
  inserts.push({ at: packagePathStart(source, module.packageLocation.start), text: `${below.slice(1)}.` });
  inserts.sort((a, b) => a.at - b.at);
  let text = '';
  let from = 0;
  for (const { at, text: added } of inserts) {
    text += source.slice(from, at) + added;
    from = at;
  }
  return { source: text + source.slice(from) };
};

const selector = (part: string): string => (IDENTIFIER.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`);

/** Where the path behind the word `package` starts. */
const packagePathStart = (source: string, start: number): number => {
  const lexer = new Lexer(source, []);
  lexer.at.pos = start;
  lexer.scan();
  do lexer.scan();
  while (lexer.token.kind === 'whitespace' || lexer.token.kind === 'comment');
  return lexer.token.start;
};

/** Where the text says `data` and means the document. */
const dataPositions = (
  module: Module,
  source: string,
): { positions: ReadonlySet<number>; diagnostics: readonly Diagnostic[] } => {
  const positions = new Set<number>();
  const diagnostics: Diagnostic[] = [];
  for (const { path } of module.imports) {
    // `import data` names the whole document: it stays, and what is used through it gets the prefix.
    if (path.head.kind === 'var' && path.head.name === 'data' && path.path.length > 0) {
      positions.add(path.head.location.start);
    }
  }
  const ruleNames = module.rules.flatMap(({ head: { ref } }) => (ref.head.kind === 'var' ? [ref.head.name] : []));
  const globals = globalsOf(module, ruleNames);
  // A rule that took the name: no reference of this module reaches the document.
  if ((globals.get('data')?.length ?? 1) > 1) return { positions, diagnostics };

  const add = (name: string, start: number): void => {
    if (name === 'data' && source.startsWith('data', start)) positions.add(start);
  };
  const inTerm = (term: Term): boolean => {
    if (term.kind === 'ref' && term.head.kind === 'var') add(term.head.name, term.head.location.start);
    if (term.kind === 'call' && term.operatorRef === undefined) {
      add(term.operator[0] ?? '', term.operatorLocation?.start ?? term.location.start);
    }
    return true;
  };
  const inWiths = (expr: Expr): void => {
    for (const { target } of expr.with) walkTerm(target, inTerm);
  };
  for (const parsed of module.rules) {
    const refs = resolveRefs(parsed, globals);
    const locals = rewriteLocals(refs.rule, new UniqueNames());
    diagnostics.push(...refs.diagnostics, ...locals.diagnostics);
    for (const rule of chainOf(locals.rule)) {
      for (const term of headTerms(rule)) {
        walkTerm(term, inTerm);
        forEachExprInTerm(term, inWiths);
      }
      walkBody(rule.body, inTerm);
      forEachExpr(rule.body, inWiths);
    }
  }
  return { positions, diagnostics };
};
