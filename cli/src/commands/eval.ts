import type { Value } from '@edict/rego';
import { Coverage, EventLog, Explanation, Profile, type TraceListener, type TracePlace } from '@edict/rego/tools';
import { CommandError, EXIT_CODES, type Io } from '../io.ts';
import { boxTable } from '../rego/box-table.ts';
import { coverageJson, coverageReport, prettyCoverage } from '../rego/coverage-report.ts';
import { readInputDocument } from '../rego/input.ts';
import { PolicyNetwork, type PolicySession } from '../rego/network.ts';
import {
  prepareQuery,
  prepareTelling,
  type CompileChoices,
  type EvaluationChoices,
  type PreparedQuery,
  type QueryChoices,
  type Row,
} from '../rego/evaluate.ts';
import { eventsJson, eventsOf, printEvents, type ExplainMode } from '../rego/explain-log.ts';
import { printExplanation } from '../rego/explain-tree.ts';
import { printPlace, ToolProblems, type ToolProblem } from '../rego/problems.ts';
import type { Report } from '../rego/report-json.ts';
import { printResults, type ResultFormat } from '../rego/results.ts';
import { loadSources, regoVersionOf, type SourceOptions, type Sources } from '../rego/sources.ts';
import { Timers } from '../rego/timers.ts';

/** What a query is asked of, and how; `edict eval` and `edict bench` share it. */
export interface QueryOptions extends SourceOptions {
  readonly input?: string;
  readonly stdinInput: boolean;
  /** The query is on standard input. */
  readonly stdin: boolean;
  readonly package?: string;
  readonly import: readonly string[];
  readonly strictBuiltinErrors: boolean;
  readonly strict: boolean;
  readonly v0Compatible: boolean;
  readonly timeout: number;
  /** Hosts that policies may ask. */
  readonly allowNet: readonly string[];
}

export interface EvalOptions extends QueryOptions {
  readonly format: ResultFormat;
  readonly explain: ExplainMode;
  readonly varValues: boolean;
  readonly fail: boolean;
  readonly failDefined: boolean;
  readonly metrics: boolean;
  readonly profile: boolean;
  readonly profileLimit: number;
  readonly prettyLimit: number;
  readonly coverage: boolean;
}

/** `edict eval`: one query against policies and data. Exit codes are OPA's: 2 for errors, 1 for results that are not wanted. */
export async function evaluateQuery(io: Io, query: string | undefined, options: EvalOptions): Promise<void> {
  const timers = new Timers(() => performance.now());
  let rows: readonly Row[] = [];
  let problems: readonly ToolProblem[] = [];
  let told: Told | undefined;
  try {
    const asked = await readQuestion(io, query, options, timers);
    let printed: string[] = [];
    const evaluate = prepare(asked, options, timers).bind({
      note: (message, from) => {
        if (from === 'print') printed.push(`${message}\n`);
      },
    });
    using network = await PolicyNetwork.open(options.allowNet, (message) => {
      io.stderr(`${message}\n`);
    });
    const session = network.session();
    const choices = {
      input: asked.input,
      strictBuiltinErrors: options.strictBuiltinErrors,
      timeoutMs: options.timeout,
      nowNs: BigInt(Date.now()) * 1_000_000n,
      network: session.session,
    };
    const result = await timers.timeAsync('rego_query_eval', () =>
      session.evaluate(() => {
        printed = [];
        return evaluate(choices);
      }),
    );
    io.stderr(printed.join(''));
    ({ rows } = result);
    if (result.problem !== undefined) problems = [result.problem];
    else if (options.allowNet.length > 0) io.stderr(session.session.failures.map((line) => `${line}\n`).join(''));
    if (needsTrace(options)) told = await tell(asked, options, choices, session);
  } catch (error) {
    if (!(error instanceof ToolProblems)) throw error;
    ({ problems } = error);
  }
  print(io, options, rows, problems, told, timers);
  if (problems.length > 0) throw new CommandError('', EXIT_CODES.regoFailed);
  if ((options.fail && rows.length === 0) || (options.failDefined && rows.length > 0)) {
    throw new CommandError('');
  }
}

/** A query with everything that it is asked of. */
export interface Question {
  readonly query: string;
  readonly sources: Sources;
  readonly input: Value;
}

/** Reads the query, the policies, the data and the input. @throws ToolProblems, or CommandError for contradicting options */
export async function readQuestion(
  io: Io,
  query: string | undefined,
  options: QueryOptions,
  timers: Timers,
): Promise<Question> {
  checkQuestion(query, options);
  const text = query ?? (await io.stdin()).toString('utf8');
  const sources = await timers.timeAsync('rego_load_files', () => loadSources(options));
  const input = await readInputDocument(io, options);
  return { query: text, sources, input };
}

/** Compiles what {@link readQuestion} read. @throws ToolProblems */
export function prepare({ query, sources }: Question, options: QueryOptions, timers: Timers): PreparedQuery {
  return prepareQuery(sources, queryChoices(query, options), compileChoices(options), timers);
}

function queryChoices(query: string, options: QueryOptions): QueryChoices {
  return { query, package: options.package, imports: options.import };
}

function compileChoices(options: QueryOptions): CompileChoices {
  return { regoVersion: regoVersionOf(options), strict: options.strict };
}

