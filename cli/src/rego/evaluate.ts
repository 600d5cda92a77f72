import type { EvaluateOptions, RegoVersion, Value } from '@edict/rego';
import type { NetworkSession } from '@edict/rego/network';
import {
  bindProgram,
  openWorkspace,
  type Compiled,
  type Failure,
  type Listeners,
  type TracePlace,
  type Workspace,
  type WorkspaceOptions,
  type WorkspaceQuery,
} from '@edict/rego/tools';
import { problemOf, ToolProblems, type ToolProblem } from './problems.ts';
import type { Sources } from './sources.ts';
import type { Timers } from './timers.ts';

/** How policies are compiled. */
export interface CompileChoices {
  readonly regoVersion: RegoVersion;
  readonly strict: boolean;
}

/** What is asked of policies. */
export interface QueryChoices {
  readonly query: string;
  readonly package?: string | undefined;
  readonly imports: readonly string[];
}

/** One evaluation. */
export interface EvaluationChoices {
  readonly input: Value;
  readonly strictBuiltinErrors: boolean;
  readonly timeoutMs: number;
  /** What time it is, where two evaluations are to agree on it. */
  readonly nowNs?: bigint;
  /** What built-ins may ask: see `withNetwork`. */
  readonly network?: NetworkSession;
}

/** One way in which the query holds. */
export interface Row {
  readonly expressions: readonly {
    readonly value: Value;
    readonly text: string;
    readonly row: number;
    readonly col: number;
  }[];
  readonly bindings: ReadonlyMap<string, Value>;
}

/** The value of what compiled. @throws ToolProblems with everything that did not */
export function compiled<T>(result: Compiled<T>, textOfFile?: (file: string) => string | undefined): T {
  if (result.ok) return result.value;
  throw new ToolProblems(result.diagnostics.map((diagnostic) => problemOf(diagnostic, textOfFile)));
}

/** Checks policies together. @throws ToolProblems */
export function openSources(sources: Sources, choices: CompileChoices, more: WorkspaceOptions = {}): Workspace {
  return compiledSources(sources, openWorkspace(sources.modules, { ...sourceOptions(sources, choices), ...more }));
}

/** How policies are checked together. */
export function sourceOptions({ schemas }: Sources, { regoVersion, strict }: CompileChoices): WorkspaceOptions {
  return { regoVersion, strict, print: 'keep', annotations: true, schemas };
}

/** What compiling policies gave. @throws ToolProblems that show their lines */
export function compiledSources<T>(sources: Sources, result: Compiled<T>): T {
  const texts = new Map(sources.modules.map(({ name, source }) => [name, source]));
  return compiled(result, (file) => texts.get(file));
}

/** A query that is ready to be evaluated, once or often. */
export interface PreparedQuery {
  /** Binds the query to the data, for evaluations one after the other. */
  readonly bind: (listeners: Pick<Listeners, 'note'>) => (choices: EvaluationChoices) => QueryResult;
}

/** A query that tells how its answer comes about. */
export interface ToldQuery {
  readonly places: readonly TracePlace[];
  /** Evaluates the query for those who listen; the answer is that of {@link PreparedQuery}. */
  readonly tell: (listeners: Listeners, choices: EvaluationChoices) => void;
}

/** What one evaluation gave. Under strict built-in errors there may be rows beside the problem. */
export interface QueryResult {
  readonly rows: readonly Row[];
  readonly problem: ToolProblem | undefined;
}

/** Compiles policies and a query. @throws ToolProblems */
export function prepareQuery(
  sources: Sources,
  choices: QueryChoices,
  how: CompileChoices,
  timers: Timers,
): PreparedQuery {
  const workspace = timers.time('rego_module_compile', () => openSources(sources, how));
  const query = timers.time('rego_query_compile', () => compileQuery(workspace, choices));
  return {
    bind: (listeners) => {
      const run = bindProgram(query.program, sources.data, listeners);
      return (evaluation) => {
        const { value, failure } = run('query', evaluation.input, evaluateOptions(evaluation));
        return { rows: rowsOf(query, value), problem: failure === undefined ? undefined : failureProblem(failure) };
      };
    },
  };
}

/** Compiles policies and a query so that they tell what they do. @throws ToolProblems */
export function prepareTelling(sources: Sources, choices: QueryChoices, how: CompileChoices): ToldQuery {
  const { program, places } = compileQuery(openSources(sources, how, { instrument: true }), choices);
  return {
    places,
    tell: (listeners, evaluation) => {
      bindProgram(program, sources.data, listeners)('query', evaluation.input, evaluateOptions(evaluation));
    },
  };
}

function compileQuery(workspace: Workspace, { query, package: name, imports }: QueryChoices): WorkspaceQuery {
  return compiled(workspace.query(query, { package: name, imports }), () => query);
}

/** Bounds of evaluations that people ask for themselves: only time, and only where they say so. */
export function evaluateOptions({
  strictBuiltinErrors,
  timeoutMs,
  nowNs,
  network,
}: Omit<EvaluationChoices, 'input'>): EvaluateOptions {
  return {
    ...(nowNs === undefined ? {} : { nowNs }),
    ...(network === undefined ? {} : { network }),
    strictBuiltinErrors,
    maxSteps: Number.MAX_SAFE_INTEGER,
    maxMs: timeoutMs,
    maxOutput: Number.MAX_SAFE_INTEGER,
  };
}

/** Why an evaluation failed, as a problem. */
export function failureProblem({ code, message, location }: Failure): ToolProblem {
  return location === undefined
    ? { code, message }
    : { code, message, location: { file: location.file, row: location.row, col: location.col } };
}

function rowsOf({ vars, expressions }: WorkspaceQuery, value: Value): readonly Row[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly (readonly Value[])[]).map((row) => ({
    expressions: expressions.map(({ text, location, column }) => ({
      value: column === undefined ? true : row[column],
      text,
      row: location.row,
      col: location.col,
    })),
    bindings: new Map(vars.map((name, index) => [name, row[index]])),
  }));
}
