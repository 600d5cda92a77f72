import { Option, type Command } from 'commander';
import { BENCH_FORMATS, benchQuery, type BenchOptions } from './commands/bench.ts';
import { checkRego, type CheckOptions } from './commands/check.ts';
import { evaluateQuery, refusePartial, type EvalOptions, type QueryOptions } from './commands/eval.ts';
import { testRego, type TestOptions } from './commands/test.ts';
import type { Io } from './io.ts';
import { duration, durationOrNone, listOf, percent, positiveCount, regularExpression } from './option-values.ts';
import { EXPLAIN_MODES, type ExplainMode } from './rego/explain-log.ts';
import { RESULT_FORMATS } from './rego/results.ts';
import type { SourceOptions } from './rego/sources.ts';

/** The commands for who writes Rego: `eval`, `check` and `bench`; `test` has more under it. */
export function addRegoCommands(program: Command, io: Io): void {
  addEval(program, io);
  addCheck(program, io);
  addBench(program, io);
}

/** Options of commands that read policies and data which they name themselves, as arguments or by `-d`. */
function fileOptions(command: Command): Command {
  return command
    .option('-b, --bundle <path>', 'an OPA bundle: archive or folder (repeatable)', listOf)
    .option('--domain <file>', 'a PolicyDomain file, as the bundle that it renders to (repeatable)', listOf)
    .option('--ignore <glob>', 'files and folders to leave out, by name (repeatable)', listOf)
    .option('-s, --schema <path>', 'JSON schemas: a file for the input, or a folder of those that annotations name')
    .option('--v0-compatible', 'policies that do not say otherwise are Rego v0')
    .option('--v1-compatible', 'policies that do not say otherwise are Rego v1; the default');
}

/** Which hosts policies may ask; OPA says it in its capabilities, as `allow_net`. */
function networkOption(): Option {
  return new Option(
    '--allow-net <host>',
    'a host that http.send and net.lookup_ip_addr may ask: a name, *.suffix, *, an address or a network (repeatable; default: none)',
  ).argParser(listOf);
}

/** Options of commands that ask a query. */
function queryOptions(command: Command): Command {
  return fileOptions(
    command.option('-d, --data <path>', 'policies and data: a file, a folder, or a.b:file.json (repeatable)', listOf),
  )
    .option('-i, --input <file>', 'the input document, JSON or YAML')
    .option('-I, --stdin-input', 'the input document is on standard input')
    .option('--stdin', 'the query is on standard input')
    .option('--package <path>', 'the package whose names the query may use as they are')
    .option('--import <path>', 'what the query imports, such as data.app (repeatable)', listOf)
    .option('--strict-builtin-errors', 'the first error of a built-in ends the evaluation')
    .option('-S, --strict', 'refuse what is legal and most likely a mistake')
    .addOption(networkOption())
    .addOption(new Option('-p, --partial', 'not supported').hideHelp())
    .option(
      '--timeout <duration>',
      'how long the evaluation may take, such as 5s (default: as long as it takes)',
      durationOrNone,
    );
}

type Given<T> = { readonly [K in keyof T]?: T[K] | undefined };

function sourceDefaults(given: Given<SourceOptions>): SourceOptions {
  const { data = [], bundle = [], domain = [], ignore = [], schema } = given;
  return { data, bundle, domain, ignore, ...(schema === undefined ? {} : { schema }) };
}

/** Options as they were given, with what holds for those that were not. */
function queryDefaults(given: Given<QueryOptions>): QueryOptions {
  return {
    ...sourceDefaults(given),
    import: given.import ?? [],
    stdin: given.stdin ?? false,
    stdinInput: given.stdinInput ?? false,
    strict: given.strict ?? false,
    strictBuiltinErrors: given.strictBuiltinErrors ?? false,
    v0Compatible: given.v0Compatible ?? false,
    timeout: given.timeout ?? Number.POSITIVE_INFINITY,
    allowNet: given.allowNet ?? [],
    ...(given.input === undefined ? {} : { input: given.input }),
    ...(given.package === undefined ? {} : { package: given.package }),
  };
}

