import type { AccessRecord, AccessReference, Phase, PhaseDurations, Verdict } from '@edict/engine';
import type { RuleExplanation } from '../../explain/rule-explanation.ts';
import type { RulesOf } from './explained-rules.ts';

/** One entity that a phase consulted, and what its policy said. */
export interface ExplainedReference {
  readonly id: string;
  /** Absent where nothing was found to ask. */
  readonly policy?: { readonly mrn: string; readonly fingerprint: string };
  readonly decision: Verdict;
  readonly reasonCode: string;
  /** Absent where the policy simply said so. */
  readonly reason?: string;
  readonly durationNs: number;
  /** Which rules made the policy answer so. */
  readonly rules?: RuleExplanation;
  /** Why that cannot be told. */
  readonly rulesUnavailable?: string;
}

/** One phase of a decision. */
export interface ExplainedPhase {
  readonly phase: Phase;
  readonly decision: Verdict;
  /** Absent where the phase was decided without being run, as when a resource resolves to nothing. */
  readonly durationNs?: number;
  readonly references: readonly ExplainedReference[];
}

/** Why a decision is what it is. */
export interface Explanation {
  readonly decision: Verdict;
  /**
   * The phases that made the decision: `SYSTEM` alone where the operation's policy decided; else, of a DENY, those that
   * denied, and of a GRANT, all three that had to grant.
   */
  readonly decidedBy: readonly Phase[];
  /** Why the operation's policy decided alone. */
  readonly override?: string;
  /** The access record's id; absent for probes. */
  readonly recordId?: string;
  readonly durationNs: number;
  /** In the order in which they are asked; those that had not to be asked are left out. */
  readonly phases: readonly ExplainedPhase[];
}

const PHASES: readonly (readonly [Phase, keyof PhaseDurations])[] = [
  ['SYSTEM', 'system'],
  ['IDENTITY', 'identity'],
  ['RESOURCE', 'resource'],
  ['SCOPE', 'scope'],
];

const NO_RULES: RulesOf = () => undefined;

/** Tells from its record how a decision came about, with what `rulesOf` tells of its references. */
export function explain(record: AccessRecord, kept: boolean, rulesOf: RulesOf = NO_RULES): Explanation {
  const phases: ExplainedPhase[] = [];
  for (const [phase, key] of PHASES) {
    const durationNs = record.phaseDurations[key];
    const references = record.references.filter((reference) => reference.phase === phase);
    if (durationNs === undefined && references.length === 0) continue;
    phases.push({
      phase,
      decision: verdictOf(phase, references),
      ...(durationNs === undefined ? {} : { durationNs: Math.trunc(durationNs) }),
      references: references.map((reference) => explainReference(reference, rulesOf)),
    });
  }
  const override = record.grantReason ?? record.denyReason;
  return {
    decision: record.decision,
    decidedBy: record.systemOverride
      ? ['SYSTEM']
      : phases
          .filter(({ phase, decision }) => phase !== 'SYSTEM' && decision === record.decision)
          .map(({ phase }) => phase),
    ...(override === undefined ? {} : { override }),
    ...(kept ? { recordId: record.id } : {}),
    durationNs: Math.trunc(record.durationNs),
    phases,
  };
}

/** Of roles and of scopes one that grants is enough; without any scope there is no restriction. */
function verdictOf(phase: Phase, references: readonly AccessReference[]): Verdict {
  const grants = ({ decision }: AccessReference): boolean => decision === 'GRANT';
  if (phase === 'IDENTITY') return references.some(grants) ? 'GRANT' : 'DENY';
  if (phase === 'SCOPE') return references.length === 0 || references.some(grants) ? 'GRANT' : 'DENY';
  return references.every(grants) ? 'GRANT' : 'DENY';
}

function explainReference(reference: AccessReference, rulesOf: RulesOf): ExplainedReference {
  const { id, policy, decision, reasonCode, reason, durationNs } = reference;
  return {
    id,
    ...(policy === undefined ? {} : { policy: { mrn: policy.mrn, fingerprint: policy.fingerprint } }),
    decision,
    reasonCode,
    ...(reason === '' ? {} : { reason }),
    durationNs: Math.trunc(durationNs),
    ...rulesOf(reference),
  };
}
