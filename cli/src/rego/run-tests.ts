import type { EvaluateOptions, Value } from '@edict/rego';
import {
  bindProgram,
  Coverage,
  Explanation,
  isPlainObject,
  prepareTests,
  type ExplainedBody,
  type ExplainedCall,
  type ExplainedLiteral,
  type TestRule,
  type Workspace,
} from '@edict/rego/tools';
import { stringify } from '@edict/rego/values';
import { compiled, evaluateOptions, failureProblem, openSources, type CompileChoices } from './evaluate.ts';
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

/** What one test, or one case of it, gave. */
export interface CaseResult {
  readonly name: string;
  readonly failed: boolean;
  readonly cases: readonly CaseResult[];
}

/** What one test gave. */
export interface TestResult {
  readonly test: TestRule;
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'error';
  readonly durationMs: number;
  /** What it printed, line by line. */
  readonly output: readonly string[];
  readonly problem?: ToolProblem;
  readonly cases: readonly CaseResult[];
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
  const opened = openTests(sources, choices, false);
  const tests = opened.tests.filter((test) => choices.filter?.test(fullName(test)) !== false);
  const sessions = new Map(tests.map((test) => [test, choices.network.session()]));
  const run = bindTests(opened, sources, choices, tests);
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
  const explained = await explainTests(openTests(sources, choices, true), sources, choices, retold, coverage);
  return {
    results: results.map((result) => {
      const explanation = explained.get(result.test);
      return explanation === undefined ? result : { ...result, explained: explanation };
    }),
    coverage,
  };
}

/** `data.app.test_x`. */
export function fullName(test: TestRule): string {
  return `${packageName(test)}.${test.name}`;
}

/** `data.app`. */
export function packageName({ package: parts }: TestRule): string {
  const printed = parts.map((part) => (/^[A-Za-z_]\w*$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`));
  return `data${printed.join('')}`;
}

interface OpenTests {
  readonly tests: readonly TestRule[];
  readonly workspace: Workspace;
}

function openTests(sources: Sources, choices: TestChoices, instrument: boolean): OpenTests {
  let tests: readonly TestRule[] = [];
  const workspace = openSources(sources, choices, {
    instrument,
    prepare: (modules) => {
      const prepared = prepareTests(modules);
      ({ tests } = prepared);
      return prepared.modules;
    },
  });
  return { tests, workspace };
}

/** Tests run in a program that tells nothing, as the policies of a PDP do. */
function bindTests(
  { workspace }: OpenTests,
  sources: Sources,
  choices: TestChoices,
  tests: readonly TestRule[],
): (test: TestRule, session: PolicySession) => Promise<TestResult> {
  const { program } = compiled(workspace.documents(tests.map(({ path }) => path)));
  let output: string[] = [];
  let seen: (readonly string[])[] = [];
  const evaluate = bindProgram(program, sources.data, {
    note: (message, from) => {
      if (from === 'print') output.push(message);
    },
    testCase: (values) => {
      seen.push(values.map(caseName));
    },
  });
  return async (test, session) => {
    const start = choices.nowMs();
    const { value, failure } = await session.evaluate(() => {
      output = [];
      seen = [];
      return evaluate(String(tests.indexOf(test)), undefined, testOptions(choices, session));
    });
    const told = { test, durationMs: choices.nowMs() - start, output };
    if (failure !== undefined) return { ...told, outcome: 'error', problem: failureProblem(failure), cases: [] };
    if (!test.hasCases || value === undefined) {
      return { ...told, outcome: value === true ? 'passed' : 'failed', cases: [] };
    }
    const cases = casesOf(value, seen);
    return { ...told, outcome: cases.some(({ failed }) => failed) ? 'failed' : 'passed', cases };
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
      failures.testCase(values.map(caseName));
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

interface CaseTree {
  failed: boolean;
  readonly cases: Map<string, CaseTree>;
}

/** The cases that the value names, and those that the test came to but that did not pass. */
function casesOf(value: Value, seen: readonly (readonly string[])[]): readonly CaseResult[] {
  const root = treeOf(value);
  for (const names of seen) {
    const passed = addSeen(root, names);
    if (!passed) root.failed = true;
  }
  return resultsOf(root);
}

function treeOf(value: Value): CaseTree {
  const cases = new Map<string, CaseTree>();
  if (value === undefined || !isPlainObject(value)) return { failed: value !== true, cases };
  for (const [name, member] of Object.entries(value)) cases.set(name, treeOf(member));
  return { failed: [...cases.values()].some(({ failed }) => failed), cases };
}

/** Puts a case there that the value lacks. True if the case passed. */
function addSeen(tree: CaseTree, [name, ...rest]: readonly string[]): boolean {
  if (name === undefined) return !tree.failed;
  let inner = tree.cases.get(name);
  if (inner === undefined) {
    inner = { failed: true, cases: new Map() };
    tree.cases.set(name, inner);
  }
  const passed = addSeen(inner, rest);
  if (!passed) inner.failed = true;
  return passed;
}

function resultsOf({ cases }: CaseTree): readonly CaseResult[] {
  return [...cases]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, tree]) => ({ name, failed: tree.failed, cases: resultsOf(tree) }));
}

function caseName(value: Value): string {
  return typeof value === 'string' ? value : stringify(value);
}
