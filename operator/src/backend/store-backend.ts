import { isDeepStrictEqual } from 'node:util';
import type { DecisionSignature } from '@edict/bundle';
import type { PolicyRevision, PolicyRevisionStatus } from '@edict/crds';
import {
  ONLY_WAVE,
  wantsBack,
  type AbortCause,
  type Decision,
  type RevisionId,
  type RolloutProgress,
  type SetKey,
  type SetObservation,
  type SignDecision,
  type WaveRef,
  type WaveTarget,
} from '@edict/protocol';
import { rfc3339Millis, type Clock } from '../clock.ts';
import { formatCause, parseCause } from '../controllers/abort-cause.ts';
import { subjectOf } from '../controllers/event-subject.ts';
import type { RolloutBoard } from '../controllers/rollout-board.ts';
import { hasSynced, revisionsOf, type World } from '../controllers/world.ts';
import type { DistributionBackend } from '../distribution/backend.ts';
import type { EventSink } from '../events.ts';
import { isStoreError } from '../store/errors.ts';
import { keyOf, parseKey } from '../store/object-key.ts';
import type { Store } from '../store/store.ts';
import type { BundleBytes } from './bundle-bytes.ts';
import { confirmRevisions } from './confirm.ts';
import type { MemberSource } from './members.ts';
import { observationOf, signedOf } from './observation.ts';
import { storedArtifacts } from './stored-artifacts.ts';

export interface StoreBackendOptions {
  readonly world: World;
  readonly store: Store;
  readonly board: RolloutBoard;
  readonly bytes: BundleBytes;
  readonly events: EventSink;
  /** Absent where nobody keeps a list of PDPs: then whoever connects counts. */
  readonly members?: MemberSource;
  /** Who decides, for the record. */
  readonly identity: string;
  /** Signs the decisions that are for everyone, so that whoever reads the record can pass them on. */
  readonly signDecision?: SignDecision;
  readonly clock: Clock;
}

type StoredTarget = NonNullable<NonNullable<PolicyRevisionStatus['waves']>[number]['target']>;

/** A backend and the signal that tells it of changes in the world. */
export interface StoreBackend extends DistributionBackend {
  /** The world has changed: sets or revisions. */
  readonly changed: () => void;
}

/** Tries of one compare-and-swap: our own writes of figures may come between. */
const DECISION_TRIES = 4;

/** What the distribution needs, over a store. */
export function createStoreBackend(options: StoreBackendOptions): StoreBackend {
  const { world, store, board, bytes, events, members, identity, signDecision, clock } = options;
  const listeners = new Set<() => void>();
  const known = new Map<SetKey, SetObservation>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  members?.onChange(tell);

  const observe = (): readonly SetObservation[] => {
    if (!hasSynced(world)) return [];
    const observations = world.sets.list().map((set) => {
      const choosesNodes = set.spec.rollout.waves?.some(({ nodes }) => nodes !== undefined) === true;
      const traits = choosesNodes ? members?.traitsOf?.(set) : undefined;
      const observation = observationOf(set, revisionsOf(world, set), members?.membersOf(set), traits);
      const before = known.get(observation.set);
      return before !== undefined && isDeepStrictEqual(before, observation) ? before : observation;
    });
    known.clear();
    for (const observation of observations) known.set(observation.set, observation);
    return observations;
  };

  const find = (set: SetKey, { setUid, n }: RevisionId): PolicyRevision | undefined => {
    const { namespace, name } = parseKey(set);
    return world.revisions
      .list(namespace)
      .find(({ spec }) => spec.set === name && spec.setUid === setUid && spec.n === n);
  };

  /** Whether what was before a wave that fails comes back by itself. */
  const isAutomatic = (set: SetKey): boolean => {
    const { namespace, name } = parseKey(set);
    return world.sets.get({ namespace, name })?.spec.rollout.autoRollback === true;
  };

  const onChange = (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  };

  return {
    changed: tell,
    listSets: observe,
    onChange,
    confirm: (signal) => confirmRevisions({ store, world, clock, onChange }, signal),
    ...storedArtifacts({ ...world, bytes }),
    writeDecision: async (set, revision, decision, wave = ONLY_WAVE) => {
      let stored = find(set, revision);
      const isForAll = decision.type === 'Commit' && wave.final;
      const signatureFor = (object: PolicyRevision) =>
        isForAll ? signDecision?.(signedOf(object), { final: true }) : undefined;
      for (let attempt = 1; stored !== undefined && stored.spec.digest === revision.digest; attempt += 1) {
        const standing = waveStanding(stored.status?.waves ?? [], wave.index, decision.type);
        if (standing !== 'Open') {
          return standing === decision.type && isForSameReason(stored, decision) ? 'written' : 'conflict';
        }
        try {
          const after = await store.updateStatus<'PolicyRevision'>({
            ...stored,
            status: decidedStatus(stored.status ?? {}, decision, wave, {
              by: identity,
              at: clock.now(),
              autoRollback: isAutomatic(set),
              signed: signatureFor(stored),
            }),
          });
          emitDecision(events, after, set, decision, wave);
          return 'written';
        } catch (error) {
          if (isStoreError(error, 'NotFound')) return 'conflict';
          if (!isStoreError(error, 'Conflict') || attempt >= DECISION_TRIES) throw error;
          // Whether another decided, or only figures were written, the store itself says.
          stored = await store.get('PolicyRevision', keyOf(stored));
        }
      }
      return 'conflict';
    },
    writeProgress: (_set, progress: RolloutProgress) => {
      // The controllers write it, each at its own pace: one writer per status.
      board.report(progress);
      return Promise.resolve();
    },
  };
}

