import type { LoadTotals } from './load-window.ts';
import type { AnalysisOptions } from './observation.ts';

/** What somebody outside says about a wave. */
export type ExternalVerdict = 'Pass' | 'Fail' | 'Unknown';

/** A wave, judged. `Unknown`: too little is known. */
export interface AnalysisVerdict {
  readonly verdict: 'Pass' | 'Fail' | 'Unknown';
  readonly message: string;
}

/** Compares what was measured while a wave soaked with the window before the first wave. Pure. */
export function analyse(before: LoadTotals, after: LoadTotals, options: AnalysisOptions): AnalysisVerdict {
  const { minDecisions, maxDenyRateIncrease, maxErrorRateIncrease, maxP99Factor } = options;
  if ([maxDenyRateIncrease, maxErrorRateIncrease, maxP99Factor].every((limit) => limit === undefined)) {
    return { verdict: 'Pass', message: 'no limit is set' };
  }
  if (before.decisions < minDecisions || after.decisions < minDecisions) {
    const message = `${after.decisions} answers after ${before.decisions} before are too few to compare, ${minDecisions} are needed`;
    return { verdict: 'Unknown', message };
  }
  const denials = rate(after.denied, after) - rate(before.denied, before);
  if (maxDenyRateIncrease !== undefined && denials > maxDenyRateIncrease) {
    return failed('denied answers', rate(before.denied, before), rate(after.denied, after), maxDenyRateIncrease);
  }
  const errors = rate(after.errors, after) - rate(before.errors, before);
  if (maxErrorRateIncrease !== undefined && errors > maxErrorRateIncrease) {
    return failed('errors', rate(before.errors, before), rate(after.errors, after), maxErrorRateIncrease);
  }
  if (maxP99Factor !== undefined && after.p99Micros > before.p99Micros * maxP99Factor) {
    const message = `the 99th percentile went from ${micros(before.p99Micros)} to ${micros(after.p99Micros)}, at most ${maxP99Factor} times as long is allowed`;
    return { verdict: 'Fail', message };
  }
  return { verdict: 'Pass', message: `${after.decisions} answers are like the ${before.decisions} before` };
}

function rate(count: number, { decisions }: LoadTotals): number {
  return count / Math.max(1, decisions);
}

function failed(what: string, before: number, after: number, allowed: number): AnalysisVerdict {
  const message = `${what} went from ${percent(before)} to ${percent(after)}, a rise of at most ${percent(allowed)} is allowed`;
  return { verdict: 'Fail', message };
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`;
}

function micros(value: number): string {
  return `${Math.round(value)} µs`;
}
