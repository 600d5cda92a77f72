import { isDeepStrictEqual } from 'node:util';
import type { PolicyRevision } from '@edict/crds';
import { suiteOf } from '../../compile/test-suites.ts';
import { keyOf, keyText, parseKey } from '../../store/object-key.ts';
import { parseCause } from '../abort-cause.ts';
import { contentKey, manifestOf } from '../manifest-text.ts';
import type { Signer } from '../../keys/signer.ts';
import type { RolloutBoard } from '../rollout-board.ts';
import { committedOf, hasFailed, isDeleting, revisionsOf, stateOf, type World } from '../world.ts';
import type { CombinationJudge } from './combination.ts';
import type { Debounce } from './debounce.ts';
import { isRefusal, type ObservedSet, type Refusal, type RevisionView, type Wanted } from './observed.ts';
import { hasFailedContent } from './failures.ts';
import { headOf } from './head.ts';
import { membersOf, wantedOf } from './wanted.ts';

export interface ObserveSetDeps {
  readonly world: World;
  readonly board: RolloutBoard;
  readonly debounce: Debounce;
  readonly combinations: CombinationJudge;
  readonly signer: Signer;
  /** When the status of a set was last written by this process; 0 for never. */
  readonly statusWrittenAt: (key: string) => number;
  readonly statusIntervalMs: number;
  readonly now: () => number;
}

/** Everything that deciding about the set takes; undefined if there is no such set. */
export async function observeSet(key: string, deps: ObserveSetDeps): Promise<ObservedSet | undefined> {
  const { world, board, debounce, combinations, signer, statusWrittenAt, statusIntervalMs, now } = deps;
  const set = world.sets.get(parseKey(key));
  if (set === undefined) {
    debounce.settle(key);
    return undefined;
  }
  const namespace = set.metadata.namespace ?? '';
  const own = revisionsOf(world, set);
  const members = membersOf(world, set);
  const revisions = own.map(viewOf);
  const head = headOf(revisions);
  const unsettled = set.spec.rollbackTo === undefined && members.some((member) => !member.settled);
  let wanted: Wanted | Refusal = wantedOf(set, members, own, world.suites.list(namespace));
  let debounceMs = 0;
  let failedTest: string | undefined;
  if (!isRefusal(wanted)) {
    const { content } = wanted;
    // Nor does what failed wait for anything: the edit after it begins a row of its own.
    if (content === (head?.content ?? '[]') || hasFailedContent({ set, revisions }, content)) debounce.settle(key);
    else if (!isDeleting(set)) debounceMs = debounce.remainingMs(key, wanted.content, unsettled, now());
    const isNew =
      wanted.content !== head?.content && wanted.rollbackOf === undefined && wanted.manifest.domains.length > 0;
    // Checked when it is about to be made, and beside the event loop: the caches may be newer afterwards.
    if (isNew && debounceMs === 0 && !set.spec.paused) {
      const committed = committedOf(own);
      const good = committed === undefined ? undefined : manifestOf(committed);
      const suites = wanted.suites?.map(({ object }) => suiteOf(object)) ?? [];
      wanted = (await combinations.judge(namespace, wanted.content, wanted.manifest, good, suites)) ?? wanted;
    } else if (head !== undefined && hasOtherTests(wanted, head)) {
      const suites = wanted.suites?.map(({ object }) => suiteOf(object)) ?? [];
      const refusal = await combinations.judge(namespace, content, wanted.manifest, manifestOf(head.object), suites);
      failedTest = refusal?.message;
    }
  }
  const highestN = Math.max(
    set.status?.desiredRevision ?? 0,
    // Revisions of an earlier set of this name hold their names until they are collected.
    ...world.revisions.list(namespace).flatMap(({ spec }) => (spec.set === set.metadata.name ? [spec.n] : [])),
  );
  return {
    set,
    revisions,
    highestN,
    wanted,
    unsettled,
    debounceMs,
    canSign: signer.key() !== undefined,
    isOutdated: head !== undefined && isOutdated(head, signer),
    ...(failedTest === undefined ? {} : { failedTest }),
    progress: board.get(keyText(keyOf(set)), set.metadata.uid),
    statusWrittenAt: statusWrittenAt(key),
    statusIntervalMs,
    now: now(),
  };
}

/** True if what is wanted is served already, but has to pass other suites than it did when it was made. */
function hasOtherTests({ content, manifest, rollbackOf }: Wanted, head: RevisionView): boolean {
  if (content !== head.content || rollbackOf !== undefined) return false;
  return !isDeepStrictEqual(manifest.tests, manifestOf(head.object).tests);
}

/** What is under way by a key that retires is let go on: its own successor would only keep everybody waiting. */
function isOutdated({ state, object }: RevisionView, signer: Signer): boolean {
  const standing = signer.standingOf(object.spec.keyId);
  return standing === 'Revoked' || (standing === 'Retiring' && state === 'Committed');
}

function viewOf(object: PolicyRevision): RevisionView {
  const state = stateOf(object);
  const isEnded = state === 'Aborted' || state === 'Stopped' || hasFailed(object);
  const decidedAt = object.status?.waves?.find(
    ({ decision }) => decision === (isEnded ? 'Abort' : 'Commit'),
  )?.decidedAt;
  return {
    object,
    n: object.spec.n,
    digest: object.spec.digest,
    content: contentKey(manifestOf(object)),
    suites: manifestOf(object).tests.length,
    state,
    cause: isEnded ? parseCause(object.status?.cause) : undefined,
    at: Date.parse(decidedAt ?? object.spec.createdAt),
  };
}
