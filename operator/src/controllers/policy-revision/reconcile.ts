import { API_VERSION } from '@edict/crds';
import type { EventSink } from '../../events.ts';
import type { OperatorMetrics } from '../../observability/metrics.ts';
import type { ReconcileResult } from '../../queue.ts';
import { parseKey } from '../../store/object-key.ts';
import type { Store } from '../../store/store.ts';
import type { RolloutBoard } from '../rollout-board.ts';
import { stateOf, type World } from '../world.ts';
import { planRevision } from './plan.ts';
import { turnsOf } from './turns.ts';

export interface RevisionDeps {
  readonly world: World;
  readonly store: Store;
  readonly board: RolloutBoard;
  readonly events: EventSink;
  readonly metrics: OperatorMetrics;
  readonly statusWrittenAt: (key: string) => number;
  readonly noteStatusWritten: (key: string, at: number) => void;
  readonly statusIntervalMs: number;
  readonly now: () => number;
}

/** What a revision's `activeCount` reads when no PDP is there. */
const NOBODY = '0/0';

/** Writes what the distribution reports into the status of one revision. */
export async function reconcileRevision(key: string, deps: RevisionDeps): Promise<ReconcileResult> {
  const { world, store, board, events, metrics, now } = deps;
  const revision = world.revisions.get(parseKey(key));
  if (revision === undefined || revision.metadata.deletionTimestamp !== undefined) return {};
  const { set, setUid } = revision.spec;
  const namespace = revision.metadata.namespace ?? '';
  const committed = world.revisions
    .list(namespace)
    .filter((other) => other.spec.set === set && other.spec.setUid === setUid && stateOf(other) === 'Committed');
  const { status, requeueAfterMs } = planRevision({
    revision,
    progress: board.get(`${namespace}/${set}`, setUid),
    committedN: Math.max(0, ...committed.map(({ spec }) => spec.n)),
    writtenAt: deps.statusWrittenAt(key),
    intervalMs: deps.statusIntervalMs,
    now: now(),
  });
  if (status !== undefined) {
    await store.updateStatus<'PolicyRevision'>({ ...revision, status });
    metrics.statusWrites.inc({ kind: 'PolicyRevision' });
    deps.noteStatusWritten(key, now());
    const regarding = { apiVersion: API_VERSION, kind: 'PolicySet', namespace, name: set, uid: setUid };
    for (const turn of turnsOf(revision.spec.n, revision.status, status)) events.emit({ ...turn, regarding });
    // A revision that nobody is there to serve is decided, but has converged nowhere.
    const { activeCount = NOBODY } = status;
    const isNew = revision.status?.phase !== 'Completed' || (revision.status.activeCount ?? NOBODY) === NOBODY;
    if (status.phase === 'Completed' && isNew && activeCount !== NOBODY) {
      const message = `revision ${revision.spec.n}: ${activeCount} PDPs serve it`;
      events.emit({ type: 'Normal', reason: 'Converged', message, regarding });
    }
  }
  return requeueAfterMs === undefined ? {} : { requeueAfterMs };
}
