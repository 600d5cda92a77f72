import { isSameRevision, type Digest, type NodeId, type RevisionId } from '../identifiers.ts';
import { REFUSED_DIGESTS_MAX } from '../limits.ts';
import type { BasisPoints, BeatSet, CommitTiming, HelloSet, Nack, SetState, SiteReport } from '../messages.ts';
import type { VersionRefusal } from '../versions.ts';
import type { NodeTraits } from './identity.ts';
import { WHOLE } from './waves.ts';

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

/** Why a PDP was sent away. */
export interface RefusedPeer {
  readonly code: VersionRefusal;
  readonly message: string;
}

/** A content that can never be taken; with `n`, only as that revision brings it. */
export interface NodeRefusal {
  readonly digest: Digest;
  readonly n?: number;
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
  canary: (ReportedRevision & { readonly upTo: BasisPoints }) | undefined;
  /** As authentication said it; the set's own list of members goes before. */
  traits: NodeTraits | undefined;
  /** The undecided revision that it said Prepared for on this replica. */
  prepared: RevisionId | undefined;
  nack: NodeNack | undefined;
  /** What its engine refused for good, newest last. Each stays refused, whatever is refused after it. */
  refused: readonly NodeRefusal[];
  /** Name of the last announcement, and when it was sent. */
  sent: { readonly key: string; readonly at: number } | undefined;
  retries: number;
  retryAt: number;
  /** How often in a row the PDP could not install a revision that is committed, for reasons that may pass. */
  failing: { readonly n: number; readonly count: number } | undefined;
  /** Decided at the deadline of the rollout under way. */
  laggard: boolean;
  /** How well it kept the moment of the last scheduled commit; undefined if that named none. */
  timing: CommitTiming | undefined;
  /** Why its last stream ended, while it has none and that was not in order. */
  ended: string | undefined;
  /** Name of the site that this relay speaks for; undefined for a PDP. */
  site: string | undefined;
  /** What the relay said last of its PDPs. */
  report: SiteReport | undefined;
  /** Why its Hello was not taken, until one is. */
  refusedPeer: RefusedPeer | undefined;
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
    canary: undefined,
    traits: undefined,
    prepared: undefined,
    nack: undefined,
    refused: [],
    sent: undefined,
    retries: 0,
    retryAt: 0,
    failing: undefined,
    laggard: false,
    timing: undefined,
    ended: undefined,
    site: undefined,
    report: undefined,
    refusedPeer: undefined,
  };
}

/** Takes over what a Hello says: a new stream, so whatever was sent before may be lost. */
export function takeHello(node: NodeView, hello: HelloSet | undefined, engineVersion: string): void {
  // Another engine may take what this one refused.
  if (node.engineVersion !== engineVersion) node.refused = [];
  node.engineVersion = engineVersion;
  node.active = hello?.active;
  node.staged = hello?.staged;
  const canary = hello?.canary;
  node.canary = canary === undefined ? undefined : { ...canary.revision, upTo: canary.upTo };
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
  node.canary = beat.canary === undefined ? undefined : { setUid: beat.setUid, ...beat.canary };
}

/** What a Beat may change of a node, as text to compare. */
export function standingOf({ active, staged, canary }: NodeView): string {
  return `${active?.setUid}/${active?.n}/${staged?.n}/${canary?.n}/${canary?.upTo}`;
}

/** True if the PDP serves exactly `revision`. */
export function serves(node: NodeView, revision: RevisionId | undefined): boolean {
  return revision !== undefined && node.active?.n === revision.n && node.active.setUid === revision.setUid;
}

/** True if the PDP serves something newer than `revision` of the same set: this replica is behind, not the PDP. */
export function isAhead(node: NodeView, revision: RevisionId): boolean {
  return node.active !== undefined && node.active.setUid === revision.setUid && node.active.n > revision.n;
}

/** True if the PDP gives `revision`, or something newer, to at least so many of its principals. */
export function gives(node: NodeView, revision: RevisionId, coverage: BasisPoints): boolean {
  if (coverage === 0 || serves(node, revision) || isAhead(node, revision)) return true;
  const { canary } = node;
  if (coverage >= WHOLE || canary?.setUid !== revision.setUid) return false;
  return canary.n > revision.n || (canary.n === revision.n && canary.upTo >= coverage);
}

/** True if the PDP has `revision` in memory: prepared, as a canary, or active. */
export function holds(node: NodeView, revision: RevisionId): boolean {
  if (isSameRevision(node.prepared, revision) || serves(node, revision) || isAhead(node, revision)) return true;
  return node.canary?.setUid === revision.setUid && node.canary.n >= revision.n;
}

/** So many failures to install what is committed show that it may never succeed: bytes that nobody has any more, say. */
export const STUCK_FAILURES = 3;

/** Counts a failure to install `revision`, which is committed. */
export function noteFailing(node: NodeView, { n }: RevisionId): void {
  node.failing = { n, count: node.failing?.n === n ? node.failing.count + 1 : 1 };
}

/** True if the PDP may never come to install `revision`. */
export function isStuck({ failing }: NodeView, { n }: RevisionId): boolean {
  return failing?.n === n && failing.count >= STUCK_FAILURES;
}

/** Remembers what the PDP's engine refused for good; of many, the newest are remembered. */
export function noteRefused(node: NodeView, { digest, n }: RevisionId, about: 'Content' | 'Revision'): void {
  const refusal: NodeRefusal = about === 'Content' ? { digest } : { digest, n };
  const others = node.refused.filter((other) => other.digest !== digest || other.n !== refusal.n);
  node.refused = [...others, refusal].slice(-REFUSED_DIGESTS_MAX);
}

/** Forgets refusals: the PDP has taken the content after all. */
export function noteTaken(node: NodeView, digest: Digest): void {
  if (node.refused.some((other) => other.digest === digest)) {
    node.refused = node.refused.filter((other) => other.digest !== digest);
  }
}

/** True if offering `revision` again cannot help: it, or its content, was refused for good by the same engine. */
export function refusesForGood({ refused }: NodeView, revision: RevisionId): boolean {
  return refused.some(({ digest, n }) => digest === revision.digest && (n === undefined || n === revision.n));
}
