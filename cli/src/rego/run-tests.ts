import type { EvaluateOptions } from '@edict/rego';
import {
  bindTests,
  fullTestName,
  openTests,
  testCaseName,
  type OpenTests,
  type TestCaseResult,
  type TestRule,
} from '@edict/rego/tests';
import {
  bindProgram,
  Coverage,
  Explanation,
  type ExplainedBody,
  type ExplainedCall,
  type ExplainedLiteral,
} from '@edict/rego/tools';
import {
  compiled,
  compiledSources,
  evaluateOptions,
  failureProblem,
  sourceOptions,
  type CompileChoices,
} from './evaluate.ts';
import type { PolicyNetwork, PolicySession } from './network.ts';
import type { ToolProblem } from './problems.ts';
import { CaseFailures } from './case-failures.ts';
import type { Sources } from './sources.ts';

/** How tests are run. */
export interface TestChoices extends CompileChoices {
  /** Only tests whose full name, `data.app.test_x`, matches. */
  readonly filter: RegExp | undefined;
  readonly timeoutMs: number;
  /** Whether to find out what was covered. */
  readonly coverage: boolean;
  /** Whether to explain tests that pass, too. */
  readonly explainAll: boolean;
  /** Never goes back. */
  readonly nowMs: () => number;
  /** What tests may ask. */
  readonly network: PolicyNetwork;
}

/** What one test gave. */
export interface TestResult {
  readonly test: TestRule;
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'error';
  readonly durationMs: number;
  /** What it printed, line by line. */
  readonly output: readonly string[];
  readonly problem?: ToolProblem;
  readonly cases: readonly TestCaseResult[];
  readonly explained?: ExplainedTest;
}

/** How the rules of a test went. */
export interface ExplainedTest {
  readonly bodies: readonly ExplainedBody[];
  readonly documents: ReadonlyMap<string, ExplainedCall>;
  /** Where cases failed, by {@link caseKey}. */
  readonly cases: ReadonlyMap<string, ExplainedLiteral>;
}

/** What all tests gave. */
export interface TestRun {
  readonly results: readonly TestResult[];
  readonly coverage: Coverage | undefined;
}

/** Finds and runs tests, one after the other, in the order of files and text. @throws ToolProblems where policies do not compile */
export async function runTests(sources: Sources, choices: TestChoices): Promise<TestRun> {
  const opened = openedTests(sources, choices, false);
  const tests = opened.tests.filter((test) => choices.filter?.test(fullTestName(test)) !== false);
  const sessions = new Map(tests.map((test) => [test, choices.network.session()]));
  const run = boundTests(opened, sources, choices, tests);
  const results: TestResult[] = [];
  for (const [test, session] of sessions) {
    if (test.isTodo) results.push({ test, outcome: 'skipped', durationMs: 0, output: [], cases: [] });
    else results.push(await run(test, session));
  }
  const coverage = choices.coverage ? new Coverage() : undefined;
  const told = results
    .filter(({ outcome }) => outcome === 'failed' || (outcome === 'passed' && (choices.coverage || choices.explainAll)))
    .map(({ test }) => test);
  const retold = new Map([...sessions].filter(([test]) => told.includes(test)));
  if (told.length === 0 && coverage === undefined) return { results, coverage };
  const explained = await explainTests(openedTests(sources, choices, true), sources, choices, retold, coverage);
  return {
    results: results.map((result) => {
      const explanation = explained.get(result.test);
      return explanation === undefined ? result : { ...result, explained: explanation };
    }),
    coverage,
  };
}

function openedTests(sources: Sources, choices: TestChoices, instrument: boolean): OpenTests {
  return compiledSources(sources, openTests(sources.modules, { ...sourceOptions(sources, choices), instrument }));
}

function boundTests(
  opened: OpenTests,
  sources: Sources,
  choices: TestChoices,
  tests: readonly TestRule[],
): (test: TestRule, session: PolicySession) => Promise<TestResult> {
  const run = compiled(bindTests(opened, tests, sources.data));
  return async (test, session) => {
    const start = choices.nowMs();
    const { failure, ...result } = await session.evaluate(() => run(test, testOptions(choices, session)));
    const told = { test, durationMs: choices.nowMs() - start, ...result };
    return failure === undefined ? told : { ...told, problem: failureProblem(failure) };
  };
}

/** Runs tests again, in a program that tells what it does. */
async function explainTests(
  { workspace }: OpenTests,
  sources: Sources,
  choices: TestChoices,
  tests: ReadonlyMap<TestRule, PolicySession>,
  coverage: Coverage | undefined,
): Promise<ReadonlyMap<TestRule, ExplainedTest>> {
  const { program, places } = compiled(workspace.documents([...tests.keys()].map(({ path }) => path)));
  const covering = coverage?.listenTo(places);
  let explanation = new Explanation(places);
  let failures = new CaseFailures(places);
  const evaluate = bindProgram(program, sources.data, {
    trace: (...event) => {
      covering?.(...event);
      explanation.listener(...event);
      failures.listener(...event);
    },
    testCase: (values) => {
      failures.testCase(values.map(testCaseName));
    },
  });
  const explained = new Map<TestRule, ExplainedTest>();
  for (const [test, session] of tests) {
    const index = String(explained.size);
    await session.replay(() => {
      explanation = new Explanation(places);
      failures = new CaseFailures(places);
      return evaluate(index, undefined, testOptions(choices, session));
    });
    const { document, documents } = explanation;
    explained.set(test, { bodies: document?.bodies ?? [], documents, cases: failures.failures });
  }
  return explained;
}

function testOptions({ timeoutMs }: TestChoices, { session }: PolicySession): EvaluateOptions {
  return evaluateOptions({ strictBuiltinErrors: false, timeoutMs, network: session });
}
