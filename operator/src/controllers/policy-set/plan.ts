import { isDeepStrictEqual } from 'node:util';
import { durationMs, type PolicySetStatus } from '@edict/crds';
import { manifestOf } from '../manifest-text.ts';
import { FORCE_DELETE_ANNOTATION, WITHDRAW_FINALIZER } from '../names.ts';
import { failedDigests, hasFailedContent, restMs } from './failures.ts';
import { comingBack, headOf, predecessorOf, strandedOf } from './head.ts';
import {
  isRefusal,
  type ObservedSet,
  type Refusal,
  type RevisionView,
  type SetAction,
  type SetPlan,
  type Wanted,
} from './observed.ts';
import { statusOf } from './status.ts';
import type { Standing } from './standing.ts';

/** Until the next look at a domain that is being rendered; its status brings one sooner. */
const LOOK_MS = 1_000;

/** What to do about one set. Pure; an empty plan is the definition of done. */
export function planSet(observed: ObservedSet): SetPlan {
  const { set } = observed;
  const hasFinalizer = (set.metadata.finalizers ?? []).includes(WITHDRAW_FINALIZER);
  if (set.metadata.deletionTimestamp !== undefined) {
    return hasFinalizer ? planDeletion(observed, set.metadata.deletionTimestamp) : { actions: [] };
  }
  if (!hasFinalizer) return { actions: [{ type: 'add-finalizer' }] };
  const standing = standingOf(observed);
  const status = planStatus(observed, standing);
  const isNewSpec = set.status?.observedGeneration !== set.metadata.generation;
  if (standing.type === 'Due') {
    const create = creation(observed, standing.wanted);
    // With a new spec the failures of the old one are forgotten first: else the revision would be refused unseen.
    return { actions: isNewSpec ? [...status.actions, ...create] : create };
  }
  const actions = [...status.actions, ...pruning(observed)];
  const waits = [status.requeueAfterMs, standing.type === 'Waiting' ? standing.remainingMs : undefined];
  return withRequeue(actions, waits);
}

/** Whether the set has what it should, signed as it should be, and if not, what is in the way. */
function standingOf(observed: ObservedSet): Standing {
  const standing = contentStanding(observed);
  if (!observed.canSign) {
    return standing.type === 'Due' ? { type: 'Waiting', remainingMs: LOOK_MS, unsettled: false } : standing;
  }
  // What is about to be made is signed by the new key anyway.
  if (standing.type === 'Due' || standing.type === 'Waiting' || standing.type === 'Resting') return standing;
  const head = renewable(observed);
  return head === undefined ? standing : { type: 'Due', wanted: renewed(head) };
}

/** What serves and is to be signed anew. A content that was given up meanwhile would only be given up again. */
function renewable(observed: ObservedSet): RevisionView | undefined {
  const head = headOf(observed.revisions);
  if (!observed.isOutdated || head === undefined || head.cause !== undefined) return undefined;
  return failedDigests(observed).some(({ digest }) => digest === head.digest) ? undefined : head;
}

/**
 * The same content. What serves goes to everybody at once: PDPs have it compiled, and what they answer stays what it was. What
 * was under way begins anew, wave by wave.
 */
function renewed(head: RevisionView): Wanted {
  const { rollbackOf: _none, ...wanted } = backTo(head);
  return { ...wanted, ...(head.state === 'Open' ? { reason: head.object.spec.reason } : {}), renews: head.n };
}

function contentStanding(observed: ObservedSet): Standing {
  const { set, wanted, revisions, unsettled, debounceMs } = observed;
  const back = comingBack(observed);
  if (back !== undefined) return { type: 'Due', wanted: backTo(back) };
  if (isRefusal(wanted)) return { type: 'Refused', refusal: wanted };
  const head = headOf(revisions);
  if (wanted.reason === 'Emergency' && !isUnderWay(head, wanted)) return { type: 'Due', wanted };
  const isStranded = strandedOf(revisions).length > 0;
  const isServed = head === undefined ? wanted.manifest.domains.length === 0 : head.content === wanted.content;
  if (isServed && !isStranded) return head === undefined ? { type: 'Empty' } : { type: 'Settled', head };
  if (set.spec.paused) return { type: 'Paused' };
  const failed = failedDigests(observed).find(({ digest }) => digest === wanted.digest);
  if (failed !== undefined) {
    const revision = revisions.findLast(({ digest, cause }) => digest === failed.digest && cause !== undefined);
    const isRolledBack = (revision?.state === 'Stopped' || revision?.state === 'Committed') && !isStranded;
    const cause = revision?.cause?.reason ?? 'Nack';
    return { type: 'Failed', message: failed.reason, n: revision?.n, cause, isRolledBack };
  }
  // A domain was edited and is not rendered yet: until it is, what is wanted is what failed, under another generation.
  if (unsettled && hasFailedContent(observed, wanted.content))
    return { type: 'Waiting', remainingMs: LOOK_MS, unsettled };
  const rest = restMs(observed);
  if (rest > 0) return { type: 'Resting', remainingMs: rest };
  if (debounceMs > 0) return { type: 'Waiting', remainingMs: debounceMs, unsettled };
  // The content of what serves already is on its way to nobody new: whoever has the other goes back to it at once.
  return { type: 'Due', wanted: isServed ? { ...wanted, reason: 'Rollback' } : wanted };
}

