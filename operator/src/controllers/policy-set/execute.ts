import { RENDERER_VERSION, signRevision } from '@edict/bundle';
import { API_VERSION, findCondition, revisionName, type PolicySet } from '@edict/crds';
import { rfc3339Millis } from '../../clock.ts';
import type { EventSink } from '../../events.ts';
import type { Signer } from '../../keys/signer.ts';
import type { OperatorMetrics } from '../../observability/metrics.ts';
import { isStoreError, StoreError } from '../../store/errors.ts';
import { keyOf, keyText } from '../../store/object-key.ts';
import type { Store } from '../../store/store.ts';
import { subjectOf } from '../event-subject.ts';
import { WITHDRAW_FINALIZER } from '../names.ts';
import { storeBundle } from '../store-bundle.ts';
import { REQUEST_REASON_ANNOTATION, REQUESTED_BY_ANNOTATION, wishOf } from '../user-requests.ts';
import type { SetAction, Wanted } from './observed.ts';

export interface ExecuteSetDeps {
  readonly store: Store;
  readonly events: EventSink;
  readonly metrics: OperatorMetrics;
  readonly signer: Signer;
  readonly now: () => number;
  readonly noteStatusWritten: (key: string, at: number) => void;
}

/** Does one action for a set as it was observed. Throws `Conflict` when the set has changed since. */
export async function executeSet(set: PolicySet, action: SetAction, deps: ExecuteSetDeps): Promise<PolicySet> {
  const { store, events, metrics } = deps;
  const finalizers = set.metadata.finalizers ?? [];
  switch (action.type) {
    case 'add-finalizer':
      return store.update<'PolicySet'>({
        ...set,
        metadata: { ...set.metadata, finalizers: [...finalizers, WITHDRAW_FINALIZER] },
      });
    case 'remove-finalizer': {
      const rest = finalizers.filter((name) => name !== WITHDRAW_FINALIZER);
      const after = await store.update<'PolicySet'>({ ...set, metadata: { ...set.metadata, finalizers: rest } });
      const isClean = action.outcome === 'Withdrawn';
      if (!isClean) metrics.withdrawTimeouts.inc();
      events.emit({
        type: isClean ? 'Normal' : 'Warning',
        reason: isClean ? 'Withdrawn' : 'WithdrawTimeout',
        message: isClean
          ? 'no PDP serves the set any more'
          : 'deleted although not every PDP has confirmed the withdrawal',
        regarding: subjectOf(set),
      });
      return after;
    }
    case 'create-revision':
      await createRevision(set, action, deps);
      return set;
    case 'delete-revision':
      try {
        const { uid } = action.revision.metadata;
        await store.delete('PolicyRevision', keyOf(action.revision), uid === undefined ? {} : { uid });
      } catch (error) {
        if (!isStoreError(error, 'NotFound')) throw error;
      }
      return set;
    case 'set-status': {
      const after = await store.updateStatus<'PolicySet'>({ ...set, status: action.status });
      metrics.statusWrites.inc({ kind: 'PolicySet' });
      deps.noteStatusWritten(keyText(keyOf(set)), deps.now());
      const failure = testFailure(action.status);
      if (failure !== undefined && failure !== testFailure(set.status)) {
        events.emit({ type: 'Warning', reason: 'TestsFailed', message: failure, regarding: subjectOf(set) });
      }
      return after;
    }
  }
}

/** The case that keeps the set from a new revision. */
function testFailure(status: PolicySet['status']): string | undefined {
  const condition = findCondition(status?.conditions, 'TestsPassed');
  return condition?.status === 'False' ? condition.message : undefined;
}

/** Creating the object of that name is what allocates n: of two who try, one gets `AlreadyExists` and looks again. */
async function createRevision(
  set: PolicySet,
  { n, parent, wanted }: Extract<SetAction, { type: 'create-revision' }>,
  { store, events, metrics, signer, now }: ExecuteSetDeps,
): Promise<void> {
  const signingKey = signer.key();
  // Revoked in this very moment: the queue comes back to it.
  if (signingKey === undefined) throw new StoreError('Unavailable', 'there is no key to sign with at the moment');
  const { name, namespace = '', uid = '', generation = 0 } = set.metadata;
  const createdAt = rfc3339Millis(now());
  const { reason, rollbackOf, renews, text } = wanted;
  for (const { object, rendered } of wanted.suites ?? []) {
    // Suites are stored as bundles are, before the manifest that names them.
    await storeBundle(object.metadata, { ...rendered, policies: 0, rendererVersion: RENDERER_VERSION }, store);
  }
  const digest = wanted.digest as `sha256:${string}`;
  const header = { set: `${namespace}/${name}`, setUid: uid, n, digest, parent, reason, createdAt };
  const { keyId, signature } = signRevision(header, signingKey.privateKey);
  try {
    await store.create({
      apiVersion: API_VERSION,
      kind: 'PolicyRevision',
      metadata: {
        namespace,
        name: revisionName(name, n),
        ...provenanceOf(set, wanted),
        ownerReferences: [{ apiVersion: API_VERSION, kind: 'PolicySet', name, uid, controller: true }],
      },
      spec: {
        set: name,
        setUid: uid,
        setGeneration: generation,
        n,
        digest,
        parent,
        reason,
        createdAt,
        keyId,
        signature,
        rendererVersion: RENDERER_VERSION,
        manifest: text,
        ...(rollbackOf === undefined ? {} : { rollbackOf }),
      },
    });
  } catch (error) {
    if (!isStoreError(error, 'AlreadyExists')) throw error;
    throw new StoreError('Conflict', `revision ${n} of ${namespace}/${name} exists already`, { cause: error });
  }
  metrics.revisions.inc({ reason });
  const { length } = wanted.manifest.domains;
  const what =
    (rollbackOf ?? renews) === undefined
      ? `${length} ${length === 1 ? 'domain' : 'domains'}`
      : `the content of revision ${rollbackOf ?? renews}${renews === undefined ? '' : `, signed by key ${keyId}`}`;
  events.emit({
    type: wanted.isAutomatic === true && renews === undefined ? 'Warning' : 'Normal',
    reason: rollbackOf === undefined ? (reason === 'Emergency' ? 'Emergency' : 'RevisionCreated') : 'RolledBack',
    message: `revision ${n} with ${what}${reason === 'Emergency' ? ', in an emergency: without waves' : ''}`,
    regarding: subjectOf(set),
  });
}

/** Who asked for the revision by name: whoever went back, or declared an emergency. What comes back by itself nobody asked for. */
function provenanceOf(
  { metadata }: PolicySet,
  { reason, rollbackOf, renews, isAutomatic }: Wanted,
): { readonly annotations?: Readonly<Record<string, string>> } {
  if (renews !== undefined) {
    return { annotations: { [REQUEST_REASON_ANNOTATION]: `the content of revision ${renews}, signed by the new key` } };
  }
  if (isAutomatic === true || (rollbackOf === undefined && reason !== 'Emergency')) return {};
  const { by, reason: why } = wishOf(metadata, reason === 'Emergency' ? 'emergency' : 'rollback');
  const annotations = {
    ...(by === undefined ? {} : { [REQUESTED_BY_ANNOTATION]: by }),
    ...(why === undefined ? {} : { [REQUEST_REASON_ANNOTATION]: why }),
  };
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}
