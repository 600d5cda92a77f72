/** Takes the outcome of one case: how it differs from what was expected, nothing where it does not. */
export type Report = (id: string, differences: readonly string[]) => void;

/** Counts cases and prints those that fail; `finish` prints `N passed, N failed` and sets the exit code. */
export function reporter(): { readonly report: Report; readonly finish: () => void } {
  const tally = { passed: 0, failed: 0 };
  return {
    report: (id, differences) => {
      if (differences.length === 0) tally.passed++;
      else {
        tally.failed++;
        console.log(`FAIL ${id}\n  ${differences.join('\n  ')}`);
      }
    },
    finish: () => {
      console.log(`${tally.passed} passed, ${tally.failed} failed`);
      if (tally.failed > 0 || tally.passed === 0) process.exitCode = 1;
    },
  };
}
