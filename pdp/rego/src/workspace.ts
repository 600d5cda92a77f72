import type { Body, CallTerm, Expr, Module, RegoVersion, Rule, Term, VarTerm } from './ast.ts';
import type { Program, RegoModule } from './api.ts';
import { generateProgram } from './codegen/program.ts';
import { builtinFacts, checkTrees, type CheckOptions } from './compile.ts';
import type { Diagnostic, Location } from './diagnostics.ts';
import { parseModule, parseQuery } from './parser/index.ts';
import { annotationProblems } from './passes/attach-annotations.ts';
import { isEquation, isGenerated, isTerm } from './passes/expand.ts';
import { checkUnit } from './passes/index.ts';
import { orderUnit } from './passes/order-unit.ts';
import { resolveModules } from './passes/resolve.ts';
import type { CompileUnit } from './passes/unit.ts';
import { safetyFilter, varsOfBody } from './passes/vars.ts';
import { walkBody } from './passes/walk.ts';
import { LoweringError } from './plan/context.ts';
import { bodiesOfUnit, findReplacements } from './plan/documents.ts';
import { planUnit, type EntrypointOutline, type QueryOutline } from './plan/plan.ts';
import { TracePlaces, type TracePlace } from './trace/places.ts';
import { declaration } from './types/builtins.ts';

/** A module that may be in another language than the rest. */
export interface WorkspaceModule extends RegoModule {
  readonly regoVersion?: RegoVersion | undefined;
}

export interface WorkspaceOptions extends CheckOptions {
  /**
   * Makes programs that tell what they do: see {@link TracePlace}. They are slower, and also try rules that cannot hold, so
   * that one of these can end them with an error: take answers from a program that tells nothing.
   */
  readonly instrument?: boolean | undefined;
  /** Whether rows show the values of expressions; otherwise a row needs all of them to hold. Default true. */
  readonly capture?: boolean | undefined;
  /** Changes the trees before they are checked. */
  readonly prepare?: ((modules: readonly Module[]) => readonly Module[]) | undefined;
}

export interface WorkspaceQueryOptions {
  /** The package whose names the query may use without `data`, as a dotted path: `app.authz`. */
  readonly package?: string | undefined;
  /** What the query imports: `data.app`, `input.user as user`, `rego.v1`. */
  readonly imports?: readonly string[] | undefined;
}

/** An expression of a query. */
export interface QueryExpression {
  /** As written. */
  readonly text: string;
  readonly location: Location;
  /** The column of a row that holds its value. Expressions without one have the value true in every row. */
  readonly column: number | undefined;
}

/** A query compiled against modules. The entry point `query` gives rows: arrays with the values of all columns. */
export interface WorkspaceQuery {
  readonly program: Program;
  /** Names of the first columns, as the query wrote them. */
  readonly vars: readonly string[];
  readonly expressions: readonly QueryExpression[];
  /** What the program tells about; empty unless it is instrumented. */
  readonly places: readonly TracePlace[];
}

/** Documents compiled from modules. The entry points are the numbers of the documents in the order asked for. */
export interface WorkspaceDocuments {
  readonly program: Program;
  readonly places: readonly TracePlace[];
}

/** Modules that were checked together, and that queries are compiled against. */
export interface Workspace {
  readonly unit: CompileUnit;
  readonly query: (text: string, options?: WorkspaceQueryOptions) => Compiled<WorkspaceQuery>;
  /** Compiles documents below `data`, each asked for by an array of names. */
  readonly documents: (paths: readonly (readonly string[])[]) => Compiled<WorkspaceDocuments>;
}

/** What compiling gives: diagnostics are those of the modules or of the query, whose file is {@link QUERY_FILE}. */
export type Compiled<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** The file that the locations of a query name. */
export const QUERY_FILE = '';

/** The package of a query that names none; no policy can declare it, and it is no part of `data`. */
const QUERY_PACKAGE = '\u0000query';
/** The name of the rule that a query is resolved as; no policy can use it. */
const QUERY_RULE = '\u0000rows';
const nowhere: Location = { file: QUERY_FILE, row: 1, col: 1, start: 0, end: 0 };

/** Parses and checks modules. Never throws for anything that module text can cause. */
export const openWorkspace = (
  modules: readonly WorkspaceModule[],
  options: WorkspaceOptions = {},
): Compiled<Workspace> => {
  const parsed = modules.map((m) => parseModule(m.source, m.name, m.regoVersion ?? options.regoVersion ?? 'v1'));
  const written = parsed.map(({ module }) => module).filter((module) => module !== undefined);
  const annotated = options.annotations === true ? written.flatMap(annotationProblems) : [];
  const problems = [...parsed.flatMap(({ diagnostics }) => diagnostics), ...annotated];
  if (problems.length > 0) return { ok: false, diagnostics: problems };
  const trees = options.prepare === undefined ? written : options.prepare(written);
  const sources = new Map(modules.map(({ name, source }) => [name, source]));
  return workspaceOf(trees, sources, options);
};

