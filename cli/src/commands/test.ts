import { messageOf, CommandError, counted, EXIT_CODES, type Io } from '../io.ts';
import { coverageJson, coverageReport, prettyCoverage } from '../rego/coverage-report.ts';
import { PolicyNetwork } from '../rego/network.ts';
import { printProblems, ToolProblems } from '../rego/problems.ts';
import { printReport } from '../rego/report-json.ts';
import { problemsJson } from '../rego/results.ts';
import { printTestResults, testResultsJson } from '../rego/report-tests.ts';
import { runTests, type TestChoices, type TestRun } from '../rego/run-tests.ts';
import { loadSources, regoVersionOf, watchedPaths, type SourceOptions, type Sources } from '../rego/sources.ts';
import { watchPaths } from '../rego/watch.ts';

export interface TestOptions extends SourceOptions {
  readonly verbose: boolean;
  readonly run: RegExp | undefined;
  readonly format: 'pretty' | 'json';
  readonly coverage: boolean;
  /** Least percentage of lines that have to be covered. */
  readonly threshold: number | undefined;
  readonly watch: boolean;
  readonly timeout: number;
  /** How often all tests are run. */
  readonly count: number;
  readonly failOnEmpty: boolean;
  readonly exitZeroOnSkipped: boolean;
  readonly maxErrors: number;
  readonly strict: boolean;
  readonly v0Compatible: boolean;
  /** Hosts that policies may ask. */
  readonly allowNet: readonly string[];
}

/**
 * `edict test`: runs the rules called `test_…` of policies. Exit codes are OPA's: 2 where a test did not pass or too little
 * was covered, 1 where none could be run.
 */
export async function testRego(io: Io, options: TestOptions): Promise<void> {
  if (!options.watch) {
    const code = await runOnce(io, options);
    if (code !== 0) throw new CommandError('', code);
    return;
  }
  let isFirst = true;
  const run = async (): Promise<void> => {
    if (io.isTerminal && !isFirst) io.stdout('\u001b[2J\u001b[H');
    isFirst = false;
    await runOnce(io, options);
    io.stdout(`${'*'.repeat(80)}\nWatching for changes ...\n`);
  };
  try {
    await watchPaths(watchedPaths(options), run, io.interrupted());
  } catch (error) {
    throw new CommandError(`cannot watch: ${messageOf(error)}`);
  }
}

/** Loads, compiles, runs and reports; gives the exit code. */
async function runOnce(io: Io, options: TestOptions): Promise<number> {
  try {
    const sources = await loadSources(options);
    using network = await PolicyNetwork.open(options.allowNet, (message) => {
      io.stderr(`${message}\n`);
    });
    for (let turn = 1; turn <= options.count; turn++) {
      const code = report(io, options, sources, await runTests(sources, choicesOf(options, network)));
      if (code !== 0) return code;
    }
    return 0;
  } catch (error) {
    if (!(error instanceof ToolProblems)) throw error;
    const { problems } = error;
    if (options.format === 'json') io.stderr(`${printReport({ errors: problemsJson(problems) })}\n`);
    else io.stderr(printProblems(problems, options.maxErrors));
    return EXIT_CODES.failed;
  }
}

function choicesOf(
  { strict, run, timeout, coverage, threshold, verbose, ...options }: TestOptions,
  network: PolicyNetwork,
): TestChoices {
  return {
    network,
    regoVersion: regoVersionOf(options),
    strict,
    filter: run,
    timeoutMs: timeout,
    coverage: coverage || threshold !== undefined,
    explainAll: verbose,
    nowMs: () => performance.now(),
  };
}

function report(io: Io, options: TestOptions, sources: Sources, { results, coverage }: TestRun): number {
  const { format, verbose } = options;
  const failed = results.some(
    ({ outcome }) => outcome !== 'passed' && !(outcome === 'skipped' && options.exitZeroOnSkipped),
  );
  if (results.length === 0 && options.failOnEmpty) {
    io.stderr('no tests were run\n');
    return EXIT_CODES.failed;
  }
  const isCovered =
    coverage !== undefined && !results.some(({ outcome }) => outcome === 'failed' || outcome === 'error');
  if (!isCovered) {
    if (format === 'json') io.stdout(`${printReport(testResultsJson(results))}\n`);
    else io.stdout(printTestResults(results, verbose));
    return failed ? EXIT_CODES.regoFailed : 0;
  }
  const covered = coverageReport(coverage, sources);
  if (format === 'json') io.stdout(`${printReport(coverageJson(covered))}\n`);
  else io.stdout(`${printTestResults(results, verbose)}${prettyCoverage(covered)}`);
  const { threshold = 0 } = options;
  if (covered.coverage < threshold) {
    const lines = counted(covered.not_covered_lines, 'line');
    io.stderr(
      `Code coverage threshold not met: got ${covered.coverage.toFixed(2)} instead of ${threshold.toFixed(2)} (${lines} not covered)\n`,
    );
    return EXIT_CODES.regoFailed;
  }
  return failed ? EXIT_CODES.regoFailed : 0;
}
