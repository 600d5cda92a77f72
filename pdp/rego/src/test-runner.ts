import type { EvaluateOptions } from './api.ts';
import { bindProgram, type Failure } from './run-program.ts';
import { stringify } from './runtime/json.ts';
import { isPlainObject, type Value } from './runtime/value.ts';
import { prepareTests, type TestRule } from './test-rules.ts';
import {
  openWorkspace,
  type Compiled,
  type Workspace,
  type WorkspaceModule,
  type WorkspaceOptions,
} from './workspace.ts';

/** Modules with tests among them, checked together. */
export interface OpenTests {
  readonly workspace: Workspace;
  /** In the order of modules and text; those that are not to run yet are among them. */
  readonly tests: readonly TestRule[];
}

/** One case of a test, and the cases within it. */
export interface TestCaseResult {
  readonly name: string;
  readonly failed: boolean;
  readonly cases: readonly TestCaseResult[];
}

/** What one test gave. */
export interface TestRuleResult {
  /** `error`: the evaluation did not come to an end; `failure` says why. */
  readonly outcome: 'passed' | 'failed' | 'error';
  readonly failure?: Failure;
  /** What it printed, line by line. */
  readonly output: readonly string[];
  readonly cases: readonly TestCaseResult[];
}

/** Finds the tests of modules, and checks all modules together. Never throws for anything that module text can cause. */
export const openTests = (
  modules: readonly WorkspaceModule[],
  options: Omit<WorkspaceOptions, 'prepare'> = {},
): Compiled<OpenTests> => {
  let tests: readonly TestRule[] = [];
  const opened = openWorkspace(modules, {
    ...options,
    prepare: (trees) => {
      const prepared = prepareTests(trees);
      ({ tests } = prepared);
      return prepared.modules;
    },
  });
  return opened.ok ? { ok: true, value: { workspace: opened.value, tests } } : opened;
};

/**
 * Compiles tests against base documents. They run one after the other, each within the bounds that it is given, in a
 * program that tells nothing, as policies do in a PDP; a test that ran twice gives what it gave last.
 */
export const bindTests = (
  { workspace }: OpenTests,
  tests: readonly TestRule[],
  data: Value,
): Compiled<(test: TestRule, how: EvaluateOptions) => TestRuleResult> => {
  const compiled = workspace.documents(tests.map(({ path }) => path));
  if (!compiled.ok) return compiled;
  let output: string[] = [];
  let seen: (readonly string[])[] = [];
  const evaluate = bindProgram(compiled.value.program, data, {
    note: (message, from) => {
      if (from === 'print') output.push(message);
    },
    testCase: (values) => {
      seen.push(values.map(testCaseName));
    },
  });
  const entrypoints = new Map(tests.map((test, index) => [test, String(index)]));
  const run = (test: TestRule, how: EvaluateOptions): TestRuleResult => {
    const entrypoint = entrypoints.get(test);
    if (entrypoint === undefined) throw new Error(`${fullTestName(test)} is none of the tests that were compiled`);
    output = [];
    seen = [];
    const { value, failure } = evaluate(entrypoint, undefined, how);
    if (failure !== undefined) return { outcome: 'error', failure, output, cases: [] };
    if (!test.hasCases || value === undefined) {
      return { outcome: value === true ? 'passed' : 'failed', output, cases: [] };
    }
    const cases = casesOf(value, seen);
    return { outcome: cases.some(({ failed }) => failed) ? 'failed' : 'passed', output, cases };
  };
  return { ok: true, value: run };
};

/** `data.app.test_x`. */
export const fullTestName = (test: TestRule): string => `${testPackageName(test)}.${test.name}`;

/** `data.app`. */
export const testPackageName = ({ package: parts }: Pick<TestRule, 'package'>): string => {
  const printed = parts.map((part) => (/^[A-Za-z_]\w*$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`));
  return `data${printed.join('')}`;
};

/** The name of a case, whose value is part of a rule's name. */
export const testCaseName = (value: Value): string => (typeof value === 'string' ? value : stringify(value));

interface CaseTree {
  failed: boolean;
  readonly cases: Map<string, CaseTree>;
}

/** The cases that the value names, and those that the test came to but that did not pass. */
const casesOf = (value: Value, seen: readonly (readonly string[])[]): readonly TestCaseResult[] => {
  const root = treeOf(value);
  for (const names of seen) {
    const passed = addSeen(root, names);
    if (!passed) root.failed = true;
  }
  return resultsOf(root);
};

const treeOf = (value: Value): CaseTree => {
  const cases = new Map<string, CaseTree>();
  if (value === undefined || !isPlainObject(value)) return { failed: value !== true, cases };
  for (const [name, member] of Object.entries(value)) cases.set(name, treeOf(member));
  return { failed: [...cases.values()].some(({ failed }) => failed), cases };
};

/** Puts a case there that the value lacks. True if the case passed. */
const addSeen = (tree: CaseTree, [name, ...rest]: readonly string[]): boolean => {
  if (name === undefined) return !tree.failed;
  let inner = tree.cases.get(name);
  if (inner === undefined) {
    inner = { failed: true, cases: new Map() };
    tree.cases.set(name, inner);
  }
  const passed = addSeen(inner, rest);
  if (!passed) inner.failed = true;
  return passed;
};

const resultsOf = ({ cases }: CaseTree): readonly TestCaseResult[] =>
  [...cases]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, tree]) => ({ name, failed: tree.failed, cases: resultsOf(tree) }));
