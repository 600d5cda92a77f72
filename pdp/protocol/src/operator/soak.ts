import { analyse, type AnalysisVerdict } from './analysis.ts';
import type { AbortCause, RolloutOptions, RolloutRecord } from './observation.ts';
import type { OpenRollout } from './open-rollout.ts';
import type { RolloutHold } from './progress.ts';

/** What the soak of a wave says. */
export type SoakVerdict =
  | { readonly type: 'Hold'; readonly hold: RolloutHold }
  /** Stop the rollout and ask for what was before. */
  | { readonly type: 'Stop'; readonly cause: AbortCause }
  | { readonly type: 'Next' };

/** What was measured, and what somebody outside says, as one verdict. */
export function soakAnalysis(rollout: OpenRollout, options: RolloutOptions): AnalysisVerdict {
  const { baseline, beside, soaked, external } = rollout;
  if (external?.verdict === 'Fail') return { verdict: 'Fail', message: external.message };
  if (options.analysis === undefined) return { verdict: 'Pass', message: 'nothing is analysed' };
  // A leader that came after the first wave knows nothing of the time before it: then what is answered beside the wave counts.
  const before = baseline.decisions < options.analysis.minDecisions ? beside : baseline;
  const measured = analyse(before, soaked, options.analysis);
  if (measured.verdict === 'Fail' || !options.analysis.external || external?.verdict === 'Pass') return measured;
  return { verdict: 'Unknown', message: external?.message ?? 'no verdict from outside yet' };
}

/**
 * Judges the soak of a wave. A failure ends it at once: by itself where the set wants that, else it holds until somebody
 * approves the next wave or gives the rollout up. A verdict from outside that is awaited and does not come holds too; that
 * too little was measured does not.
 */
export function evaluateSoak(
  rollout: OpenRollout,
  record: RolloutRecord,
  options: RolloutOptions,
  now: number,
): SoakVerdict {
  // An approval that was taken back and given anew was given in the knowledge of how the wave does.
  if (record.approvals?.includes(rollout.wave + 1) !== true) rollout.approvedAtSoak = false;
  if (record.pauseRequested === true) return hold('PauseRequested', 'a pause was asked for');
  const { verdict, message } = soakAnalysis(rollout, options);
  if (verdict === 'Fail') {
    if (isOverruled(rollout, record)) return { type: 'Next' };
    if (options.autoRollback === true) return { type: 'Stop', cause: { reason: 'Analysis', message } };
    return hold('AnalysisFailed', message);
  }
  if (rollout.soakUntil !== undefined && now < rollout.soakUntil) return hold('Soak', message);
  const awaitsWord = options.analysis?.external === true && rollout.external?.verdict !== 'Pass';
  if (awaitsWord && !isOverruled(rollout, record)) return hold('AnalysisUnknown', message);
  return { type: 'Next' };
}

/** True if the next wave was approved in the knowledge of the analysis: after the rollout was paused for it. */
function isOverruled({ wave, approvedAtSoak }: OpenRollout, { approvals }: RolloutRecord): boolean {
  return !approvedAtSoak && approvals?.includes(wave + 1) === true;
}

function hold(reason: RolloutHold['reason'], message: string): SoakVerdict {
  return { type: 'Hold', hold: { reason, message } };
}

/** So long a window before the first wave is compared with what comes after. */
export function longestSoakMs({ waves }: OpenRollout): number {
  return Math.max(0, ...waves.map(({ soakMs }) => soakMs));
}