/** Checks syntax trees together. */
const workspaceOf = (
  trees: readonly Module[],
  sources: ReadonlyMap<string, string>,
  options: WorkspaceOptions,
): Compiled<Workspace> => {
  const { unit, diagnostics } = checkTrees(trees, options);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const open = { unit, trees, sources, options };
  return {
    ok: true,
    value: {
      unit,
      query: (text, how = {}) => refusing(() => compileText(open, text, how)),
      documents: (paths) => refusing(() => compileDocuments(open, paths)),
    },
  };
};

interface Open {
  readonly unit: CompileUnit;
  readonly trees: readonly Module[];
  readonly sources: ReadonlyMap<string, string>;
  readonly options: WorkspaceOptions;
}

/** What no pass refused and cannot be lowered is refused here. */
const refusing = <T>(compile: () => Compiled<T>): Compiled<T> => {
  try {
    return compile();
  } catch (error) {
    if (!(error instanceof LoweringError) && !(error instanceof RangeError)) throw error;
    return refuse('rego_compile_error', error.message);
  }
};

const refuse = <T>(code: Diagnostic['code'], message: string): Compiled<T> => ({
  ok: false,
  diagnostics: [{ code, message, location: nowhere }],
});

const compileText = (open: Open, text: string, how: WorkspaceQueryOptions): Compiled<WorkspaceQuery> => {
  const header = parseHeader(how);
  if (header.module === undefined) return { ok: false, diagnostics: header.diagnostics };
  const { body, diagnostics } = parseQuery(text, QUERY_FILE, header.module.imports);
  if (body === undefined) return { ok: false, diagnostics };
  return compileQueryBody(open, body, text, header.module);
};

/** A module with nothing but the package and the imports of a query. */
const parseHeader = ({
  package: name,
  imports = [],
}: WorkspaceQueryOptions): {
  readonly module: Module | undefined;
  readonly diagnostics: readonly Diagnostic[];
} => {
  const lines = [`package ${name ?? 'query'}`, ...imports.map((path) => `import ${path}`)];
  const { module, diagnostics } = parseModule(lines.join('\n'), QUERY_FILE, 'v1');
  const wanted = module?.imports.length === imports.length && module.rules.length === 0;
  if (diagnostics.length > 0 || module === undefined || !wanted) {
    const what = diagnostics.map(({ message }) => message).join('; ') || 'expected one package and one path per import';
    const message = `the package or an import of the query: ${what}`;
    return { module: undefined, diagnostics: [{ code: 'rego_parse_error', message, location: nowhere }] };
  }
  return { module: name === undefined ? { ...module, package: [QUERY_PACKAGE] } : module, diagnostics };
};

/** Compiles the body of a query whose package and imports are those of `header`. */
const compileQueryBody = (open: Open, body: Body, text: string, header: Module): Compiled<WorkspaceQuery> => {
  const captured = open.options.capture === false ? { body, vars: [], expressions: [] } : captureValues(body, text);
  // The query sees all of `data`; as a rule among rules it would see itself, so it is resolved beside the checked unit.
  const resolved = resolveModules([...open.trees, { ...header, rules: [queryRule(captured.body)] }], {
    unsafeBuiltins: open.options.unsafeBuiltins ?? [],
    schemas: open.options.schemas,
  });
  if (resolved.diagnostics.length > 0) return { ok: false, diagnostics: ofQuery(resolved.diagnostics) };
  const beside = orderUnit(resolved.unit);
  if (beside.diagnostics.length > 0) return { ok: false, diagnostics: ofQuery(beside.diagnostics) };
  const types = checkQueryTypes(beside.unit);
  if (types.length > 0) return { ok: false, diagnostics: types };
  const ordered = beside.unit.modules.at(-1)?.rules[0]?.body ?? [];
  const vars = columns(ordered);
  const outline = { name: 'query', body: ordered, vars: [...vars.keys(), ...captured.vars], text };
  const expressions = captured.expressions.map((expression) =>
    expression.column === undefined ? expression : { ...expression, column: expression.column + vars.size },
  );
  const { program, places } = generate(open, [], [outline], text);
  return { ok: true, value: { program, vars: [...vars.values()], expressions, places } };
};

/** Type errors of a query. One that asks for all of `data` asks for itself, which the check takes for a recursion. */
const checkQueryTypes = (unit: CompileUnit): readonly Diagnostic[] =>
  checkUnit(unit).filter(({ code, location }) => code !== 'rego_recursion_error' && location.file === QUERY_FILE);

