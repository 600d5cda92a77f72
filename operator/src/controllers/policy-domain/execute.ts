import { API_VERSION, findCondition, PolicySetSpec, type PolicyDomain } from '@edict/crds';
import type { EventSink } from '../../events.ts';
import type { OperatorMetrics } from '../../observability/metrics.ts';
import { isStoreError } from '../../store/errors.ts';
import type { Store } from '../../store/store.ts';
import { subjectOf } from '../event-subject.ts';
import { CREATED_BY_OPERATOR_LABEL, DEFAULT_SET_NAME, WITHDRAW_FINALIZER } from '../names.ts';
import { storeBundle } from '../store-bundle.ts';
import type { DomainAction } from './observed.ts';

export interface ExecuteDomainDeps {
  readonly store: Store;
  readonly events: EventSink;
  readonly metrics: OperatorMetrics;
}

/** Does one action for a domain as it was observed. Throws `Conflict` when the domain has changed since. */
export async function executeDomain(
  domain: PolicyDomain,
  action: DomainAction,
  deps: ExecuteDomainDeps,
): Promise<void> {
  const { store, events } = deps;
  const finalizers = domain.metadata.finalizers ?? [];
  const namespace = domain.metadata.namespace ?? '';
  switch (action.type) {
    case 'add-finalizer':
      await store.update<'PolicyDomain'>({
        ...domain,
        metadata: { ...domain.metadata, finalizers: [...finalizers, WITHDRAW_FINALIZER] },
      });
      return;
    case 'remove-finalizer':
      await removeFinalizer(domain, action.outcome, deps);
      return;
    case 'create-default-set':
      await createDefaultSet(namespace, deps);
      return;
    case 'store-bundle':
      await storeBundle(domain.metadata, action.bundle, store);
      return;
    case 'set-status': {
      await store.updateStatus<'PolicyDomain'>({ ...domain, status: action.status });
      deps.metrics.statusWrites.inc({ kind: 'PolicyDomain' });
      const accepted = findCondition(action.status.conditions, 'Accepted');
      const before = findCondition(domain.status?.conditions, 'Accepted');
      if (accepted?.status === 'False' && accepted.message !== before?.message) {
        events.emit({ type: 'Warning', reason: 'Refused', message: accepted.message, regarding: subjectOf(domain) });
      }
      if (action.status.digest !== undefined && action.status.digest !== domain.status?.digest) {
        const message = `generation ${domain.metadata.generation ?? 0} is rendered as ${action.status.digest}`;
        events.emit({ type: 'Normal', reason: 'Rendered', message, regarding: subjectOf(domain) });
      }
      return;
    }
  }
}

async function removeFinalizer(
  domain: PolicyDomain,
  outcome: 'Withdrawn' | 'WithdrawTimeout' | 'Forced',
  { store, events, metrics }: ExecuteDomainDeps,
): Promise<void> {
  const finalizers = (domain.metadata.finalizers ?? []).filter((name) => name !== WITHDRAW_FINALIZER);
  await store.update<'PolicyDomain'>({ ...domain, metadata: { ...domain.metadata, finalizers } });
  const regarding = subjectOf(domain);
  if (outcome === 'Withdrawn') {
    events.emit({ type: 'Normal', reason: 'Withdrawn', message: 'no PDP serves the domain any more', regarding });
    return;
  }
  metrics.withdrawTimeouts.inc();
  const message =
    outcome === 'Forced'
      ? 'deleted by force: PDPs may serve the domain until they have the next revision'
      : 'deleted although not every PDP has confirmed the withdrawal';
  events.emit({ type: 'Warning', reason: 'WithdrawTimeout', message, regarding });
}

async function createDefaultSet(namespace: string, { store, events }: ExecuteDomainDeps): Promise<void> {
  try {
    const set = await store.create({
      apiVersion: API_VERSION,
      kind: 'PolicySet',
      metadata: { namespace, name: DEFAULT_SET_NAME, labels: { [CREATED_BY_OPERATOR_LABEL]: 'true' } },
      spec: PolicySetSpec.parse({}),
    });
    const message = `the namespace had no PolicySet; ${DEFAULT_SET_NAME} carries all of its domains to all of its PDPs`;
    events.emit({ type: 'Normal', reason: 'DefaultSetCreated', message, regarding: subjectOf(set) });
  } catch (error) {
    if (!isStoreError(error, 'AlreadyExists')) throw error;
  }
}
