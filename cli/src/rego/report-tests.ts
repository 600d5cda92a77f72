import { fullTestName, testPackageName, type TestCaseResult } from '@edict/rego/tests';
import type { ExplainedBody, ExplainedLiteral } from '@edict/rego/tools';
import { oneLine, printBody, printLiteral } from './explain-tree.ts';
import { caseKey } from './case-failures.ts';
import { printProblem } from './problems.ts';
import type { Report } from './report-json.ts';
import { problemJson } from './results.ts';
import type { TestResult } from './run-tests.ts';

const RULE = `${'-'.repeat(80)}\n`;

/** Results for people, as OPA prints them: what did not pass, or with `verbose` all, and how many there were. */
export function printTestResults(results: readonly TestResult[], verbose: boolean): string {
  const shown = results.filter(({ outcome }) => verbose || outcome !== 'passed');
  const texts: string[] = [];
  let lastFile: string | undefined;
  for (const result of shown) {
    const { file, row } = result.test.location;
    if (lastFile !== undefined && lastFile !== file) texts.push('\n');
    lastFile = file;
    texts.push(`${file}:${row}:\n${printResult(result, verbose)}`);
  }
  const leaves = results.flatMap(leafOutcomes);
  const counts = (['passed', 'failed', 'skipped', 'error'] as const).flatMap((outcome) => {
    const count = leaves.filter((leaf) => leaf === outcome).length;
    return count === 0 ? [] : [`${LABELS[outcome]}: ${count}/${leaves.length}\n`];
  });
  return [...texts, ...(shown.length === 0 ? [] : [RULE]), ...counts].join('');
}

const LABELS = { passed: 'PASS', failed: 'FAIL', skipped: 'SKIPPED', error: 'ERROR' } as const;

function printResult(result: TestResult, verbose: boolean): string {
  const { outcome, durationMs, output, problem, cases } = result;
  const duration = outcome === 'skipped' ? '' : ` (${durationMs.toFixed(3)}ms)`;
  const lines = [`${fullTestName(result.test)}: ${LABELS[outcome]}${duration}\n`];
  if (problem !== undefined) lines.push(`  ${printProblem(problem)}\n`);
  lines.push(...printCases(cases, [], result, verbose));
  lines.push(...printReasons(result, verbose));
  if (output.length > 0) lines.push('\n', ...output.map((line) => `  ${line}\n`), '\n');
  return lines.join('');
}

function printCases(
  cases: readonly TestCaseResult[],
  outer: readonly string[],
  result: TestResult,
  verbose: boolean,
): readonly string[] {
  const indent = '  '.repeat(outer.length + 1);
  return cases
    .filter(({ failed }) => verbose || failed)
    .flatMap(({ name, failed, cases: inner }) => {
      const names = [...outer, name];
      const at = failed ? result.explained?.cases.get(caseKey(names)) : undefined;
      return [
        `${indent}${name}: ${failed ? 'FAIL' : 'PASS'}\n`,
        ...(at === undefined ? [] : [`${indent}  ${printLiteral(at)}\n`]),
        ...printCases(inner, names, result, verbose),
      ];
    });
}

/** The literal at which each rule of a test failed; with `verbose` everything that led there. */
function printReasons({ outcome, explained, cases }: TestResult, verbose: boolean): readonly string[] {
  if (explained === undefined || (outcome !== 'failed' && !verbose)) return [];
  return explained.bodies.flatMap((body) => {
    if (verbose) return [printBody(body, explained.documents, 1)];
    const failed = failedLiteral(body);
    if (failed !== undefined) return [`  ${printLiteral(failed)}\n`];
    return body.successes === 0 || cases.length > 0 ? [] : [`  ${oneLine(body.place.text)} is not true\n`];
  });
}

/** The literal that kept a rule from succeeding, or undefined if it succeeded. */
function failedLiteral({ literals, successes }: ExplainedBody): ExplainedLiteral | undefined {
  return successes > 0 ? undefined : literals.findLast(({ succeeded }) => !succeeded);
}

function leafOutcomes({ outcome, cases }: TestResult): readonly TestResult['outcome'][] {
  return cases.length === 0 ? [outcome] : leavesOf(cases).map(({ failed }) => (failed ? 'failed' : 'passed'));
}

function leavesOf(cases: readonly TestCaseResult[]): readonly TestCaseResult[] {
  return cases.flatMap((one) => (one.cases.length === 0 ? [one] : leavesOf(one.cases)));
}

/** Results as OPA's JSON has them: durations in nanoseconds, printed text in base64. */
export function testResultsJson(results: readonly TestResult[]): Report {
  return results.map(({ test, outcome, durationMs, output, problem, cases, explained }): Report => {
    const { file, row, col } = test.location;
    const at = outcome === 'failed' ? explained?.bodies.map(failedLiteral).find((one) => one !== undefined) : undefined;
    return {
      location: { file, row, col },
      package: testPackageName(test),
      name: test.name,
      ...(outcome === 'failed' ? { fail: true } : {}),
      ...(problem === undefined ? {} : { error: problemJson(problem) }),
      ...(outcome === 'skipped' ? { skip: true } : {}),
      duration: Math.round(durationMs * 1e6),
      ...(output.length === 0 ? {} : { output: Buffer.from(`${output.join('\n')}\n`).toString('base64') }),
      ...(at === undefined ? {} : { failed_at: failedAt(at) }),
      ...(cases.length === 0 ? {} : { sub_results: casesJson(cases) }),
    };
  });
}

function failedAt({ place: { location, text } }: ExplainedLiteral): Report {
  return { text: oneLine(text), location: { file: location.file, row: location.row, col: location.col } };
}

function casesJson(cases: readonly TestCaseResult[]): Report {
  return Object.fromEntries(
    cases.map(({ name, failed, cases: inner }) => [
      name,
      { name, ...(failed ? { fail: true } : {}), ...(inner.length === 0 ? {} : { sub_results: casesJson(inner) }) },
    ]),
  );
}
