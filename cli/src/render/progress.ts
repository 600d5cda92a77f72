import type { PolicyRevision, PolicySet } from '@edict/crds';

/** What `rollout status` says of one set at one moment. */
export interface RolloutView {
  readonly set: string;
  readonly revision: number | undefined;
  readonly phase: string;
  readonly prepared: number;
  readonly active: number;
  readonly required: number;
  readonly nacked: number;
  /** Ready condition of the set. */
  readonly ready: string;
  readonly reason: string;
  readonly message: string;
  readonly exceptions: readonly string[];
  /** Nothing more will happen by itself. */
  readonly done: boolean;
  readonly failed: boolean;
}

/** Reads a set and its newest revision into what is shown. */
export function viewRollout(set: PolicySet, newest: PolicyRevision | undefined): RolloutView {
  const { status } = set;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const stalled = status?.conditions?.find(({ type }) => type === 'Stalled');
  const current = status?.observedGeneration === set.metadata.generation;
  const phase = newest?.status?.phase ?? (newest === undefined ? 'NoRevision' : 'Pending');
  const isDesired = newest === undefined || status?.desiredRevision === newest.spec.n;
  const failed = current && isDesired && stalled !== undefined;
  const done = failed || (current && isDesired && ready?.status === 'True');
  const counts = status?.pdps;
  return {
    set: set.metadata.name,
    revision: newest?.spec.n,
    phase,
    prepared: counts?.prepared ?? 0,
    active: counts?.active ?? 0,
    required: counts?.required ?? 0,
    nacked: counts?.nacked ?? 0,
    ready: ready?.status ?? 'Unknown',
    reason: stalled?.reason ?? ready?.reason ?? 'Progressing',
    message: stalled?.message ?? newest?.status?.cause ?? ready?.message ?? '',
    exceptions: (status?.exceptions ?? []).map(
      ({ node, state, reason = '' }) => `${node} ${state}${reason === '' ? '' : `: ${reason}`}`,
    ),
    done,
    failed,
  };
}

/** One line that says it all; equal views give equal lines. */
export function progressLine(view: RolloutView): string {
  const name = `${view.set}@${view.revision ?? '-'}`;
  const counts = `prepared ${view.prepared}/${view.required}, active ${view.active}/${view.required}`;
  const nacked = view.nacked === 0 ? '' : `, refused by ${view.nacked}`;
  return `${name}  ${view.phase}  ${counts}${nacked}  ${view.done ? view.reason : 'waiting'}`;
}

/** The same with a bar, for terminals: half of it is preparing, half is swapping. */
export function progressBar(view: RolloutView, columns: number): string {
  const line = progressLine(view);
  const width = Math.min(40, columns - line.length - 4);
  if (width < 10) return line.slice(0, columns - 1);
  const total = 2 * view.required;
  const filled = total === 0 ? 0 : Math.floor((width * (view.prepared + view.active)) / total);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${line}`;
}
