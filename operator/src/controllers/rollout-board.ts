import type { RolloutProgress } from '@edict/protocol';
import { APPROVE_WAVE_ANNOTATION } from './user-requests.ts';

/** What the distribution last told of each set. Kept in memory alone: a new leader hears it anew from the PDPs. */
export class RolloutBoard {
  readonly #progress = new Map<string, RolloutProgress>();
  readonly #onChange: (set: string) => void;

  /** `onChange` is told of the set's key, `namespace/name`. */
  constructor(onChange: (set: string) => void) {
    this.#onChange = onChange;
  }

  report(progress: RolloutProgress): void {
    this.#progress.set(progress.set, progress);
    this.#onChange(progress.set);
  }

  /** The last report about this very set object; undefined while nobody has counted. */
  get(set: string, setUid: string | undefined): RolloutProgress | undefined {
    const progress = this.#progress.get(set);
    return progress !== undefined && progress.setUid === setUid ? progress : undefined;
  }
}

/** Whether what is told of the wave under way is told after its decision. Without waves: whether the phase says so. */
function isDecided({ phase, wave }: RolloutProgress): boolean {
  if (wave !== undefined && phase !== 'Completed') return wave.decided.some(({ index }) => index === wave.index);
  return phase !== 'Preparing' && phase !== 'Gating' && phase !== 'Pending' && phase !== 'AwaitingApproval';
}

/** One line for people: how far a rollout is. */
export function describeProgress(progress: RolloutProgress | undefined): string {
  if (progress === undefined) return 'waiting for the distribution';
  const { wave, counts, exceptions } = progress;
  const served = wave === undefined ? counts : wave;
  const figure = isDecided(progress)
    ? `${served.active}/${served.required} PDPs serve it${wave === undefined ? '' : `, wave ${nameWave(wave)}`}`
    : `${counts.prepared}/${counts.required} PDPs have prepared it`;
  const names = exceptions.slice(0, 3).map(({ node, state }) => `${node} (${state})`);
  return names.length === 0 ? figure : `${figure}; waiting for ${names.join(', ')}`;
}

/** A wave for people, who count from 1. */
function nameWave({ index, count }: NonNullable<RolloutProgress['wave']>): string {
  return `${index + 1} of ${count}`;
}

/** For people: why a rollout does not go on, and what they can do about it; undefined if nothing holds it. */
export function describeHold({ hold, wave }: RolloutProgress): string | undefined {
  if (hold === undefined) return undefined;
  const name = wave === undefined ? 'it' : `wave ${nameWave(wave)}`;
  if (hold.reason === 'ApprovalRequired') {
    return `${name} waits for approval: annotation ${APPROVE_WAVE_ANNOTATION} "${wave?.index ?? 0}" on the PolicyRevision`;
  }
  if (hold.reason === 'Soak') return `${name} is watched: ${hold.message}`;
  return hold.reason === 'PauseRequested' ? 'a pause was asked for: spec.paused of the PolicySet' : hold.message;
}