/** Whether an emergency's revision is there already. */
function isUnderWay(head: RevisionView | undefined, { content }: Wanted): boolean {
  return head?.content === content && (head.state === 'Committed' || head.object.spec.reason === 'Emergency');
}

/** The content of a revision, as a new one. */
function backTo({ n, content, digest, object }: RevisionView): Wanted {
  const { manifest: text } = object.spec;
  const manifest = manifestOf(object);
  return { content, manifest, text, digest, reason: 'Rollback', rollbackOf: n, isAutomatic: true };
}

function creation({ highestN }: ObservedSet, wanted: Wanted | Refusal): readonly SetAction[] {
  if (isRefusal(wanted)) return [];
  return [{ type: 'create-revision', n: highestN + 1, parent: highestN, wanted }];
}

/** Writes the status, but not more often than allowed for figures alone. */
function planStatus(observed: ObservedSet, standing: Standing): SetPlan {
  const status = statusOf(observed, standing);
  const restingFor = standing.type === 'Resting' ? standing.remainingMs : undefined;
  if (isDeepStrictEqual(status, observed.set.status)) return withRequeue([], [restingFor]);
  const dueInMs = observed.statusWrittenAt + observed.statusIntervalMs - observed.now;
  const isUrgent = !isDeepStrictEqual(essence(status), essence(observed.set.status ?? {}));
  if (!isUrgent && dueInMs > 0) return withRequeue([], [dueInMs, restingFor]);
  return withRequeue([{ type: 'set-status', status }], [restingFor]);
}

/** A status without the figures that change with every answer of every PDP. */
function essence({
  pdps: _pdps,
  pdpsActive: _active,
  exceptions: _exceptions,
  rollout,
  conditions,
  ...rest
}: PolicySetStatus): unknown {
  const { hold: _hold, ...standing } = rollout ?? {};
  return {
    ...rest,
    rollout: standing,
    conditions: conditions?.map(({ type, status, reason }) => ({ type, status, reason })),
  };
}

/** Closed revisions beyond the history limit. What serves, what could come back, what is newest and what is rolled back to stays. */
function pruning({ set, revisions }: ObservedSet): readonly SetAction[] {
  const committed = revisions.findLast(({ state }) => state === 'Committed');
  const predecessor = predecessorOf(revisions);
  const closed = revisions.filter(
    (revision) =>
      revision.state !== 'Open' &&
      revision !== committed &&
      revision !== predecessor &&
      revision !== revisions.at(-1) &&
      revision.n !== set.spec.rollbackTo,
  );
  const excess = closed.slice(0, Math.max(0, closed.length - set.spec.history.limit));
  return excess.map(({ object }) => ({ type: 'delete-revision', revision: object }));
}

function planDeletion(observed: ObservedSet, deletionTimestamp: string): SetPlan {
  const { set, revisions, now, progress } = observed;
  const finish = (outcome: 'Withdrawn' | 'WithdrawTimeout' | 'Forced'): SetPlan => ({
    actions: [
      ...revisions.map(({ object }): SetAction => ({ type: 'delete-revision', revision: object })),
      { type: 'remove-finalizer', outcome },
    ],
  });
  if (set.metadata.annotations?.[FORCE_DELETE_ANNOTATION] === 'true') return finish('Forced');
  const head = headOf(revisions);
  const wasServed = revisions.some(({ state }) => state !== 'Aborted');
  if (head === undefined || !wasServed) return finish('Withdrawn');
  const remainingMs = Date.parse(deletionTimestamp) + durationMs(set.spec.withdrawTimeout) - now;
  const isEmpty = head.object.spec.reason === 'Withdraw' && head.state === 'Committed' && isNothing(head);
  const isConfirmed =
    isEmpty &&
    progress?.revision === head.n &&
    progress.counts.active >= progress.counts.required &&
    progress.phase === 'Completed';
  if (isConfirmed) return finish('Withdrawn');
  if (remainingMs <= 0) return finish('WithdrawTimeout');
  const needsRevision = !isNothing(head);
  const status = planStatus(observed, { type: 'Withdrawing' });
  const actions = needsRevision ? [...status.actions, ...creation(observed, observed.wanted)] : status.actions;
  return withRequeue(actions, [remainingMs, status.requeueAfterMs]);
}

function isNothing(revision: RevisionView): boolean {
  return revision.content === '[]';
}

function withRequeue(actions: readonly SetAction[], waits: readonly (number | undefined)[]): SetPlan {
  const due = waits.filter((wait) => wait !== undefined);
  return due.length === 0 ? { actions } : { actions, requeueAfterMs: Math.max(1, Math.min(...due)) };
}
