import type { Body, Module, RegoVersion, Rule, Term } from './ast.ts';
import { builtinFacts, checkTrees } from './compile.ts';
import { generateProgram } from './codegen/program.ts';
import type { Diagnostic, Location } from './diagnostics.ts';
import { Runner, type Failure } from './instantiate.ts';
import { parseModule, parseQuery, parseTerm } from './parser/index.ts';
import { isGenerated } from './passes/expand.ts';
import { orderUnit } from './passes/order-unit.ts';
import { resolveModules } from './passes/resolve.ts';
import { safetyFilter, varsOfBody, walkBody } from './passes/vars.ts';
import { bodiesOfUnit, findReplacements } from './plan/documents.ts';
import { planUnit } from './plan/plan.ts';
import type { Program, RegoModule } from './api.ts';
import { builtins as allBuiltins, type Builtin } from './runtime/builtins/registry.ts';
import type { Value } from './runtime/value.ts';

/** A query compiled against modules: evaluates a body and gives all rows of bindings. */
export interface Query {
  readonly program: Program;
  /** Names of the columns, as the query wrote them. */
  readonly vars: readonly string[];
  /** The input that `inputTerm` says. */
  readonly inputProgram: Program | undefined;
}

export type QueryResult =
  { readonly ok: true; readonly query: Query } | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

export interface QueryOptions {
  readonly regoVersion?: RegoVersion | undefined;
  /** A ground Rego term that stands for the input document: it may hold what JSON cannot say. */
  readonly inputTerm?: string | undefined;
}

export type QueryFailure = Failure;

export interface QueryRun {
  readonly data: Value;
  readonly input: Value;
  readonly strictBuiltinErrors: boolean;
  readonly builtins?: ReadonlyMap<string, Builtin>;
}

/** The package of a query; no policy can declare it, and it is no part of `data`. */
const queryPackage = '\u0000query';
const nowhere: Location = { file: '', row: 1, col: 1, start: 0, end: 0 };

/** Compiles a query, in Rego v1 without imports, against modules. */
export const compileQuery = (text: string, modules: readonly RegoModule[], options: QueryOptions = {}): QueryResult => {
  const parsed = modules.map(({ name, source }) => parseModule(source, name, options.regoVersion ?? 'v1'));
  const query = parseQuery(text, 'query.rego');
  const problems = [...parsed.flatMap(({ diagnostics }) => diagnostics), ...query.diagnostics];
  if (query.body === undefined || problems.length > 0) return { ok: false, diagnostics: problems };
  const trees = parsed.map(({ module }) => module).filter((module) => module !== undefined);
  const compiled = compileBody(query.body, trees);
  if (!compiled.ok || options.inputTerm === undefined) return compiled;
  const term = parseTerm(options.inputTerm, 'input.rego');
  if (term.term === undefined) return { ok: false, diagnostics: term.diagnostics };
  const input = compileBody(assignment(term.term), []);
  return input.ok ? { ok: true, query: { ...compiled.query, inputProgram: input.query.program } } : input;
};

/** Evaluates a query. Under strict built-in errors there may be rows beside the failure. */
export const runQuery = (
  query: Query,
  run: QueryRun,
): { readonly rows: readonly Readonly<Record<string, Value>>[]; readonly failure: QueryFailure | undefined } => {
  const available = run.builtins ?? allBuiltins;
  const runner = (program: Program): Runner => new Runner(program, { data: run.data }, available);
  const how = { strictBuiltinErrors: run.strictBuiltinErrors };
  const rowsOf = (value: Value): readonly (readonly Value[])[] => (value ?? []) as readonly (readonly Value[])[];
  let { input } = run;
  if (query.inputProgram !== undefined) input = rowsOf(runner(query.inputProgram).run('query', undefined, how))[0]?.[0];
  const main = runner(query.program);
  const rows = rowsOf(main.run('query', input, how)).map((row) =>
    Object.fromEntries(query.vars.map((name, index) => [name, row[index]])),
  );
  return { rows, failure: main.failure };
};

const assignment = (term: Term): Body => [
  {
    kind: 'expr',
    term: {
      kind: 'call',
      operator: ['eq'],
      args: [{ kind: 'var', name: 'x', location: nowhere }, term],
      location: nowhere,
    },
    negated: false,
    with: [],
    location: nowhere,
  },
];

const compileBody = (body: Body, modules: readonly Module[]): QueryResult => {
  const { unit, diagnostics } = checkTrees(modules, {});
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  // The query sees all of `data`; as a rule among rules it would see itself, so it is resolved beside the checked unit.
  const resolved = resolveModules([...modules, queryModule(body)]);
  if (resolved.diagnostics.length > 0) return { ok: false, diagnostics: resolved.diagnostics };
  const beside = orderUnit(resolved.unit);
  if (beside.diagnostics.length > 0) return { ok: false, diagnostics: beside.diagnostics };
  const ordered = beside.unit.modules.at(-1)?.rules[0]?.body ?? [];
  const vars = columns(ordered);
  const outline = { name: 'query', body: ordered, vars: [...vars.keys()] };
  const plan = planUnit(unit, [], builtinFacts(unit), [outline]);
  const generated = generateProgram(plan, findReplacements([...bodiesOfUnit(unit), ordered]).data);
  const program: Program = { format: 1, entrypoints: ['query'], ...generated };
  return { ok: true, query: { program, vars: [...vars.values()], inputProgram: undefined } };
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
      .filter((name) => name !== 'data' && name !== 'input' && !isGenerated(originals.get(name) ?? name))
      .map((name) => [name, originals.get(name) ?? name]),
  );
};

const queryModule = (body: Body): Module => {
  const rule: Rule = {
    kind: 'rule',
    default: false,
    head: {
      rule: 'complete',
      ref: { kind: 'ref', head: { kind: 'var', name: 'rows', location: nowhere }, path: [], location: nowhere },
      args: undefined,
      key: undefined,
      value: { kind: 'boolean', value: true, location: nowhere },
      assign: true,
      location: nowhere,
    },
    body,
    else: undefined,
    location: nowhere,
  };
  return {
    kind: 'module',
    file: 'query.rego',
    package: [queryPackage],
    packageLocation: nowhere,
    imports: [],
    rules: [rule],
    regoVersion: 'v1',
    improvedNot: false,
  };
};
