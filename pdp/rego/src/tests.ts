/** Finding and running the tests of modules: rules called `test_…`. */
export { bindTests, fullTestName, openTests, testCaseName, testPackageName } from './test-runner.ts';
export type { OpenTests, TestCaseResult, TestRuleResult } from './test-runner.ts';
export type { TestRule } from './test-rules.ts';
export type { Compiled, WorkspaceModule, WorkspaceOptions } from './workspace.ts';
