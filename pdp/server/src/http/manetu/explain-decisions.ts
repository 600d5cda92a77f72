import type { AccessRecord } from '@edict/engine';
import type { Session } from '../../core/session.ts';
import type { FindRules } from '../../explain/rule-explainer.ts';
import { findExplainedRules } from './explained-rules.ts';
import { explain, type Explanation } from './explanation.ts';
import type { DecisionFlags } from './flag-parameter.ts';

/** Explains a decision by its record, with the rules behind it unless `withoutRules` says why not. */
export type ExplainDecision = (record: AccessRecord, withoutRules?: string) => Explanation | Promise<Explanation>;

/** Explains what a session decides; without `findRules` explanations name policies alone. */
export function explainDecisions(
  session: Session,
  { probe }: DecisionFlags,
  findRules: FindRules | undefined,
): ExplainDecision {
  return (record, withoutRules) => {
    if (findRules === undefined) return explain(record, !probe);
    if (withoutRules !== undefined) {
      return explain(record, !probe, ({ policy }) => policy && { rulesUnavailable: withoutRules });
    }
    const asked = { digest: session.revision.digest, maxSteps: session.limits.maxSteps };
    return findExplainedRules(record, asked, findRules).then((rulesOf) => explain(record, !probe, rulesOf));
  };
}