/** Evaluates once more, for what the user wants to know beside the answer. */
async function tell(
  { query, sources }: Question,
  options: EvalOptions,
  choices: EvaluationChoices,
  session: PolicySession,
): Promise<Told> {
  const telling = prepareTelling(sources, queryChoices(query, options), compileChoices(options));
  const told = await session.replay(() => {
    const attempt = new Told(telling.places, options);
    telling.tell(
      {
        trace: attempt.listener,
        note: (message, from) => {
          if (from === 'trace') attempt.log?.note(message);
        },
      },
      choices,
    );
    return attempt;
  });
  told.report(sources);
  return told;
}

function checkQuestion(query: string | undefined, options: QueryOptions): void {
  const { stdin, stdinInput, input } = options;
  if (stdin && query !== undefined) throw new CommandError('name a query, or give it with --stdin, not both');
  if (!stdin && query === undefined) throw new CommandError('name a query, or give it with --stdin');
  if (stdin && stdinInput) throw new CommandError('--stdin and --stdin-input cannot both read standard input');
  if (stdinInput && input !== undefined) throw new CommandError('give --input or --stdin-input, not both');
}

function needsTrace({ explain, profile, coverage }: EvalOptions): boolean {
  return explain !== 'off' || profile || coverage;
}

/** What the evaluation tells of itself, as far as somebody wants to know. */
class Told {
  readonly listener: TraceListener;
  readonly log: EventLog | undefined;
  readonly #options: EvalOptions;
  readonly #explanation: Explanation | undefined;
  readonly #profile: Profile | undefined;
  readonly #coverage: Coverage | undefined;
  #coverageReport: ReturnType<typeof coverageReport> | undefined;

  constructor(places: readonly TracePlace[], options: EvalOptions) {
    this.#options = options;
    const { explain, profile, coverage } = options;
    if (explain === 'tree') this.#explanation = new Explanation(places);
    else if (explain !== 'off') this.log = new EventLog(places);
    if (profile) this.#profile = new Profile(() => performance.now());
    if (coverage) this.#coverage = new Coverage();
    const listeners = [
      this.#explanation?.listener,
      this.log?.listener,
      this.#profile?.listenTo(places),
      this.#coverage?.listenTo(places),
    ].filter((listener) => listener !== undefined);
    this.listener = (...event) => {
      for (const listener of listeners) listener(...event);
    };
  }

  report(sources: Sources): void {
    if (this.#coverage !== undefined) this.#coverageReport = coverageReport(this.#coverage, sources);
  }

  /** What stands in front of the result. */
  explanation(): string {
    if (this.#explanation !== undefined) return printExplanation(this.#explanation);
    if (this.log === undefined) return '';
    const { explain, varValues } = this.#options;
    return printEvents(eventsOf(this.log, explain), varValues || explain === 'debug', this.log.dropped);
  }

  json(): Readonly<Record<string, Report>> {
    const lines =
      this.#explanation === undefined ? undefined : printExplanation(this.#explanation).trimEnd().split('\n');
    const explanation = lines ?? (this.log && eventsJson(eventsOf(this.log, this.#options.explain)));
    return {
      ...(explanation === undefined ? {} : { explanation }),
      ...(this.#profile === undefined ? {} : { profile: this.#profileLines() }),
      ...(this.#coverageReport === undefined ? {} : { coverage: coverageJson(this.#coverageReport) }),
    };
  }

  /** What stands behind the result. */
  tables(): string {
    const coverage = this.#coverageReport === undefined ? '' : prettyCoverage(this.#coverageReport);
    if (this.#profile === undefined) return coverage;
    const rows = this.#profileLines().map((line) => [
      `${(line.total_time_ns / 1000).toFixed(3)}µs`,
      String(line.num_eval),
      String(line.num_redo),
      String(line.num_gen_expr),
      printPlace(line.location),
    ]);
    return boxTable(['Time', 'Num Eval', 'Num Redo', 'Num Gen Expr', 'Location'], rows) + coverage;
  }

  #profileLines() {
    return (this.#profile?.top(this.#options.profileLimit) ?? []).map((line) => ({
      total_time_ns: line.totalTimeNs,
      num_eval: line.evaluations,
      num_redo: line.redos,
      num_gen_expr: line.generated,
      location: { file: line.file, row: line.row, col: line.col },
    }));
  }
}

function print(
  io: Io,
  options: EvalOptions,
  rows: readonly Row[],
  problems: readonly ToolProblem[],
  told: Told | undefined,
  timers: Timers,
): void {
  const { format } = options;
  const isJson = format === 'json' || format === 'discard';
  const explanation = told?.explanation() ?? '';
  if (format === 'pretty') io.stdout(explanation);
  else if (!isJson && explanation !== '') io.stderr(explanation);
  const metrics = options.metrics || options.profile ? { metrics: timers.metrics() } : {};
  const more = isJson && told !== undefined ? { more: told.json() } : {};
  const { stdout, stderr } = printResults(format, { rows, problems, ...metrics, ...more }, options.prettyLimit);
  if (stdout !== '') io.stdout(stdout);
  if (stderr !== '') io.stderr(stderr);
  if (format === 'pretty' && problems.length === 0 && told !== undefined) io.stdout(told.tables());
}

/** The answer to `--partial`. */
export function refusePartial(): never {
  throw new CommandError('partial evaluation is not supported: policies are compiled as a whole');
}
