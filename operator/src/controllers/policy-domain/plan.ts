import { isDeepStrictEqual } from 'node:util';
import { mergeConditions, type PolicyDomainStatus } from '@edict/crds';
import { rfc3339 } from '../../clock.ts';
import { FORCE_DELETE_ANNOTATION, WITHDRAW_FINALIZER } from '../names.ts';
import { conditionsOf } from './conditions.ts';
import type { DomainAction, DomainPlan, ObservedDomain, SetView } from './observed.ts';

/** Sets that a status has room for. */
const ACTIVE_IN_MAX = 64;

/**
 * What to do about one domain. Pure: equal observations give equal plans, and an empty plan is the definition of done.
 * The last good bundle stays in `status.digest` while what is written is refused.
 */
export function planDomain(observed: ObservedDomain): DomainPlan {
  const { domain } = observed;
  const hasFinalizer = (domain.metadata.finalizers ?? []).includes(WITHDRAW_FINALIZER);
  if (domain.metadata.deletionTimestamp !== undefined) {
    return hasFinalizer ? planWithdrawal(observed, domain.metadata.deletionTimestamp) : { actions: [] };
  }
  // Own the cleanup before creating anything to clean up.
  if (!hasFinalizer) return { actions: [{ type: 'add-finalizer' }] };
  const { judgement } = observed;
  const actions: DomainAction[] = [];
  if (!observed.namespaceHasSet) actions.push({ type: 'create-default-set' });
  if (judgement?.type === 'valid' && adoptedDigest(observed) === judgement.bundle.digest && !observed.hasBundle) {
    actions.push({ type: 'store-bundle', bundle: judgement.bundle });
  }
  const status = statusOf(observed);
  if (!isDeepStrictEqual(status, domain.status)) actions.push({ type: 'set-status', status });
  return { actions };
}

/** The digest that the set is to carry: of this generation if it is valid, else of the last one that was. */
export function adoptedDigest({ domain, judgement, stored }: ObservedDomain): string | undefined {
  if (judgement?.type !== 'valid') return domain.status?.digest;
  const isSameSpec = domain.status?.observedGeneration === domain.metadata.generation;
  const isOtherRenderer = stored !== undefined && stored.rendererVersion !== judgement.bundle.rendererVersion;
  // An upgrade of the renderer alone must not start a rollout of everything: its bytes wait for the next edit.
  if (isSameSpec && isOtherRenderer && stored.digest === domain.status?.digest) return stored.digest;
  return judgement.bundle.digest;
}

function planWithdrawal(observed: ObservedDomain, deletionTimestamp: string): DomainPlan {
  const { domain, sets, now } = observed;
  if (domain.metadata.annotations?.[FORCE_DELETE_ANNOTATION] === 'true') {
    return { actions: [{ type: 'remove-finalizer', outcome: 'Forced' }] };
  }
  const serving = sets.filter((set) => isServedBy(set));
  if (serving.length === 0) return { actions: [{ type: 'remove-finalizer', outcome: 'Withdrawn' }] };
  const limitMs = Math.max(...serving.map((set) => set.withdrawTimeoutMs));
  const remainingMs = Date.parse(deletionTimestamp) + limitMs - now;
  if (remainingMs <= 0) return { actions: [{ type: 'remove-finalizer', outcome: 'WithdrawTimeout' }] };
  const status = withConditions(observed, domain.status ?? {}, [
    { type: 'Ready', status: 'False', reason: 'Withdrawing', message: withdrawalMessage(serving) },
    { type: 'Reconciling', status: 'True', reason: 'Withdrawing', message: withdrawalMessage(serving) },
  ]);
  const actions: DomainAction[] = isDeepStrictEqual(status, domain.status) ? [] : [{ type: 'set-status', status }];
  return { actions, requeueAfterMs: remainingMs };
}

/**
 * Whether PDPs of a set may still serve the domain, or may come to: an open revision or the committed one has it, or they
 * have not all confirmed the one that has it no more. A set without PDPs serves nothing; a set that is itself being deleted withdraws everything.
 */
function isServedBy(set: SetView): boolean {
  if (set.newest?.state === 'Open' && set.newest.digest !== undefined) return !set.deleting;
  if (set.committed === undefined) return false;
  if (set.committed.digest !== undefined) return !set.deleting;
  return set.required !== 0 && set.convergedRevision < set.committed.since;
}

function withdrawalMessage(serving: readonly SetView[]): string {
  return `being withdrawn from ${serving.map(({ name }) => name).join(', ')}`;
}

function statusOf(observed: ObservedDomain): PolicyDomainStatus {
  const { domain, judgement, sets } = observed;
  const digest = adoptedDigest(observed);
  const selecting = sets.filter(({ selects }) => selects);
  const isFresh = judgement?.type === 'valid' && digest === judgement.bundle.digest;
  const size = isFresh ? formatSize(judgement.bundle.gzSize) : domain.status?.size;
  const activeIn = activeInOf(observed);
  const revision = activeIn
    .filter((entry) => entry.digest === digest)
    .map((entry) => `${entry.set}@${entry.revision}`)
    .join(',');
  const entities = judgement?.entities;
  const warnings = judgement?.type === 'valid' ? judgement.warnings : [];
  const status: PolicyDomainStatus = {
    ...(digest === undefined ? {} : { digest }),
    ...(size === undefined ? {} : { size }),
    ...(selecting.length === 0 ? {} : { set: selecting.map(({ name }) => name).join(',') }),
    ...(revision === '' ? {} : { revision }),
    ...(activeIn.length === 0 ? {} : { activeIn }),
    ...(entities === undefined ? {} : { entities }),
    ...(warnings.length === 0 ? {} : { warnings: warnings.map((text) => text.slice(0, 2048)) }),
    ...(domain.status?.conditions === undefined ? {} : { conditions: domain.status.conditions }),
  };
  return withConditions(observed, status, conditionsOf(observed, digest));
}

/** Where which rendering is committed; an entry changes only when this domain's own digest does. */
function activeInOf({ domain, sets }: ObservedDomain): NonNullable<PolicyDomainStatus['activeIn']> {
  return sets
    .flatMap(({ name, committed }) => {
      if (committed?.digest === undefined) return [];
      const before = domain.status?.activeIn?.find(({ set }) => set === name);
      // History is pruned: what was known about the beginning stays known.
      const isSameRow = before?.digest === committed.digest && before.revision <= committed.since;
      return [{ set: name, revision: isSameRow ? before.revision : committed.since, digest: committed.digest }];
    })
    .slice(0, ACTIVE_IN_MAX);
}

function withConditions(
  { domain, now }: ObservedDomain,
  status: PolicyDomainStatus,
  desired: Parameters<typeof mergeConditions>[1],
): PolicyDomainStatus {
  const generation = domain.metadata.generation ?? 0;
  const absent = (['Reconciling', 'Stalled'] as const).filter((type) => !desired.some((entry) => entry.type === type));
  return {
    ...status,
    observedGeneration: generation,
    conditions: mergeConditions(domain.status?.conditions, desired, absent, generation, rfc3339(now)),
  };
}

function formatSize(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KiB`;
}
