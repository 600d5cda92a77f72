import { subjectOf } from '../../controllers/event-subject.ts';
import type { EventSink } from '../../events.ts';
import { isStoreError } from '../../store/errors.ts';
import { keyOf } from '../../store/object-key.ts';
import type { Store } from '../../store/store.ts';
import { ProblemError } from '../http/problem.ts';
import { newestOf, type SetSight } from '../views/sight.ts';
import type { ActionBody, ActionName, ActionResult } from '../wire.ts';
import { changedAnnotations, changedSet, planAction, type ActionPlan } from './plan-action.ts';

/** Tries of one write: the controllers write the same objects. */
const WRITE_TRIES = 5;

export interface PerformDeps {
  readonly store: Store;
  readonly events: EventSink;
}

/**
 * Carries out what a user asks for, as one compare-and-swap on what is stored now. Whether the user may has been asked.
 * @throws ProblemError
 */
export async function performAction(
  action: ActionName,
  sight: SetSight,
  body: ActionBody,
  user: string,
  { store, events }: PerformDeps,
): Promise<ActionResult> {
  for (let attempt = 1; ; attempt += 1) {
    const fresh = await refreshed(sight, store);
    const plan = planAction(action, fresh, body, user);
    if (plan.type === 'Refused') {
      throw new ProblemError(plan.code === 'Invalid' ? 'invalid-request' : 'conflict', plan.message);
    }
    if (plan.type === 'Nothing') return { action, by: user, message: plan.message, isChanged: false };
    try {
      await write(plan, fresh, store);
    } catch (error) {
      if (isStoreError(error, 'Conflict') && attempt < WRITE_TRIES) continue;
      throw problemOfStore(error);
    }
    const why = body.reason === undefined ? '' : `: ${body.reason}`;
    events.emit({
      type: 'Normal',
      reason: 'Requested',
      message: `${user} asked for ${action}, ${plan.message}${why}`,
      regarding: subjectOf(fresh.set),
    });
    return { action, by: user, message: plan.message, isChanged: true };
  }
}

/** The set and its newest revision as they are stored now: what is decided on, and what the writes are compared with. */
async function refreshed(sight: SetSight, store: Store): Promise<SetSight> {
  const { namespace = '', name, uid } = sight.set.metadata;
  const newest = newestOf(sight);
  const [set, revision] = await Promise.all([
    store.get('PolicySet', { namespace, name }),
    newest === undefined ? undefined : store.get('PolicyRevision', keyOf(newest)),
  ]);
  if (set === undefined || set.metadata.uid !== uid) {
    throw new ProblemError('not-found', `there is no policy set ${namespace}/${name} any more`);
  }
  return {
    ...sight,
    set,
    revisions: sight.revisions.flatMap((known) => {
      if (known !== newest) return [known];
      return revision === undefined || revision.metadata.uid !== known.metadata.uid ? [] : [revision];
    }),
  };
}

async function write(
  plan: Extract<ActionPlan, { type: 'WriteSet' | 'WriteRevision' }>,
  { set, revisions }: SetSight,
  store: Store,
): Promise<void> {
  if (plan.type === 'WriteSet') {
    await store.update<'PolicySet'>(changedSet(set, plan));
    return;
  }
  const revision = revisions.find(({ spec }) => spec.n === plan.n);
  if (revision === undefined) throw new ProblemError('not-found', `there is no revision ${plan.n} any more`);
  const annotations = changedAnnotations(revision.metadata.annotations, plan.annotations);
  await store.update<'PolicyRevision'>({ ...revision, metadata: { ...revision.metadata, annotations } });
}

function problemOfStore(error: unknown): unknown {
  if (!isStoreError(error)) return error;
  switch (error.code) {
    case 'Conflict':
      return new ProblemError('conflict', 'others are writing the same object: try again');
    case 'NotFound':
      return new ProblemError('not-found', error.message);
    case 'Invalid':
    case 'AlreadyExists':
      return new ProblemError('invalid-request', error.message);
    case 'Forbidden':
      // The user may; a rule of the cluster has something against it.
      return new ProblemError('forbidden', error.message);
    case 'Unavailable':
      return new ProblemError('unavailable', error.message);
  }
}
