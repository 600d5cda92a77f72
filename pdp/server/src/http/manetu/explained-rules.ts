import { jsonText, type AccessRecord, type AccessReference, type PolicyIdentity } from '@edict/engine';
import type { PolicyRules, RulesQuestion } from '../../explain/explain-policies.ts';
import type { FindRules } from '../../explain/rule-explainer.ts';
import type { RuleExplanation } from '../../explain/rule-explanation.ts';

/** The rules that made a policy answer for one reference, or why they cannot be told. */
export type ExplainedRules = { readonly rules: RuleExplanation } | { readonly rulesUnavailable: string };

/** Tells of a reference of a record what {@link findExplainedRules} found for it; undefined where no policy was asked. */
export type RulesOf = (reference: AccessReference) => ExplainedRules | undefined;

/** Policies of one decision of which rules are told. */
export const MAX_EXPLAINED_POLICIES = 64;

const OTHERWISE: ExplainedRules = {
  rulesUnavailable: 'asked again the policy answers otherwise, so what decided cannot be told',
};
const TOO_MANY: ExplainedRules = {
  rulesUnavailable: `the decision asked more than ${MAX_EXPLAINED_POLICIES} policies`,
};

/** Finds the rules behind a decision of the revision with that digest, each policy of which may take `maxSteps`. */
export async function findExplainedRules(
  record: AccessRecord,
  { digest, maxSteps }: { readonly digest: string; readonly maxSteps: number },
  find: FindRules,
): Promise<RulesOf> {
  const asked = new Map<string, PolicyIdentity>();
  for (const { policy } of record.references) if (policy !== undefined) asked.set(keyOf(policy), policy);
  const policies = [...asked.values()].slice(0, MAX_EXPLAINED_POLICIES);
  if (policies.length === 0) return () => undefined;
  const question: RulesQuestion = {
    digest,
    input: jsonText(record.porc, 'exact'),
    nowMs: record.timestampMs,
    maxSteps,
    policies,
  };
  const answer = await find(question);
  const found = new Map<string, PolicyRules>();
  if (answer.kind === 'found') {
    policies.forEach((policy, index) => {
      const rules = answer.policies[index];
      if (rules !== undefined) found.set(keyOf(policy), rules);
    });
  }
  return (reference) => {
    if (reference.policy === undefined) return undefined;
    if (answer.kind === 'unavailable') return { rulesUnavailable: answer.reason };
    const rules = found.get(keyOf(reference.policy));
    if (rules === undefined) return TOO_MANY;
    if (!rules.ok) return { rulesUnavailable: rules.reason };
    return agrees(reference, rules.answer) ? { rules: rules.rules } : OTHERWISE;
  };
}

function keyOf({ mrn, fingerprint }: PolicyIdentity): string {
  return `${fingerprint} ${mrn}`;
}

/** Whether an answer means the verdict that was given: the policy of an operation answers with a number. */
function agrees({ phase, decision }: AccessReference, answer: string | undefined): boolean {
  const grants = phase === 'SYSTEM' ? /^\d+$/.test(answer ?? '') : answer === 'true';
  return grants === (decision === 'GRANT');
}