/** Messages name what the user wrote: not what stands for the value of an expression. */
const ofQuery = (diagnostics: readonly Diagnostic[]): readonly Diagnostic[] => {
  const own = diagnostics.filter(
    ({ code, message }) => code !== 'rego_unsafe_var_error' || message !== 'var _ is unsafe',
  );
  return own.length > 0 ? own : diagnostics;
};

const compileDocuments = (open: Open, paths: readonly (readonly string[])[]): Compiled<WorkspaceDocuments> => ({
  ok: true,
  value: generate(
    open,
    paths.map((path, index) => ({ name: String(index), path })),
    [],
    '',
  ),
});

const generate = (
  open: Open,
  documents: readonly EntrypointOutline[],
  queries: readonly QueryOutline[],
  text: string,
): WorkspaceDocuments => {
  const { unit } = open;
  const trace =
    open.options.instrument === true ? new TracePlaces(new Map([...open.sources, [QUERY_FILE, text]])) : undefined;
  const plan = planUnit(unit, documents, builtinFacts(unit), queries, trace);
  const bodies = [...bodiesOfUnit(unit), ...queries.map(({ body }) => body)];
  const generated = generateProgram(plan, findReplacements(bodies).data);
  const entrypoints = [...documents, ...queries].map(({ name }) => name);
  return { program: { format: 1, entrypoints, ...generated }, places: trace?.places ?? [] };
};

interface Captured {
  readonly body: Body;
  readonly vars: readonly string[];
  readonly expressions: readonly QueryExpression[];
}

/**
 * Keeps the value of each expression of a query, as OPA does: `x > 1` alone has a row also where it is false. Where there
 * are several expressions, or a loop, a row needs all of them to hold.
 */
const captureValues = (body: Body, text: string): Captured => {
  const vars: string[] = [];
  const checks: Expr[] = [];
  const expressions: QueryExpression[] = [];
  const captured = body.map((expr): Expr => {
    const { term, location } = expr;
    const written = { text: text.slice(location.start, Math.max(location.end, term.location.end)).trim(), location };
    if (expr.negated || !isTerm(term) || isUnvalued(term)) {
      expressions.push({ ...written, column: undefined });
      return expr;
    }
    const variable: VarTerm = { kind: 'var', name: `$value${String(vars.length)}`, location };
    expressions.push({ ...written, column: vars.length });
    vars.push(variable.name);
    checks.push({ kind: 'expr', term: variable, negated: false, with: [], location, generated: true });
    return { ...equals(variable, term, location), with: expr.with };
  });
  const several = body.length > 1 || iterates(body);
  return { body: several ? [...captured, ...checks] : captured, vars, expressions };
};

const equals = (left: Term, right: Term, location: Location): Expr => {
  const term: CallTerm = {
    kind: 'call',
    operator: ['eq'],
    target: 'builtin',
    args: [left, right],
    infix: true,
    location,
  };
  return { kind: 'expr', term, negated: false, with: [], location };
};

/** True for equations and assignments, for calls without a result, and for those that say where it goes. */
const isUnvalued = (term: Term): boolean => {
  if (term.kind !== 'call') return false;
  if (isEquation(term) || (term.operator.length === 1 && term.operator[0] === 'assign')) return true;
  const builtin = declaration(term.operator.join('.'));
  return builtin !== undefined && (builtin.void || builtin.arity !== term.args.length);
};

/** True if a ref of a body, outside of closures, goes through a collection. */
const iterates = (body: Body): boolean => {
  let found = false;
  walkBody(body, (term) => {
    if (term.kind.endsWith('comprehension')) return false;
    if (term.kind === 'ref' && term.path.some((part) => part.kind === 'var')) found = true;
    if (term.kind === 'call' && declaration(term.operator.join('.'))?.relation === true) found = true;
    return !found;
  });
  return found;
};

/** The vars of a body that a row shows, with the names that the query gave them. */
const columns = (body: Body): ReadonlyMap<string, string> => {
  const names = new Set<string>();
  varsOfBody(body, safetyFilter, names);
  const originals = new Map<string, string>();
  walkBody(body, (term) => {
    if (term.kind === 'var' && term.original !== undefined) originals.set(term.name, term.original);
    return true;
  });
  return new Map(
    [...names]
      .filter((name) => name !== 'data' && name !== 'input' && !isGenerated(name) && originals.get(name) !== '_')
      .map((name) => [name, originals.get(name) ?? name]),
  );
};

const queryRule = (body: Body): Rule => ({
  kind: 'rule',
  default: false,
  head: {
    rule: 'complete',
    ref: { kind: 'ref', head: { kind: 'var', name: QUERY_RULE, location: nowhere }, path: [], location: nowhere },
    args: undefined,
    key: undefined,
    value: { kind: 'boolean', value: true, location: nowhere },
    assign: true,
    location: nowhere,
  },
  body,
  else: undefined,
  location: nowhere,
});
