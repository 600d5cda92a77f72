/** One number that is promised. */
interface Verdict {
  readonly what: string;
  readonly measured: string;
  readonly wanted: string;
  readonly passed: boolean;
}

/** Gathers what was measured beside what is promised. */
export class Verdicts {
  readonly #verdicts: Verdict[] = [];

  /** A number that is not one is a failure too. */
  atMost(what: string, measured: number, most: number, unit: string): void {
    const print = (value: number): string => `${Number(value.toFixed(2))} ${unit}`.trim();
    this.#verdicts.push({
      what,
      measured: print(measured),
      wanted: print(most),
      passed: Number.isFinite(measured) && measured <= most,
    });
  }

  get failed(): number {
    return this.#verdicts.filter(({ passed }) => !passed).length;
  }

  /** A line for each, and the counts in the last. */
  text(): string {
    const lines = this.#verdicts.map(
      ({ what, measured, wanted, passed }) =>
        `${passed ? 'passed' : 'FAILED'}  ${what}: ${measured}, at most ${wanted} is wanted`,
    );
    const { failed } = this;
    return [...lines, '', `${this.#verdicts.length - failed} passed, ${failed} failed`].join('\n');
  }
}
