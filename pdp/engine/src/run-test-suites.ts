import type { DomainModel } from '@edict/bundle';
import { decide } from './decide.ts';
import { systemClock } from './decide-context.ts';
import { defaultDecisionLimits } from './limits.ts';
import { toPorc } from './porc.ts';
import { openTestModules, type TestQuestion } from './run-test-modules.ts';
import type { Snapshot } from './snapshot.ts';
import { TEST_CASES_MAX, type TestCase, type TestSuite } from './test-suite.ts';

/** What became of the suites of a set. */
export interface TestOutcome {
  readonly passed: number;
  readonly failed: number;
  /** The first that failed, for people: suite, case or test, and what was expected. Absent if all passed. */
  readonly failure?: string;
}

/** What is tested. */
export interface TestSubject {
  readonly snapshot: Snapshot;
  /** What the snapshot was compiled from. Asked only if a suite has Rego modules. */
  readonly domains: () => readonly DomainModel[];
  /** Policies that the set lists among its documents. Default: none. */
  readonly documentPolicies?: readonly string[] | undefined;
  /** Built-ins that the modules of suites may not call; default as for policies. */
  readonly unsafeBuiltins?: readonly string[] | undefined;
}

/** Time that all suites of a set together may take; one that takes longer has failed. */
export const TESTS_TIMEOUT_MS = 30_000;

/** Steps that all Rego tests of a set together may take. One alone may take as many as a decision. */
export const TESTS_MAX_STEPS = 20 * defaultDecisionLimits.maxSteps;

/** Bounds on the suites of a set. */
export interface TestLimits {
  /** Default {@link TESTS_TIMEOUT_MS}. Ends what lies between two tests, and each test; compiling is the caller's to bound. */
  readonly timeoutMs?: number;
  /** Default {@link TESTS_MAX_STEPS}. */
  readonly maxSteps?: number;
  readonly nowMs?: () => number;
}

/**
 * Asks a snapshot every question of the suites, and runs the tests of their Rego modules. Deterministic but for the time
 * limit: what fails here fails everywhere. More than {@link TEST_CASES_MAX} cases and tests together, or a limit that passes
 * before the last one, is a failure. Never throws.
 */
export function runTestSuites(
  subject: TestSubject,
  suites: readonly TestSuite[],
  limits: TestLimits = {},
): TestOutcome {
  const { timeoutMs = TESTS_TIMEOUT_MS, maxSteps = TESTS_MAX_STEPS, nowMs = () => performance.now() } = limits;
  const until = nowMs() + timeoutMs;
  const count = suites.reduce((sum, { cases }) => sum + cases.length, 0);
  if (count > TEST_CASES_MAX) return tooMany(count);
  const questions = suites.flatMap((suite) => [
    ...suite.cases.map((one): TestQuestion => caseQuestion(subject.snapshot, suite.name, one)),
    ...openTestModules(suite, subject),
  ]);
  const total = questions.length;
  if (total > TEST_CASES_MAX) return tooMany(total);
  const budget = { remaining: maxSteps };
  let passed = 0;
  let failed = 0;
  let failure: string | undefined;
  for (const { label, problem: ask } of questions) {
    const leftMs = until - nowMs();
    if (leftMs < 0) {
      const late = `${label}: the tests took longer than ${timeoutMs} ms`;
      return { passed, failed: total - passed, failure: failure ?? late };
    }
    const problem = ask({ maxMs: leftMs, budget });
    if (problem === undefined) passed += 1;
    else {
      failed += 1;
      failure ??= `${label}: ${problem}`;
    }
  }
  return { passed, failed, ...(failure === undefined ? {} : { failure }) };
}

function tooMany(count: number): TestOutcome {
  return { passed: 0, failed: count, failure: `the suites have ${count} cases; the limit is ${TEST_CASES_MAX}` };
}

function caseQuestion(snapshot: Snapshot, suite: string, { name, porc, allow }: TestCase): TestQuestion {
  return {
    label: `suite ${suite}, case ${name}`,
    problem: () => {
      const parsed = toPorc(porc);
      if (!parsed.ok) return parsed.message;
      const answer = decide(snapshot, parsed.porc, { clock: systemClock, newId: () => '', probe: true });
      return answer.allow === allow ? undefined : `expected allow=${allow}, got allow=${answer.allow}`;
    },
  };
}
