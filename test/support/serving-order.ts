import type { Answer } from './load-generator.ts';

/** Two answers of one target that show it going backwards. */
export interface Regression {
  readonly target: string;
  readonly before: Answer;
  readonly after: Answer;
}

/**
 * Pairs of answers in which a target gave an older revision to a question asked after an answer of a newer revision had
 * arrived. Questions that were under way at the same time have no order, so they prove nothing.
 */
export function findRegressions(answers: readonly Answer[]): readonly Regression[] {
  const regressions: Regression[] = [];
  for (const [target, own] of Map.groupBy(answers, (answer) => answer.target)) {
    const decided = own.filter(({ revision }) => revision !== undefined);
    const bySent = decided.toSorted((a, b) => a.sentAt - b.sentAt);
    const byReceived = decided.toSorted((a, b) => a.receivedAt - b.receivedAt);
    let newest: Answer | undefined;
    let next = 0;
    for (const after of bySent) {
      for (
        let seen = byReceived[next];
        seen !== undefined && seen.receivedAt <= after.sentAt;
        seen = byReceived[next]
      ) {
        if ((seen.revision ?? 0) > (newest?.revision ?? 0)) newest = seen;
        next += 1;
      }
      if (newest !== undefined && (after.revision ?? 0) < (newest.revision ?? 0)) {
        regressions.push({ target, before: newest, after });
      }
    }
  }
  return regressions;
}

/** Answers that were given before their revision's commit was decided, or whose revision has no decision at all. */
export function findUncommitted(answers: readonly Answer[], decidedAt: ReadonlyMap<number, number>): readonly Answer[] {
  return answers.filter(
    ({ revision, receivedAt }) =>
      revision !== undefined && !(receivedAt >= (decidedAt.get(revision) ?? Number.POSITIVE_INFINITY)),
  );
}

/** When each target first answered with a revision: target -> milliseconds since the epoch. */
export function firstServed(answers: readonly Answer[], revision: number): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  for (const answer of answers) {
    if (answer.revision !== revision) continue;
    first.set(answer.target, Math.min(answer.receivedAt, first.get(answer.target) ?? Number.POSITIVE_INFINITY));
  }
  return first;
}
