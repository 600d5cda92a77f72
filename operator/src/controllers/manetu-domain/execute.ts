import {
  API_VERSION,
  findCondition,
  MANETU_API_VERSION,
  type ManetuPolicyDomain,
  type PolicyDomain,
} from '@edict/crds';
import type { EventSink } from '../../events.ts';
import type { OperatorMetrics } from '../../observability/metrics.ts';
import { isStoreError } from '../../store/errors.ts';
import { keyOf } from '../../store/object-key.ts';
import type { Store } from '../../store/store.ts';
import { FORCE_DELETE_ANNOTATION, WITHDRAW_FINALIZER } from '../names.ts';
import type { ManetuAction } from './observed.ts';

/** Writes to objects of Manetu's group. Each throws `Conflict` when the object has changed since it was read. */
export interface ManetuObjects {
  /** Sets the finalizers and touches nothing else. */
  readonly setFinalizers: (object: ManetuPolicyDomain, finalizers: readonly string[]) => Promise<void>;
  readonly updateStatus: (object: ManetuPolicyDomain) => Promise<void>;
}

export interface ExecuteManetuDeps {
  readonly store: Store;
  readonly manetu: ManetuObjects;
  readonly events: EventSink;
  readonly metrics: OperatorMetrics;
}

/** Does one action for an object as it was observed. */
export async function executeManetuDomain(
  object: ManetuPolicyDomain,
  action: ManetuAction,
  { store, manetu, events, metrics }: ExecuteManetuDeps,
): Promise<void> {
  const { finalizers = [], namespace = '', name, uid = '' } = object.metadata;
  switch (action.type) {
    case 'add-finalizer':
      await manetu.setFinalizers(object, [...finalizers, WITHDRAW_FINALIZER]);
      return;
    case 'remove-finalizer':
      await manetu.setFinalizers(
        object,
        finalizers.filter((finalizer) => finalizer !== WITHDRAW_FINALIZER),
      );
      return;
    case 'create-mirror':
      await store.create({
        apiVersion: API_VERSION,
        kind: 'PolicyDomain',
        metadata: {
          namespace,
          name,
          labels: { ...action.labels },
          ownerReferences: [
            {
              apiVersion: MANETU_API_VERSION,
              kind: 'PolicyDomain',
              name,
              uid,
              controller: true,
              blockOwnerDeletion: true,
            },
          ],
        },
        spec: action.spec,
      });
      return;
    case 'update-mirror': {
      const { mirror, spec, labels } = action;
      await store.update<'PolicyDomain'>({
        ...mirror,
        metadata: { ...mirror.metadata, labels: { ...labels } },
        spec,
      });
      return;
    }
    case 'delete-mirror':
      await deleteMirror(action.mirror, action.isForced, store);
      return;
    case 'set-status': {
      await manetu.updateStatus({ ...object, status: action.status });
      metrics.statusWrites.inc({ kind: 'ManetuPolicyDomain' });
      const accepted = findCondition(action.status.conditions, 'Accepted');
      const before = findCondition(object.status?.conditions, 'Accepted');
      if (accepted?.status === 'False' && accepted.message !== before?.message) {
        const regarding = { apiVersion: MANETU_API_VERSION, kind: 'PolicyDomain', namespace, name, uid };
        events.emit({ type: 'Warning', reason: 'Refused', message: accepted.message, regarding });
      }
      return;
    }
  }
}

async function deleteMirror(mirror: PolicyDomain, isForced: boolean, store: Store): Promise<void> {
  let current = mirror;
  if (isForced && mirror.metadata.annotations?.[FORCE_DELETE_ANNOTATION] !== 'true') {
    const annotations = { ...mirror.metadata.annotations, [FORCE_DELETE_ANNOTATION]: 'true' };
    current = await store.update<'PolicyDomain'>({ ...mirror, metadata: { ...mirror.metadata, annotations } });
  }
  if (current.metadata.deletionTimestamp !== undefined) return;
  try {
    const { uid } = current.metadata;
    await store.delete('PolicyDomain', keyOf(current), uid === undefined ? {} : { uid });
  } catch (error) {
    if (!isStoreError(error, 'NotFound')) throw error;
  }
}
