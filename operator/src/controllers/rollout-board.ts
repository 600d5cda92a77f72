import type { RolloutProgress } from '@edict/protocol';

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

/** One line for people: how far a rollout is. */
export function describeProgress(progress: RolloutProgress | undefined): string {
  if (progress === undefined) return 'waiting for the distribution';
  const { phase, counts, exceptions } = progress;
  const figure =
    phase === 'Preparing' || phase === 'Gating' || phase === 'Pending'
      ? `${counts.prepared}/${counts.required} PDPs have prepared it`
      : `${counts.active}/${counts.required} PDPs serve it`;
  const names = exceptions.slice(0, 3).map(({ node, state }) => `${node} (${state})`);
  return names.length === 0 ? figure : `${figure}; waiting for ${names.join(', ')}`;
}
