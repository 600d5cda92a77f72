import type { Program, RegoModule } from './api.ts';
import type { RegoVersion } from './ast.ts';
import type { Diagnostic } from './diagnostics.ts';
import { Runner, type Failure } from './instantiate.ts';
import { builtins as allBuiltins, type Builtin } from './runtime/builtins/registry.ts';
import { openWorkspace } from './workspace.ts';
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

/** Compiles a query, in Rego v1 without imports, against modules. A row needs every expression of the query to hold. */
export const compileQuery = (text: string, modules: readonly RegoModule[], options: QueryOptions = {}): QueryResult => {
  const main = compileIn(modules, text, options.regoVersion);
  if (!main.ok || options.inputTerm === undefined) return main;
  const input = compileIn([], `x = ${options.inputTerm}`, undefined);
  return input.ok ? { ok: true, query: { ...main.query, inputProgram: input.query.program } } : input;
};

const compileIn = (modules: readonly RegoModule[], text: string, regoVersion: RegoVersion | undefined): QueryResult => {
  const opened = openWorkspace(modules, { regoVersion, capture: false });
  if (!opened.ok) return opened;
  const compiled = opened.value.query(text);
  if (!compiled.ok) return compiled;
  const { program, vars } = compiled.value;
  return { ok: true, query: { program, vars, inputProgram: undefined } };
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
