import type { Digest, NodeId, RevisionId } from '../identifiers.ts';
import { REFUSED_DIGESTS_MAX } from '../limits.ts';
import type { BeatSet, HelloSet, Nack, SetState } from '../messages.ts';

/** What a PDP said about the revision that it serves or has staged; a Beat leaves the digest out. */
export interface ReportedRevision {
  readonly setUid: string;
  readonly n: number;
}

/** The NACK that a PDP answered last, and what it would take for the same to be worth offering again. */
export interface NodeNack {
  readonly revision: RevisionId;
  readonly phase: Nack['phase'];
  readonly code: string;
  readonly deterministic: boolean;
  readonly text: string;
  readonly engineVersion: string;
}

/** One PDP as one set's rollout sees it. Mutable: owned by that rollout alone. */
export interface NodeView {
  readonly nodeId: NodeId;
  name: string;
  connected: boolean;
  /** When it connected or disconnected, monotonic. */
  changedAt: number;
  engineVersion: string;
  state: SetState;
  active: ReportedRevision | undefined;
  staged: ReportedRevision | undefined;
  /** The undecided revision that it said Prepared for on this replica. */
  prepared: RevisionId | undefined;
  nack: NodeNack | undefined;
  /** Contents that its engine refused for good, newest last. Each stays refused, whatever is refused after it. */
  refused: readonly Digest[];
  /** Name of the last announcement, and when it was sent. */
  sent: { readonly key: string; readonly at: number } | undefined;
  retries: number;
  retryAt: number;
  /** Decided at the deadline of the rollout under way. */
  laggard: boolean;
}

/** A PDP of which nothing is known but its name. */
export function unseenNode(nodeId: NodeId, name: string, now: number): NodeView {
  return {
    nodeId,
    name,
    connected: false,
    changedAt: now,
    engineVersion: '',
    state: 'Empty',
    active: undefined,
    staged: undefined,
    prepared: undefined,
    nack: undefined,
    refused: [],
    sent: undefined,
    retries: 0,
    retryAt: 0,
    laggard: false,
  };
}

/** Takes over what a Hello says: a new stream, so whatever was sent before may be lost. */
export function takeHello(node: NodeView, hello: HelloSet | undefined, engineVersion: string): void {
  // Another engine may take what this one refused.
  if (node.engineVersion !== engineVersion) node.refused = [];
  node.engineVersion = engineVersion;
  node.active = hello?.active;
  node.staged = hello?.staged;
  // "Prepared" counts only once it is said again, but a NACK is a fact about the content and the engine.
  node.prepared = undefined;
  if (node.nack?.deterministic !== true || node.nack.engineVersion !== engineVersion) node.nack = undefined;
  node.sent = undefined;
  node.retries = 0;
  node.retryAt = 0;
  node.state = hello?.active === undefined ? 'Empty' : 'Active';
}

/** Takes over what a Beat says. */
export function takeBeat(node: NodeView, beat: BeatSet): void {
  node.state = beat.state;
  node.active = beat.active === 0 ? undefined : { setUid: beat.setUid, n: beat.active };
  node.staged = beat.staged === 0 ? undefined : { setUid: beat.setUid, n: beat.staged };
}

/** True if the PDP serves exactly `revision`. */
export function serves(node: NodeView, revision: RevisionId | undefined): boolean {
  return revision !== undefined && node.active?.n === revision.n && node.active.setUid === revision.setUid;
}

/** True if the PDP serves something newer than `revision` of the same set: this replica is behind, not the PDP. */
export function isAhead(node: NodeView, revision: RevisionId): boolean {
  return node.active !== undefined && node.active.setUid === revision.setUid && node.active.n > revision.n;
}

/** Remembers that the PDP's engine refused `digest` for good; of many, the newest are remembered. */
export function noteRefused(node: NodeView, digest: Digest): void {
  node.refused = [...node.refused.filter((other) => other !== digest), digest].slice(-REFUSED_DIGESTS_MAX);
}

/** Forgets a refusal: the PDP has taken the content after all. */
export function noteTaken(node: NodeView, digest: Digest): void {
  if (node.refused.includes(digest)) node.refused = node.refused.filter((other) => other !== digest);
}

/** True if offering `revision` again cannot help: the same content was refused for good by the same engine. */
export function refusesForGood(node: NodeView, revision: RevisionId): boolean {
  return node.refused.includes(revision.digest);
}
