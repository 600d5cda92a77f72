import { decide } from './decide.ts';
import { systemClock } from './decide-context.ts';
import { toPorc } from './porc.ts';
import type { Snapshot } from './snapshot.ts';
import { TEST_CASES_MAX, type TestCase, type TestSuite } from './test-suite.ts';

/** What became of the suites of a set. */
export interface TestOutcome {
  readonly passed: number;
  readonly failed: number;
  /** The first that failed, for people: suite, case, and what was expected. Absent if all passed. */
  readonly failure?: string;
}

/** Time that all suites of a set together may take; one that takes longer has failed. */
export const TESTS_TIMEOUT_MS = 30_000;

/**
 * Asks a snapshot every question of the suites. Deterministic but for the time limit: what fails here fails everywhere. More
 * than {@link TEST_CASES_MAX} cases together, or a limit that passes before the last one, is a failure. Never throws.
 */
export function runTestSuites(
  snapshot: Snapshot,
  suites: readonly TestSuite[],
  limits: { readonly timeoutMs?: number; readonly nowMs?: () => number } = {},
): TestOutcome {
  const { timeoutMs = TESTS_TIMEOUT_MS, nowMs = () => performance.now() } = limits;
  const total = suites.reduce((sum, { cases }) => sum + cases.length, 0);
  if (total > TEST_CASES_MAX) {
    return { passed: 0, failed: total, failure: `the suites have ${total} cases; the limit is ${TEST_CASES_MAX}` };
  }
  const until = nowMs() + timeoutMs;
  let passed = 0;
  let failed = 0;
  let failure: string | undefined;
  for (const { name, cases } of suites) {
    for (const one of cases) {
      if (nowMs() > until) {
        const late = `suite ${name}, case ${one.name}: the tests took longer than ${timeoutMs} ms`;
        return { passed, failed: total - passed, failure: failure ?? late };
      }
      const problem = ask(snapshot, one);
      if (problem === undefined) passed += 1;
      else {
        failed += 1;
        failure ??= `suite ${name}, case ${one.name}: ${problem}`;
      }
    }
  }
  return { passed, failed, ...(failure === undefined ? {} : { failure }) };
}

function ask(snapshot: Snapshot, { porc, allow }: TestCase): string | undefined {
  const parsed = toPorc(porc);
  if (!parsed.ok) return parsed.message;
  const answer = decide(snapshot, parsed.porc, { clock: systemClock, newId: () => '', probe: true });
  return answer.allow === allow ? undefined : `expected allow=${allow}, got allow=${answer.allow}`;
}