/** Who decides, when, and by what signature. */
interface DecisionContext {
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Whether what was served of a revision that is given up is taken back without being asked. */
  readonly autoRollback: boolean;
  readonly signed?: DecisionSignature | undefined;
}

/** The status with the decision in it; everything else in it stays. */
export function decidedStatus(
  before: PolicyRevisionStatus,
  decision: Decision,
  wave: WaveRef,
  { by, at, autoRollback, signed }: DecisionContext,
): PolicyRevisionStatus {
  const { index, final, ...target } = wave;
  const decided = {
    index,
    decision: decision.type,
    ...(final ? {} : { final, target: targetOf(target) }),
    decidedAt: rfc3339Millis(at),
    decidedBy: by,
    ...(signed === undefined ? {} : { keyId: signed.keyId, signature: signed.signature }),
  };
  const others = (before.waves ?? []).filter((other) => other.index !== index);
  const wasServed = others.some((other) => other.decision === 'Commit');
  const isTakenBack = wasServed && decision.type === 'Abort' && wantsBack(decision.cause, { autoRollback });
  return {
    ...before,
    phase: decision.type === 'Commit' ? 'Committing' : isTakenBack ? 'RolledBack' : 'Aborted',
    ...(decision.type === 'Abort' ? endOf(before, decision.cause, index) : {}),
    waves: [...others, decided].sort((a, b) => a.index - b.index),
  };
}

/** Why a rollout ends; the verdict that it rests on is recorded with it, since nobody may be there to tell it later. */
function endOf({ analysis, shadow }: PolicyRevisionStatus, cause: AbortCause, index: number): PolicyRevisionStatus {
  const { reason, message } = cause;
  const verdict = { verdict: 'Fail' as const, message: message.slice(0, 2048) };
  return {
    cause: formatCause(cause),
    // What is given up is the wave that would come next.
    ...(reason === 'Analysis' ? { analysis: { wave: analysis?.wave ?? Math.max(0, index - 1), ...verdict } } : {}),
    ...(reason === 'Gate' && shadow !== undefined ? { shadow: { ...shadow, ...verdict } } : {}),
  };
}

/** A copy that the store's types take. */
function targetOf({ principals, nodes }: WaveTarget): StoredTarget {
  const { labels, zones, sharePercent } = nodes ?? {};
  const chosen = {
    ...(labels === undefined ? {} : { labels: { ...labels } }),
    ...(zones === undefined ? {} : { zones: [...zones] }),
    ...(sharePercent === undefined ? {} : { sharePercent }),
  };
  return { ...(principals === undefined ? {} : { principals }), ...(nodes === undefined ? {} : { nodes: chosen }) };
}

/**
 * Whether a wave may be decided so: its own decision if it has one, `Closed` if an earlier one keeps it from being made. After
 * the last wave there is nothing to commit, but it may be said that the revision failed.
 */
export function waveStanding(
  waves: NonNullable<PolicyRevisionStatus['waves']>,
  index: number,
  decision: 'Commit' | 'Abort' = 'Commit',
): 'Commit' | 'Abort' | 'Open' | 'Closed' {
  const decisions = new Map(waves.map((wave) => [wave.index, wave.decision]));
  const own = decisions.get(index);
  if (own !== undefined) return own;
  const isBehindLast = waves.some((wave) => wave.index === index - 1 && wave.final !== false);
  if (isBehindLast && decision === 'Commit') return 'Closed';
  const isOpen = [...decisions.values()].every((decision) => decision !== 'Abort');
  return isOpen && (index === 0 || decisions.get(index - 1) === 'Commit') ? 'Open' : 'Closed';
}

function emitDecision(
  events: EventSink,
  revision: PolicyRevision,
  set: SetKey,
  decision: Decision,
  wave: WaveRef,
): void {
  const { n, setUid } = revision.spec;
  const { namespace, name } = parseKey(set);
  const regarding = { ...subjectOf(revision), kind: 'PolicySet', namespace, name, uid: setUid };
  const isFailure = decision.type === 'Abort' && decision.cause.reason !== 'Superseded';
  events.emit({
    type: isFailure ? 'Warning' : 'Normal',
    reason: decision.type === 'Abort' ? 'Aborted' : wave.final ? 'Committed' : 'WaveCommitted',
    message: decision.type === 'Commit' ? committedText(n, wave) : `revision ${n}: ${formatCause(decision.cause)}`,
    regarding,
  });
}

function committedText(n: number, { index, final, principals, nodes }: WaveRef): string {
  if (final) return `revision ${n} is decided`;
  const whom = principals === undefined ? nodesText(nodes) : `${principals / 100} % of the principals`;
  return `revision ${n}, wave ${index + 1} is decided: ${whom}`;
}

function nodesText({ labels = {}, zones = [], sharePercent }: NonNullable<WaveTarget['nodes']> = {}): string {
  const parts = [
    ...Object.entries(labels).map(([key, value]) => `${key}=${value}`),
    ...(zones.length === 0 ? [] : [`in ${zones.join(', ')}`]),
    ...(sharePercent === undefined ? [] : [`${sharePercent} % of them`]),
  ];
  return `the PDPs ${parts.join(', ')}`.trimEnd();
}

/** What follows from an Abort hangs on its reason: who wrote another has to look again. */
function isForSameReason({ status }: PolicyRevision, decision: Decision): boolean {
  return decision.type === 'Commit' || parseCause(status?.cause).reason === decision.cause.reason;
}