function evalDefaults(given: Given<EvalOptions>): Omit<EvalOptions, 'format' | 'explain'> {
  return {
    ...queryDefaults(given),
    varValues: given.varValues ?? false,
    fail: given.fail ?? false,
    failDefined: given.failDefined ?? false,
    metrics: given.metrics ?? false,
    profile: given.profile ?? false,
    profileLimit: given.profileLimit ?? 10,
    prettyLimit: given.prettyLimit ?? 80,
    coverage: given.coverage ?? false,
  };
}

function addEval(program: Command, io: Io): void {
  queryOptions(
    program
      .command('eval')
      .description('Evaluate a Rego query, and explain the answer.')
      .argument('[query]', 'what to ask, such as data.app.allow'),
  )
    .addOption(new Option('-f, --format <format>', 'form of the result').choices(RESULT_FORMATS).default('json'))
    .addOption(
      new Option('--explain <mode>', 'tell how the answer came about: a tree, or events as OPA lists them')
        .choices(EXPLAIN_MODES)
        .default('off'),
    )
    .option('--why', 'short for --explain=tree: which rules and literals decided')
    .option('--var-values', 'with --explain: values of variables in lists of events')
    .addOption(new Option('--fail', 'exit with 1 if the result is undefined').conflicts('failDefined'))
    .option('--fail-defined', 'exit with 1 if there is a result')
    .option('--metrics', 'how long loading, compiling and evaluating took')
    .option('--profile', 'which lines took how long')
    .option('--profile-limit <count>', 'how many lines --profile shows (default: 10)', positiveCount)
    .option('--pretty-limit <count>', 'longest text in a cell of a table (default: 80)', positiveCount)
    .option('--coverage', 'which lines were evaluated')
    .addHelpText(
      'after',
      `
Exit codes:
  0    also where the result is undefined
  1    wrong usage, and the results that --fail and --fail-defined name
  2    the query, the policies, the data or the input are in error

Examples:
  ${program.name()} eval 'x := 1; y := 2; x < y'
  ${program.name()} eval -d policies -i input.json data.app.allow
  ${program.name()} eval -b bundle.tar.gz -i input.json --why -f pretty data.app.allow
  ${program.name()} eval -d policies --fail -f raw data.app.allow < /dev/null`,
    )
    .action(
      async (
        query: string | undefined,
        {
          why = false,
          partial = false,
          explain,
          format,
          ...given
        }: Given<EvalOptions> & Pick<EvalOptions, 'format' | 'explain'> & { why?: boolean; partial?: boolean },
      ) => {
        if (partial) refusePartial();
        const mode: ExplainMode = why && explain === 'off' ? 'tree' : explain;
        await evaluateQuery(io, query, { ...evalDefaults(given), explain: mode, format });
      },
    );
}

function addCheck(program: Command, io: Io): void {
  fileOptions(
    program
      .command('check')
      .description('Check Rego policies: syntax, names, safety, recursion, types.')
      .argument('<paths...>', 'files, folders and bundles'),
  )
    .option('-S, --strict', 'refuse what is legal and most likely a mistake')
    .option('-m, --max-errors <count>', 'how many errors to print (default: 10)', positiveCount)
    .addOption(new Option('-f, --format <format>', 'form of errors').choices(['pretty', 'json']).default('pretty'))
    .addHelpText(
      'after',
      `
Exit codes: 0 if the policies load together, 1 if not. Nothing is printed where nothing is wrong.

Examples:
  ${program.name()} check policies
  ${program.name()} check --strict -f json policies/authz.rego lib`,
    )
    .action(async (paths: string[], { format, ...given }: Given<CheckOptions> & Pick<CheckOptions, 'format'>) => {
      await checkRego(io, {
        ...sourceDefaults({ ...given, data: paths }),
        onlyRego: true,
        strict: given.strict ?? false,
        v0Compatible: given.v0Compatible ?? false,
        maxErrors: given.maxErrors ?? 10,
        format,
      });
    });
}

