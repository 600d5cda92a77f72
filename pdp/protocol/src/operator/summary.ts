import { isSameRevision, type NodeId } from '../identifiers.ts';
import { EXCEPTIONS_MAX } from '../limits.ts';
import type { SignedRevision } from '@edict/bundle';
import { holds, isAhead, serves, type NodeView } from './node.ts';
import type { AbortCause, RolloutRecord, SetObservation } from './observation.ts';
import { shownPhase, type OpenRollout } from './open-rollout.ts';
import type {
  PdpCounts,
  PdpException,
  Readiness,
  RolloutPhase,
  RolloutProgress,
  ShadowProgress,
  SiteProgress,
} from './progress.ts';

/** What a summary is made from. */
export interface RolloutView {
  readonly observation: SetObservation;
  readonly committed: SignedRevision | undefined;
  readonly rollout: OpenRollout | undefined;
  /** Of the rollout's revision, while that is open. */
  readonly record: RolloutRecord | undefined;
  /** The required PDPs that the wave under way is for, and whether it has reached one. */
  readonly waveNodes: readonly NodeId[];
  readonly hasReached: (node: NodeView) => boolean;
  readonly shadow?: ShadowProgress;
  /** The PDPs. */
  readonly nodes: ReadonlyMap<NodeId, NodeView>;
  readonly sites: readonly SiteProgress[];
  readonly settled: boolean;
  /** True if a revision waits for its rollout. */
  readonly waiting: boolean;
}

interface Subject {
  readonly revision: SignedRevision | undefined;
  readonly phase: RolloutPhase;
  readonly cause?: AbortCause;
}

/** The newest revision, and where it stands. */
function subjectOf({ rollout, observation, committed }: RolloutView): Subject {
  const { aborted } = observation;
  if (rollout !== undefined && rollout.revision.n >= (aborted?.revision.n ?? 0)) {
    const { revision, cause } = rollout;
    return { revision, phase: shownPhase(rollout), ...(cause === undefined ? {} : { cause }) };
  }
  if (aborted !== undefined && aborted.revision.n > (committed?.n ?? 0)) {
    return { revision: aborted.revision, phase: 'Aborted', cause: aborted.cause };
  }
  return { revision: committed, phase: committed === undefined ? 'Pending' : 'Completed' };
}

/** True while it is fixed who is required: from the start of a rollout to its end. */
function isOpen(phase: RolloutPhase): boolean {
  return !['Pending', 'Completed', 'Aborted', 'RolledBack'].includes(phase);
}

/** True if the revision is given up, and what was before it counts. */
function isGivenUp(phase: RolloutPhase): boolean {
  return phase === 'Aborted' || phase === 'RolledBack';
}

/**
 * Who counts as required. While a rollout is open: those fixed at its start. After it: they, and every later PDP from the
 * moment that it serves the committed revision, so that a scale-up neither flaps readiness nor goes uncounted.
 */
function requiredNodes({ rollout, nodes, committed }: RolloutView, subject: Subject): readonly NodeView[] {
  const fixed = rollout?.required;
  return [...nodes.values()].filter(
    (node) => fixed?.has(node.nodeId) === true || (!isOpen(subject.phase) && serves(node, committed)),
  );
}

function countsOf(view: RolloutView, subject: Subject, required: readonly NodeView[]): PdpCounts {
  const { nodes, rollout, committed, observation } = view;
  const all = [...nodes.values()];
  const target = isGivenUp(subject.phase) ? committed : subject.revision;
  const isBehind = (node: NodeView) => target !== undefined && !serves(node, target) && !isAhead(node, target);
  return {
    required: required.length,
    connected: all.filter(({ connected }) => connected).length,
    prepared: required.filter((node) => (rollout === undefined ? serves(node, target) : holds(node, rollout.revision)))
      .length,
    active: required.filter((node) => !isBehind(node) && target !== undefined).length,
    nacked: all.filter(({ nack }) => isSameRevision(nack?.revision, subject.revision)).length,
    laggards: all.filter((node) => node.laggard && isBehind(node)).length,
    missing: all.filter(({ nodeId, connected }) => !connected && (observation.members?.has(nodeId) ?? true)).length,
  };
}

const SEVERITY: Record<PdpException['state'], number> = { Nacked: 0, Laggard: 1, Missing: 2, Behind: 3, Preparing: 4 };

function exceptionOf(view: RolloutView, subject: Subject, node: NodeView): PdpException | undefined {
  const { rollout, committed } = view;
  const make = (state: PdpException['state'], reason: string): PdpException => ({
    nodeId: node.nodeId,
    node: node.name,
    state,
    active: node.active?.n ?? 0,
    reason,
  });
  const target = isGivenUp(subject.phase) ? committed : subject.revision;
  const behind = target !== undefined && !serves(node, target) && !isAhead(node, target);
  if (isSameRevision(node.nack?.revision, subject.revision) && node.nack !== undefined)
    return make('Nacked', node.nack.text);
  if (node.laggard && behind) return make('Laggard', node.nack?.text ?? 'not prepared at the deadline');
  if (!node.connected) return make('Missing', 'no live stream');
  if (rollout !== undefined && (rollout.phase === 'Preparing' || rollout.phase === 'Gating')) {
    return holds(node, rollout.revision) ? undefined : make('Preparing', node.nack?.text ?? node.state);
  }
  if (rollout !== undefined && isOpen(subject.phase)) {
    const isMissed = view.waveNodes.includes(node.nodeId) && !view.hasReached(node);
    return isMissed ? make('Behind', node.nack?.text ?? node.state) : undefined;
  }
  return behind ? make('Behind', node.nack?.text ?? node.state) : undefined;
}

