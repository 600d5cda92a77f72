import type { Body, Expr, Import, Module, RegoVersion, Term } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';
import { V1_KEYWORDS } from '../lexer.ts';
import { ruleFromBody } from './bare-rule.ts';
import { applyLanguageImport, parseImport, parsePackage } from './declaration.ts';
import type { Package } from './declaration.ts';
import { parseBody, parseLiteral, parseQuery as parseLiterals } from './expression.ts';
import { keywordAsRuleName } from './keyword-name.ts';
import { checkV1Rule, finishRule, parseRules } from './rule.ts';
import type { RuleDraft } from './rule.ts';
import { Parser } from './state.ts';
import { isPlainTerm } from './template.ts';

/** What parsing gives: `module` is undefined exactly when there are diagnostics. */
export interface ParsedModule {
  readonly module: Module | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** `body` is undefined exactly when there are diagnostics. */
export interface ParsedQuery {
  readonly body: Body | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** `term` is undefined exactly when there are diagnostics. */
export interface ParsedTerm {
  readonly term: Term | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

type Statement =
  | { readonly kind: 'package'; readonly value: Package }
  | { readonly kind: 'import'; readonly value: Import }
  | { readonly kind: 'rule'; readonly value: RuleDraft }
  | { readonly kind: 'body'; readonly value: readonly Expr[] };

const grammar = { parseBody, parseLiteral };

const createParser = (source: string, file: string, version: RegoVersion, keepsComments?: boolean): Parser =>
  new Parser(source, file, version, version === 'v1' ? V1_KEYWORDS : [], grammar, keepsComments);

/**
 * Parses a module. `version` is the language of modules that do not say `import rego.v1`; `file` is only used in
 * locations. Never throws: all that is wrong with the text is in `diagnostics`, with the code `rego_parse_error`.
 * Parsing mostly stops at the first problem.
 */
export const parseModule = (source: string, file: string, version: RegoVersion): ParsedModule => {
  return parseWith(createParser(source, file, version));
};

/** A comment: what stands behind its `#`, up to the end of the line. */
export interface Comment {
  readonly text: string;
  readonly location: Location;
}

/** {@link parseModule}, with every comment of the text in order. */
export const parseModuleAndComments = (
  source: string,
  file: string,
  version: RegoVersion,
): ParsedModule & { readonly comments: readonly Comment[] } => {
  const p = createParser(source, file, version, true);
  return { ...parseWith(p), comments: commentsOf(p) };
};

const parseWith = (p: Parser): ParsedModule => {
  const statements = parseStatements(p, true);
  if (p.diagnostics.length > 0) return { module: undefined, diagnostics: p.diagnostics };
  return assemble(p, statements);
};

const commentsOf = (p: Parser): readonly Comment[] =>
  [...p.commentTexts]
    .sort(([a], [b]) => a - b)
    .map(([, { text, location }]) => ({ text: text.slice(1).replace(/\r$/, ''), location }));

/**
 * Parses a query: the literals of a body, divided by `;` or line feeds, in Rego v1. `imports` are those that stand in front
 * of it; the words of the language that they bring are known in it. Never throws.
 */
export const parseQuery = (source: string, file: string, imports: readonly Import[] = []): ParsedQuery => {
  const p = createParser(source, file, 'v1');
  for (const one of imports) applyLanguageImport(p, one);
  const statements = parseStatements(p, false);
  if (p.diagnostics.length > 0) return { body: undefined, diagnostics: p.diagnostics };
  const body: Expr[] = [];
  for (const statement of statements) {
    if (statement.kind === 'body') body.push(...statement.value);
    else p.error(p.here(), `expected a query, got: ${statement.kind}`);
  }
  if (body.length === 0 && p.diagnostics.length === 0) p.error(p.here(), 'found empty body');
  return p.diagnostics.length > 0
    ? { body: undefined, diagnostics: p.diagnostics }
    : { body, diagnostics: p.diagnostics };
};

/** Parses one term in Rego v1. Never throws. */
export const parseTerm = (source: string, file: string): ParsedTerm => {
  const { body, diagnostics } = parseQuery(source, file);
  if (body === undefined) return { term: undefined, diagnostics };
  const [expr] = body;
  if (body.length === 1 && expr !== undefined && !expr.negated && expr.with.length === 0 && isPlainTerm(expr.term)) {
    return { term: expr.term, diagnostics };
  }
  const location = expr?.location ?? { file, row: 1, col: 1, start: 0, end: source.length };
  return { term: undefined, diagnostics: [{ code: 'rego_parse_error', message: 'expected one term', location }] };
};

const parseStatements = (p: Parser, withRules: boolean): Statement[] => {
  const statements: Statement[] = [];
  p.scan();
  while (!p.is('eof')) {
    p.clearCache();
    const parsed = parseStatement(p, withRules);
    if (parsed === undefined) break;
    statements.push(...parsed);
  }
  return statements;
};

/** The next statement, tried as each kind in turn. Undefined where parsing has to stop. */
const parseStatement = (p: Parser, withRules: boolean): Statement[] | undefined => {
  if (withRules && keywordAsRuleName(p, false)) return undefined;
  const before = p.save();
  if (p.is('package')) {
    const value = parsePackage(p);
    if (value !== undefined) return endsPath(p) ? [{ kind: 'package', value }] : undefined;
  } else if (p.is('import')) {
    const value = parseImport(p);
    if (value !== undefined) {
      if (!endsPath(p)) return undefined;
      applyLanguageImport(p, value);
      return [{ kind: 'import', value }];
    }
  }
  if (p.diagnostics.length > 0) return undefined;
  p.restore(before);
  if (withRules) {
    const rules = parseRules(p);
    if (rules !== undefined) return rules.map((value) => ({ kind: 'rule', value }));
    if (p.diagnostics.length > 0) return undefined;
    p.restore(before);
  }
  const body = parseLiterals(p, 'eof', true);
  return body && [{ kind: 'body', value: body }];
};

/** A minus behind a path would otherwise start a statement of its own. */
const endsPath = (p: Parser): boolean => {
  if (p.is('minus')) p.illegal();
  return !p.is('minus');
};

const assemble = (p: Parser, statements: readonly Statement[]): ParsedModule => {
  const { file } = p;
  const [first, ...rest] = statements;
  if (first === undefined) {
    p.error({ file, row: 0, col: 0, start: 0, end: 0 }, 'empty module');
    return { module: undefined, diagnostics: p.diagnostics };
  }
  if (first.kind !== 'package') p.error(locationOf(first), 'package expected');
  const imports: Import[] = [];
  const drafts: RuleDraft[] = [];
  rest.forEach((statement, index) => {
    switch (statement.kind) {
      case 'package':
        p.error(statement.value.location, 'unexpected package');
        break;
      case 'import':
        imports.push(statement.value);
        break;
      case 'rule':
        drafts.push(statement.value);
        break;
      case 'body':
        addBareRule(p, statement.value, rest[index + 1], drafts);
        break;
      default:
        statement satisfies never;
    }
  });
  const regoVersion = p.version === 'v1' || imports.some(isLanguageImport) ? 'v1' : 'v0';
  const problems = regoVersion === 'v1' ? drafts.flatMap(checkV1Rule) : [];
  const diagnostics = [...p.diagnostics, ...problems];
  if (diagnostics.length > 0 || first.kind !== 'package') return { module: undefined, diagnostics };
  const module: Module = {
    kind: 'module',
    file,
    package: first.value.path,
    packageLocation: first.value.location,
    imports,
    rules: drafts.map(finishRule),
    regoVersion,
    improvedNot: p.notBodies,
    ...metadataOf(p),
  };
  return { module, diagnostics };
};

/** Blocks of comments that start in the first column with `METADATA`; a block ends where a row is left out. */
const metadataOf = (p: Parser): Pick<Module, 'metadata'> => {
  const blocks: { lines: string[]; location: Location }[] = [];
  let open: { lines: string[]; location: Location } | undefined;
  for (const { text, location } of commentsOf(p)) {
    const follows = open !== undefined && location.row === open.location.row + open.lines.length + 1;
    if (location.col === 1 && text.trimStart().startsWith('METADATA')) {
      open = { lines: [], location };
      blocks.push(open);
    } else if (open !== undefined && follows && location.col === 1) {
      open.lines.push(text.replace(/^ /, ''));
    } else {
      open = undefined;
    }
  }
  return blocks.length === 0 ? {} : { metadata: blocks };
};

const isLanguageImport = ({ path }: Import): boolean => path.head.kind === 'var' && path.head.name === 'rego';

const locationOf = (statement: Statement) =>
  statement.kind === 'body' ? (statement.value[0]?.location ?? NOWHERE) : statement.value.location;

const NOWHERE = { file: '', row: 0, col: 0, start: 0, end: 0 };

const addBareRule = (p: Parser, body: readonly Expr[], next: Statement | undefined, drafts: RuleDraft[]): void => {
  const draft = ruleFromBody(body);
  if (typeof draft !== 'string') {
    drafts.push(draft);
    return;
  }
  const location = body[0]?.location ?? NOWHERE;
  const keyword = p.version === 'v0' ? missingHeadKeyword(body, next) : undefined;
  if (keyword !== undefined) {
    const example = keyword === 'if' ? 'p if { ... }' : 'p contains x';
    p.hint(`\`import future.keywords.${keyword}\` for \`${example}\` rules`);
  }
  p.error(location, draft);
};

/** `p if { … }` without the import reads as the expression `p` and a rule named `if`. */
const missingHeadKeyword = (body: readonly Expr[], next: Statement | undefined): string | undefined => {
  const word = (name: string | undefined): string | undefined =>
    name === 'if' || name === 'contains' ? name : undefined;
  const bodyWord = (exprs: readonly Expr[]): string | undefined => {
    const [expr] = exprs;
    return exprs.length === 1 && expr?.term.kind === 'var' ? word(expr.term.name) : undefined;
  };
  const own = bodyWord(body);
  if (own !== undefined || next === undefined || locationOf(next).row !== body[0]?.location.row) return own;
  if (next.kind === 'body') return bodyWord(next.value);
  if (next.kind !== 'rule') return undefined;
  const [name] = next.value.head.ref;
  return name?.kind === 'var' ? word(name.name) : undefined;
};
