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
  readonly waveNodes: ReadonlySet<NodeId>;
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
  return phase !== 'Pending' && phase !== 'Completed' && !isGivenUp(phase);
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
  const target = isGivenUp(subject.phase) ? committed : subject.revision;
  const isBehind = (node: NodeView) =>
    target !== undefined && !serves(node, target) && (!isAhead(node, target) || isInvented(view, subject, node));
  let [connected, prepared, active, nacked, laggards, missing] = [0, 0, 0, 0, 0, 0];
  for (const node of required) {
    if (rollout === undefined ? serves(node, target) : holds(node, rollout.revision)) prepared += 1;
    if (target !== undefined && !isBehind(node)) active += 1;
  }
  for (const node of nodes.values()) {
    if (node.connected) connected += 1;
    else if (observation.members?.has(node.nodeId) ?? true) missing += 1;
    if (isSameRevision(node.nack?.revision, subject.revision)) nacked += 1;
    if (node.laggard && isBehind(node)) laggards += 1;
  }
  return { required: required.length, connected, prepared, active, nacked, laggards, missing };
}

/**
 * True if the PDP says that it serves a revision that does not exist, as far as this replica knows: of a replica that lags
 * behind that is said for as long as it does. Such a word counts for nothing.
 */
function isInvented(
  { observation, rollout, committed }: RolloutView,
  { revision }: Subject,
  { active }: NodeView,
): boolean {
  if (active === undefined || active.setUid !== observation.setUid) return false;
  const { undecided, stopped, aborted } = observation;
  const known = [
    revision,
    rollout?.revision,
    committed,
    undecided.at(-1),
    stopped?.at(-1)?.revision,
    aborted?.revision,
  ];
  return known.every((one) => active.n > (one?.n ?? 0));
}

const SEVERITY: Record<PdpException['state'], number> = { Nacked: 0, Laggard: 1, Missing: 2, Behind: 3, Preparing: 4 };

function exceptionAs(node: NodeView, state: PdpException['state'], reason: string): PdpException {
  return { nodeId: node.nodeId, node: node.name, state, active: node.active?.n ?? 0, reason };
}

function exceptionOf(view: RolloutView, subject: Subject, node: NodeView): PdpException | undefined {
  const { rollout, committed } = view;
  const target = isGivenUp(subject.phase) ? committed : subject.revision;
  const behind = target !== undefined && !serves(node, target) && !isAhead(node, target);
  if (isSameRevision(node.nack?.revision, subject.revision) && node.nack !== undefined)
    return exceptionAs(node, 'Nacked', node.nack.text);
  if (node.laggard && behind) return exceptionAs(node, 'Laggard', node.nack?.text ?? 'not prepared at the deadline');
  if (!node.connected) {
    return exceptionAs(node, 'Missing', whyMissing(node));
  }
  if (isInvented(view, subject, node)) {
    return exceptionAs(
      node,
      'Behind',
      `UnknownRevision: it says that it serves ${node.active?.n ?? 0}, which nobody made`,
    );
  }
  if (rollout !== undefined && (rollout.phase === 'Preparing' || rollout.phase === 'Gating')) {
    return holds(node, rollout.revision) ? undefined : exceptionAs(node, 'Preparing', node.nack?.text ?? node.state);
  }
  if (rollout !== undefined && isOpen(subject.phase)) {
    const isMissed = view.waveNodes.has(node.nodeId) && !view.hasReached(node);
    return isMissed ? exceptionAs(node, 'Behind', node.nack?.text ?? node.state) : undefined;
  }
  return behind ? exceptionAs(node, 'Behind', node.nack?.text ?? node.state) : undefined;
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
  return {
    ...(since === undefined ? {} : { preparingSince: since.wall }),
    ...(decided === undefined ? {} : { decidedAt: decided.wall }),
    ...(completed === undefined ? {} : { completedAt: completed.wall }),
    ...(completed === undefined || lastActive === undefined
      ? {}
      : { convergenceMs: Math.max(0, Math.round(lastActive.wall - Date.parse(rollout.revision.createdAt))) }),
    ...(firstActive === undefined || lastActive === undefined
      ? {}
      : { skewMs: Math.round(lastActive.mono - firstActive.mono) }),
  };
}

function reachOf({ waveNodes, nodes, hasReached }: RolloutView): {
  readonly required: number;
  readonly active: number;
} {
  let active = 0;
  for (const nodeId of waveNodes) {
    const node = nodes.get(nodeId);
    if (node !== undefined && hasReached(node)) active += 1;
  }
  return { required: waveNodes.size, active };
}

function servingOf({ revision }: OpenRollout, required: readonly NodeView[]): number {
  const isServing = (node: NodeView): boolean =>
    serves(node, revision) ||
    isAhead(node, revision) ||
    (node.canary?.setUid === revision.setUid && node.canary.n >= revision.n);
  return required.filter(isServing).length;
}

/** The wave, what holds it, and by what it is judged. */
function wavesOf(view: RolloutView, subject: Subject, required: readonly NodeView[]): Partial<RolloutProgress> {
  const { rollout, record, shadow, observation } = view;
  const { strictLeaseMs = 0 } = observation.options;
  const bound = strictLeaseMs > 0 ? { revocationBoundMs: strictLeaseMs } : {};
  if (rollout === undefined || rollout.revision !== subject.revision) return bound;
  const { hold, analysis, waves, wave } = rollout;
  const isWatched = waves.length > 1 || waves.some(({ soakMs }) => soakMs > 0);
  return {
    ...bound,
    ...(isWatched
      ? {
          wave: {
            index: wave,
            count: waves.length,
            ...reachOf(view),
            serving: servingOf(rollout, required),
            decided: record?.decided ?? [],
          },
        }
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
  const exceptions = [];
  for (const node of view.nodes.values()) {
    const exception = exceptionOf(view, subject, node);
    if (exception !== undefined) exceptions.push(exception);
  }
  exceptions.sort((a, b) => SEVERITY[a.state] - SEVERITY[b.state] || (a.node < b.node ? -1 : a.node > b.node ? 1 : 0));
  return {
    set: observation.set,
    setUid: observation.setUid,
    revision: subject.revision?.n ?? 0,
    digest: subject.revision?.digest ?? '',
    phase: subject.phase,
    ...(subject.cause === undefined ? {} : { cause: subject.cause }),
    committed: committed?.n ?? 0,
    counts,
    exceptions: exceptions.slice(0, EXCEPTIONS_MAX),
    ready: readinessOf(view, subject, counts),
    ...(view.sites.length === 0 ? {} : { sites: view.sites }),
    ...timesOf(view.rollout, subject),
    ...wavesOf(view, subject, required),
  };
}

/** Why a PDP that is required has no stream. */
function whyMissing({ refusedPeer, ended }: NodeView): string {
  if (refusedPeer !== undefined) return `${refusedPeer.code}: ${refusedPeer.message}`;
  return ended === undefined ? 'no live stream' : `no live stream: ${ended}`;
}