function readinessOf(view: RolloutView, subject: Subject, counts: PdpCounts): Readiness {
  const { minReady } = view.observation.options;
  const { revision, phase, cause } = subject;
  if (revision === undefined) return { status: 'Unknown', reason: 'NoRevision', message: 'no revision yet' };
  const name = `revision ${revision.n}`;
  if (isGivenUp(phase)) {
    const reasons = {
      Nack: 'Rejected',
      Timeout: 'DeadlineExceeded',
      Superseded: 'Progressing',
      User: 'Aborted',
      Gate: 'Rejected',
      Analysis: 'Rejected',
    } as const;
    const end = phase === 'Aborted' ? 'given up' : 'stopped, and what was before it is on its way';
    return {
      status: 'False',
      reason: reasons[cause?.reason ?? 'User'],
      message: `${name} was ${end}: ${cause?.message ?? ''}`,
    };
  }
  if (phase !== 'Completed' || view.waiting) {
    const figure =
      phase === 'Committing' || phase === 'Soaking'
        ? `${counts.active} of ${counts.required} serve it`
        : `${counts.prepared} of ${counts.required} have prepared it`;
    const hold = view.rollout?.hold;
    const why = hold === undefined ? '' : `; ${hold.message}`;
    return { status: 'False', reason: 'Progressing', message: `${name} is ${phase}: ${figure}${why}` };
  }
  if (!view.settled)
    return { status: 'Unknown', reason: 'Progressing', message: 'PDPs are coming back after a change of leader' };
  if (counts.active < counts.required) {
    return { status: 'False', reason: 'Progressing', message: `${counts.active} of ${counts.required} serve ${name}` };
  }
  if (counts.required === 0 && minReady > 0) {
    return { status: 'Unknown', reason: 'NoPDP', message: `${name} is decided, but no PDP serves the set` };
  }
  if (counts.active < minReady) {
    return {
      status: 'False',
      reason: 'TooFewPDPs',
      message: `${counts.active} PDPs serve ${name}, at least ${minReady} must`,
    };
  }
  return { status: 'True', reason: 'Converged', message: `${counts.active} of ${counts.required} serve ${name}` };
}

function timesOf(rollout: OpenRollout | undefined, subject: Subject): Partial<RolloutProgress> {
  if (rollout === undefined || rollout.revision !== subject.revision) return {};
  const { since, decided, completed, firstActive, lastActive } = rollout;
  const created = Date.parse(rollout.revision.createdAt);
  return {
    ...(since === undefined ? {} : { preparingSince: since.wall }),
    ...(decided === undefined ? {} : { decidedAt: decided.wall }),
    ...(completed === undefined ? {} : { completedAt: completed.wall }),
    ...(completed === undefined || lastActive === undefined
      ? {}
      : { convergenceMs: Math.max(0, Math.round(lastActive.wall - created)) }),
    ...(firstActive === undefined || lastActive === undefined
      ? {}
      : { skewMs: Math.round(lastActive.mono - firstActive.mono) }),
  };
}

/** The wave, what holds it, and by what it is judged. */
function wavesOf(view: RolloutView, subject: Subject): Partial<RolloutProgress> {
  const { rollout, record, waveNodes, shadow, observation } = view;
  const { strictLeaseMs = 0 } = observation.options;
  const bound = strictLeaseMs > 0 ? { revocationBoundMs: strictLeaseMs } : {};
  if (rollout === undefined || rollout.revision !== subject.revision) return bound;
  const { hold, analysis, waves, wave } = rollout;
  const reached = waveNodes.filter((nodeId) => {
    const node = view.nodes.get(nodeId);
    return node !== undefined && view.hasReached(node);
  });
  const index = { index: wave, count: waves.length, required: waveNodes.length, active: reached.length };
  return {
    ...bound,
    ...(waves.length > 1 || waves.some(({ soakMs }) => soakMs > 0)
      ? { wave: { ...index, decided: record?.decided ?? [] } }
      : {}),
    ...(hold === undefined ? {} : { hold }),
    ...(shadow === undefined ? {} : { shadow }),
    ...(analysis === undefined ? {} : { analysis }),
  };
}

/** The set's progress as its status shows it. */
export function summarize(view: RolloutView): RolloutProgress {
  const { observation, committed } = view;
  const subject = subjectOf(view);
  const required = requiredNodes(view, subject);
  const counts = countsOf(view, subject, required);
  const exceptions = [...view.nodes.values()]
    .map((node) => exceptionOf(view, subject, node))
    .filter((exception) => exception !== undefined)
    .toSorted((a, b) => SEVERITY[a.state] - SEVERITY[b.state] || (a.node < b.node ? -1 : a.node > b.node ? 1 : 0))
    .slice(0, EXCEPTIONS_MAX);
  return {
    set: observation.set,
    setUid: observation.setUid,
    revision: subject.revision?.n ?? 0,
    digest: subject.revision?.digest ?? '',
    phase: subject.phase,
    ...(subject.cause === undefined ? {} : { cause: subject.cause }),
    committed: committed?.n ?? 0,
    counts,
    exceptions,
    ready: readinessOf(view, subject, counts),
    ...(view.sites.length === 0 ? {} : { sites: view.sites }),
    ...timesOf(view.rollout, subject),
    ...wavesOf(view, subject),
  };
}
