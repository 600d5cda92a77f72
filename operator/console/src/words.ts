import type { Finding, PdpState, Phase, SetSummary, ShadowView, WaveView } from '../../src/console/wire.ts';
import { capital } from './format.ts';

/** How a state is to be taken; each has a shape and a colour of its own. */
export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'idle';

/** A state in words. */
export interface Wording {
  readonly tone: Tone;
  readonly text: string;
}

/** Of a set as a whole. */
export const HEALTH: Readonly<Record<SetSummary['health'], Wording>> = {
  Good: { tone: 'good', text: 'Converged' },
  Progressing: { tone: 'busy', text: 'Rolling out' },
  Waiting: { tone: 'warn', text: 'Waits for a person' },
  Failed: { tone: 'bad', text: 'Failed' },
  Unknown: { tone: 'idle', text: 'Unknown' },
};

/** Of a rollout. */
export const PHASES: Readonly<Record<Phase, Wording>> = {
  Pending: { tone: 'idle', text: 'Pending' },
  Preparing: { tone: 'busy', text: 'Preparing' },
  Gating: { tone: 'busy', text: 'At the gate' },
  Committing: { tone: 'busy', text: 'Committing' },
  Soaking: { tone: 'busy', text: 'Watched' },
  Paused: { tone: 'warn', text: 'Paused' },
  AwaitingApproval: { tone: 'warn', text: 'Awaits approval' },
  Completed: { tone: 'good', text: 'Completed' },
  Aborted: { tone: 'bad', text: 'Aborted' },
  RolledBack: { tone: 'bad', text: 'Rolled back' },
};

/** Of one wave. */
export const WAVES: Readonly<Record<WaveView['state'], Wording>> = {
  Waiting: { tone: 'idle', text: 'Not yet' },
  Current: { tone: 'busy', text: 'Under way' },
  Done: { tone: 'good', text: 'Done' },
  Stopped: { tone: 'bad', text: 'Stopped' },
};

/** Of one PDP. */
export const PDPS: Readonly<Record<PdpState, Wording>> = {
  Active: { tone: 'good', text: 'Active' },
  Canary: { tone: 'busy', text: 'Canary' },
  Prepared: { tone: 'busy', text: 'Prepared' },
  Preparing: { tone: 'busy', text: 'Preparing' },
  Laggard: { tone: 'warn', text: 'Laggard' },
  Nacked: { tone: 'bad', text: 'Refused' },
  Behind: { tone: 'warn', text: 'Behind' },
  Stale: { tone: 'bad', text: 'Stale' },
  Missing: { tone: 'bad', text: 'Missing' },
};

/** Of a shadow evaluation. */
export const VERDICTS: Readonly<Record<ShadowView['verdict'] | 'Unknown', Wording>> = {
  Waiting: { tone: 'busy', text: 'Still comparing' },
  Pass: { tone: 'good', text: 'Passed' },
  Fail: { tone: 'bad', text: 'Failed' },
  Unknown: { tone: 'warn', text: 'Unknown' },
};

/** Of one finding about a PDP. */
export const SEVERITIES: Readonly<Record<Finding['severity'], Wording>> = {
  Info: { tone: 'idle', text: 'Note' },
  Warning: { tone: 'warn', text: 'Warning' },
  Error: { tone: 'bad', text: 'Error' },
};

/** The word of a PDP's state; states of a newer operator are shown as they are named. */
export function pdpWording(state: string): Wording {
  return (PDPS as Readonly<Partial<Record<string, Wording>>>)[state] ?? { tone: 'idle', text: state };
}

/** The one sentence about a set. People count waves from 1, the operator's own messages from 0. */
export function headlineOf({ phase, wave, desired, headline }: SetSummary): string {
  if (phase !== 'AwaitingApproval') return capital(headline);
  const which = wave === undefined ? 'it' : `wave ${wave.index + 1} of ${wave.count}`;
  return `Revision ${desired} waits until somebody approves ${which}.`;
}

/** The revision that a set's counts are about: the newest while it is being rolled out, and otherwise the committed one. */
export function countedRevision({ phase, desired, committed }: SetSummary): number {
  return phase === undefined || ENDED.has(phase) ? committed : desired;
}

const ENDED: ReadonlySet<Phase> = new Set(['Completed', 'Aborted', 'RolledBack']);

const REASONS: Readonly<Partial<Record<string, string>>> = {
  Spec: 'Edit',
  Rollback: 'Rollback',
  Withdraw: 'Withdrawal',
  Emergency: 'Emergency',
};

/** Why a revision was made, in a word. */
export function reasonText(reason: string): string {
  return REASONS[reason] ?? reason;
}