/** Makes `test` a command of its own beside its subcommands. */
export function addRegoTest(test: Command, io: Io, name: string): void {
  fileOptions(test.argument('[paths...]', 'files, folders and bundles'))
    // What stands behind a subcommand is the subcommand's.
    .enablePositionalOptions()
    .option('-r, --run <regex>', 'only tests whose full name, data.app.test_x, matches', regularExpression)
    .option('-v, --verbose', 'also tests that pass, each with what led to its result')
    .addOption(new Option('-f, --format <format>', 'form of the results').choices(['pretty', 'json']).default('pretty'))
    .option('-c, --coverage', 'which lines the tests evaluated')
    .option('--threshold <percent>', 'least coverage; exit with 2 below it', percent)
    .option('-w, --watch', 'run again whenever a file changes')
    .option('--timeout <duration>', 'how long one test may take (default: 5s)', duration)
    .addOption(networkOption())
    .option('--count <count>', 'how often to run all tests (default: 1)', positiveCount)
    .option('--fail-on-empty', 'exit with 1 if there is no test')
    .option('-z, --exit-zero-on-skipped', 'exit with 0 although tests were skipped')
    .option('-m, --max-errors <count>', 'how many errors of policies to print (default: 10)', positiveCount)
    .option('-S, --strict', 'refuse what is legal and most likely a mistake')
    .addHelpText(
      'after',
      `
Tests are rules called test_…; those called todo_test_… are skipped. The subcommands test whole
decisions and mappers of PolicyDomains.

Exit codes:
  0    all tests passed
  1    the tests could not be run
  2    a test failed or was skipped, or less than --threshold was covered

Examples:
  ${name} test policies
  ${name} test -v --run 'data\\.authz\\.' policies
  ${name} test --coverage --threshold 90 policies
  ${name} test decisions -b domain.yaml -i suite.yaml`,
    )
    .action(async (paths: string[], { format, ...given }: Given<TestOptions> & Pick<TestOptions, 'format'>) => {
      await testRego(io, {
        ...sourceDefaults({ ...given, data: paths }),
        format,
        run: given.run,
        threshold: given.threshold,
        verbose: given.verbose ?? false,
        coverage: given.coverage ?? false,
        watch: given.watch ?? false,
        timeout: given.timeout ?? 5_000,
        allowNet: given.allowNet ?? [],
        count: given.count ?? 1,
        failOnEmpty: given.failOnEmpty ?? false,
        exitZeroOnSkipped: given.exitZeroOnSkipped ?? false,
        maxErrors: given.maxErrors ?? 10,
        strict: given.strict ?? false,
        v0Compatible: given.v0Compatible ?? false,
      });
    });
}

function addBench(program: Command, io: Io): void {
  queryOptions(
    program
      .command('bench')
      .description('Measure how long a Rego query takes.')
      .argument('[query]', 'what to ask, such as data.app.allow'),
  )
    .addOption(new Option('-f, --format <format>', 'form of the result').choices(BENCH_FORMATS).default('pretty'))
    .option('--count <count>', 'how often to measure (default: 1)', positiveCount)
    .option('--duration <duration>', 'how long one measurement takes (default: 1s)', duration)
    .option('--no-benchmem', 'leave out how much memory is allocated')
    .option('--no-metrics', 'leave out how long single evaluations take')
    .option('--no-fail', 'measure also where the result is undefined')
    .addHelpText(
      'after',
      `
Policies are compiled once; what is measured is the evaluation.
Exit code 1 for errors and undefined results.

Examples:
  ${program.name()} bench -d policies -i input.json data.app.allow
  ${program.name()} bench -b bundle.tar.gz -i input.json -f gobench --count 5 data.app.allow`,
    )
    .action(
      async (
        query: string | undefined,
        {
          format,
          partial = false,
          ...given
        }: Given<BenchOptions> & Pick<BenchOptions, 'format' | 'benchmem' | 'metrics' | 'fail'> & { partial?: boolean },
      ) => {
        if (partial) refusePartial();
        await benchQuery(io, query, {
          ...queryDefaults(given),
          format,
          count: given.count ?? 1,
          duration: given.duration ?? 1_000,
          benchmem: given.benchmem,
          metrics: given.metrics,
          fail: given.fail,
        });
      },
    );
}
