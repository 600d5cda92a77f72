import { durationMs, findCondition, type PolicyDomain, type PolicyRevision, type PolicySet } from '@edict/crds';
import type { RolloutProgress } from '@edict/protocol';
import { keyOf, keyText, parseKey } from '../../store/object-key.ts';
import { parseCause } from '../abort-cause.ts';
import { entryOf } from '../manifest-text.ts';
import { HOLDS } from '../policy-set/status.ts';
import { describeHold, describeProgress, type RolloutBoard } from '../rollout-board.ts';
import { bundleOf, carries, committedOf, hasFailed, isDeleting, revisionsOf, stateOf, type World } from '../world.ts';
import type { DomainJudge } from './judge.ts';
import type { ObservedDomain, SetView } from './observed.ts';

export interface ObserveDomainDeps {
  readonly world: World;
  readonly board: RolloutBoard;
  readonly judge: DomainJudge;
  readonly now: () => number;
}

/** Everything that deciding about the domain takes; undefined if there is no such domain. */
export async function observeDomain(key: string, deps: ObserveDomainDeps): Promise<ObservedDomain | undefined> {
  const { world, board, judge, now } = deps;
  const before = world.domains.get(parseKey(key));
  if (before === undefined) {
    judge.forget(key);
    return undefined;
  }
  const judgement = isDeleting(before) ? undefined : await judge.judge(before);
  // The check took time: what is decided on is what is there now, as long as it is what was checked.
  const domain = world.domains.get(parseKey(key));
  if (domain === undefined) return undefined;
  if (domain.metadata.generation !== before.metadata.generation) return observeDomain(key, deps);
  const namespace = domain.metadata.namespace ?? '';
  const sets = world.sets.list(namespace);
  const stored = domain.status?.digest === undefined ? undefined : bundleOf(world, namespace, domain.status.digest);
  return {
    domain,
    judgement: isDeleting(domain) ? undefined : judgement,
    stored:
      stored === undefined ? undefined : { digest: stored.spec.digest, rendererVersion: stored.spec.rendererVersion },
    hasBundle: judgement?.type === 'valid' && bundleOf(world, namespace, judgement.bundle.digest) !== undefined,
    sets: sets
      .map((set) => setView(set, domain, world, board))
      .filter((view) => view.selects || view.committed !== undefined),
    namespaceHasSet: sets.some((set) => !isDeleting(set)),
    now: now(),
  };
}

function setView(set: PolicySet, domain: PolicyDomain, world: World, board: RolloutBoard): SetView {
  const uid = domain.metadata.uid ?? '';
  const revisions = revisionsOf(world, set);
  const committed = committedOf(revisions);
  const newest = revisions.at(-1);
  const progress = board.get(keyText(keyOf(set)), set.metadata.uid);
  return {
    name: set.metadata.name,
    selects: carries(set, domain) && !isDeleting(set),
    deleting: isDeleting(set),
    paused: set.spec.paused,
    rolledBack: set.spec.rollbackTo !== undefined,
    takenBack: takenBack(revisions, uid),
    minReady: set.spec.minReady,
    withdrawTimeoutMs: durationMs(set.spec.withdrawTimeout),
    refusal: refusalOf(set),
    committed: committed === undefined ? undefined : committedView(committed, revisions, uid),
    newest:
      newest === undefined
        ? undefined
        : {
            n: newest.spec.n,
            digest: entryOf(newest, uid)?.digest,
            state: stateOf(newest),
            cause: isEnded(newest) ? parseCause(newest.status?.cause) : undefined,
            ...standing(newest.spec.n, progress),
          },
    convergedRevision: set.status?.lastConvergence?.revision ?? 0,
    required: progress?.counts.required ?? set.status?.pdps?.required,
  };
}

/** How far the newest revision is, and what it waits for. */
function standing(
  n: number,
  progress: RolloutProgress | undefined,
): Pick<NonNullable<SetView['newest']>, 'progress' | 'hold'> {
  const figure = describeProgress(progress);
  const told = progress?.revision === n ? progress : undefined;
  const why = told && describeHold(told);
  if (told?.hold === undefined || why === undefined) return { progress: figure };
  const hold = HOLDS[told.hold.reason];
  return { progress: `${figure}; ${why}`, ...(hold === undefined ? {} : { hold: { ...hold, message: why } }) };
}

/** What of the domain some PDPs or principals were served and are no longer, for the set's present spec. */
function takenBack(revisions: readonly PolicyRevision[], uid: string): SetView['takenBack'] {
  return revisions
    .filter((revision) => stateOf(revision) === 'Stopped' || hasFailed(revision))
    .filter(({ status }) => parseCause(status?.cause).reason !== 'Superseded')
    .map((revision) => ({
      n: revision.spec.n,
      digest: entryOf(revision, uid)?.digest,
      message: parseCause(revision.status?.cause).message,
    }));
}

function isEnded(revision: PolicyRevision): boolean {
  return ['Aborted', 'Stopped'].includes(stateOf(revision)) || hasFailed(revision);
}

/** The domain's digest in the committed revision, and the first revision of the unbroken row of committed ones with it. */
function committedView(
  committed: PolicyRevision,
  revisions: readonly PolicyRevision[],
  uid: string,
): NonNullable<SetView['committed']> {
  const digest = entryOf(committed, uid)?.digest;
  let since = committed.spec.n;
  for (const revision of revisions.toReversed()) {
    if (revision.spec.n >= since || stateOf(revision) !== 'Committed') continue;
    if (entryOf(revision, uid)?.digest !== digest) break;
    since = revision.spec.n;
  }
  return { n: committed.spec.n, digest, since };
}

function refusalOf(set: PolicySet): SetView['refusal'] {
  const accepted = findCondition(set.status?.conditions, 'Accepted');
  if (accepted?.status === 'False') {
    return { reason: accepted.reason === 'TestsFailed' ? 'TestsFailed' : 'Invalid', message: accepted.message };
  }
  const stalled = findCondition(set.status?.conditions, 'Stalled');
  if (stalled?.reason === 'RepeatedFailure') return { reason: 'RepeatedFailure', message: stalled.message };
  return undefined;
}
