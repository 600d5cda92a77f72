import { findCondition, selectorMatches, type PolicyDomain, type PolicyRevision, type PolicySet } from '@edict/crds';
import { rolloutView, type SetSight } from '@edict/operator/views';

/** What `rollout status` says of one set at one moment. */
export interface RolloutView {
  readonly set: string;
  readonly revision: number | undefined;
  readonly phase: string;
  /** PDPs that have prepared this revision. */
  readonly prepared: number;
  /** PDPs that serve this revision, not one before it. */
  readonly active: number;
  readonly required: number;
  readonly nacked: number;
  /** Ready condition of the set. */
  readonly ready: string;
  readonly reason: string;
  readonly message: string;
  readonly exceptions: readonly string[];
  /** Domains of the set whose newest generation is refused: the set serves what they said before. */
  readonly refused: readonly { readonly domain: string; readonly message: string }[];
  /** Waves, what holds the rollout, and who is behind: a line each, while there is something to tell. */
  readonly details: readonly string[];
  /** Nothing more will happen by itself. */
  readonly done: boolean;
  readonly failed: boolean;
}

/** Reads a set, its newest revision and the domains of its namespace into what is shown. */
export function viewRollout(
  set: PolicySet,
  newest: PolicyRevision | undefined,
  domains: readonly PolicyDomain[],
  revisions: readonly PolicyRevision[] = newest === undefined ? [] : [newest],
): RolloutView {
  const { status } = set;
  const ready = findCondition(status?.conditions, 'Ready');
  const stalled = findCondition(status?.conditions, 'Stalled');
  const selected = domains.filter(({ metadata }) => selectorMatches(set.spec.domains.selector, metadata.labels ?? {}));
  const refused = selected.filter(isRefused).map(({ metadata, status: told }) => ({
    domain: metadata.name,
    message: findCondition(told?.conditions, 'Accepted')?.message ?? '',
  }));
  const isEmpty = selected.length === 0 && newest === undefined && ready?.reason === 'NoDomain';
  const isDesired = newest === undefined || status?.desiredRevision === newest.spec.n;
  // Everything that the user has written has been looked at; else what is true of the set is true of what was before.
  const isCurrent = isDesired && status?.observedGeneration === set.metadata.generation && selected.every(isSettled);
  const failed = isCurrent && (stalled !== undefined || refused.length > 0);
  const counts = isDesired ? status?.pdps : undefined;
  const exceptions = (status?.exceptions ?? []).map(
    ({ node, state, reason = '' }) => `${node} ${state}${reason === '' ? '' : `: ${reason}`}`,
  );
  // Set and revision are written apart: the set may be ready before its revision tells of its end.
  const isOver = newest === undefined || newest.status?.phase === 'Completed';
  const isCommitted = newest !== undefined && status?.committedRevision === newest.spec.n;
  return {
    set: set.metadata.name,
    revision: newest?.spec.n,
    phase: newest?.status?.phase ?? (newest === undefined ? 'NoRevision' : 'Pending'),
    prepared: counts?.prepared ?? 0,
    active: isCommitted ? (counts?.active ?? 0) : 0,
    required: counts?.required ?? 0,
    nacked: counts?.nacked ?? 0,
    ready: ready?.status ?? 'Unknown',
    reason: stalled?.reason ?? (refused.length > 0 ? 'Invalid' : (ready?.reason ?? 'Progressing')),
    message: stalled?.message ?? newest?.status?.cause ?? ready?.message ?? '',
    exceptions,
    refused,
    done: failed || (isCurrent && (isEmpty || (ready?.status === 'True' && isOver))),
    failed,
    details: newest === undefined || !isDesired ? [] : rolloutDetails({ set, revisions }, newest, exceptions),
  };
}

/** Columns of the widest label that is padded to. */
const LABEL_WIDTH = 24;

function rolloutDetails(sight: SetSight, newest: PolicyRevision, exceptions: readonly string[]): readonly string[] {
  const { waves, hold, shadow, analysis, isOpen } = rolloutView(sight, newest);
  if (newest.status?.phase === 'Completed') return exceptions.map((line) => `behind: ${line}`);
  const steps = waves.map(({ index, label, state, decidedAt, approvedBy, isApproved, needsApproval }) => {
    const approval = isApproved ? `approved${approvedBy === undefined ? '' : ` by ${approvedBy}`}` : 'needs approval';
    const parts = [
      ...(decidedAt === undefined ? [] : [`decided ${decidedAt}`]),
      ...(needsApproval || isApproved ? [approval] : []),
    ];
    return `wave ${index + 1}/${waves.length}  ${label.padEnd(LABEL_WIDTH)}  ${state.padEnd(8)}${parts.join(', ')}`.trimEnd();
  });
  return [
    ...(waves.length > 1 ? steps : []),
    ...(hold === undefined || !isOpen ? [] : [`held: ${hold.message} (${hold.reason})`]),
    ...(shadow === undefined ? [] : [`shadow: ${shadow.message}`]),
    ...(analysis === undefined
      ? []
      : [`analysis of wave ${analysis.wave + 1}: ${analysis.verdict}, ${analysis.message}`]),
    // What is behind a rollout that was ended is said as the reason why.
    ...(isOpen ? exceptions.map((line) => `behind: ${line}`) : []),
  ];
}

function isRefused({ metadata, status }: PolicyDomain): boolean {
  const accepted = findCondition(status?.conditions, 'Accepted');
  return accepted?.status === 'False' && accepted.observedGeneration === metadata.generation;
}

/** Seen in its newest form, and on the way to nowhere. */
function isSettled({ metadata, status }: PolicyDomain): boolean {
  if (metadata.deletionTimestamp !== undefined || status?.observedGeneration !== metadata.generation) return false;
  return findCondition(status?.conditions, 'Reconciling') === undefined;
}

/** One line that says it all; equal views give equal lines. */
export function progressLine(view: RolloutView): string {
  const name = `${view.set}@${view.revision ?? '-'}`;
  const counts = `prepared ${view.prepared}/${view.required}, active ${view.active}/${view.required}`;
  const nacked = view.nacked === 0 ? '' : `, refused by ${view.nacked}`;
  return `${name}  ${view.phase}  ${counts}${nacked}  ${view.done ? view.reason : 'waiting'}`;
}

const WIDEST_BAR = 40;
const NARROWEST_BAR = 10;

/** The same with a bar, for terminals: half of it is preparing, half is swapping. Never wider than `columns`. */
export function progressBar(view: RolloutView, columns: number): string {
  const line = progressLine(view);
  // The last column stays free: a terminal that wraps there would put the cursor a line too low.
  const width = Math.min(WIDEST_BAR, columns - line.length - 4);
  if (width < NARROWEST_BAR) return line.slice(0, Math.max(0, columns - 1));
  const total = 2 * view.required;
  const filled = total === 0 ? 0 : Math.floor((width * Math.min(total, view.prepared + view.active)) / total);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${line}`;
}
