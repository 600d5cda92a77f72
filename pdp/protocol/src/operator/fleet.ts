import type { NodeId } from '../identifiers.ts';
import { Cohorts } from './cohorts.ts';
import type { NodeTraits } from './identity.ts';
import type { Instant } from './instant.ts';
import { unseenNode, type NodeView, type RefusedPeer } from './node.ts';
import { settleMsFor, type OperatorTuning, type SetObservation } from './observation.ts';

/** The PDPs of one set, as far as one replica knows them, and which waves reach them. */
export class Fleet {
  readonly #tuning: OperatorTuning;
  readonly #startedAt: number;
  readonly #nodes = new Map<NodeId, NodeView>();
  #observation: SetObservation;
  readonly cohorts: Cohorts;

  /** `servingSince` is when this replica began to serve streams. */
  constructor(observation: SetObservation, tuning: OperatorTuning, servingSince: Instant) {
    this.#observation = observation;
    this.#tuning = tuning;
    this.#startedAt = servingSince.mono;
    // A share of the PDPs is one of this cluster's own: a site is chosen by its labels or not at all.
    const own = () =>
      this.#nodes
        .values()
        .filter(({ site }) => site === undefined)
        .map(({ nodeId }) => nodeId);
    this.cohorts = new Cohorts({ nodes: { [Symbol.iterator]: own }, traitsOf: this.#traitsOf });
  }

  get nodes(): ReadonlyMap<NodeId, NodeView> {
    return this.#nodes;
  }

  get(nodeId: NodeId): NodeView | undefined {
    return this.#nodes.get(nodeId);
  }

  /** Takes over the list of members: who is on it is known, who is neither on it nor connected is gone. */
  observe(observation: SetObservation, now: Instant): void {
    const before = this.#observation;
    this.#observation = observation;
    const { members } = observation;
    for (const [nodeId, name] of members ?? []) this.#node(nodeId, name, now);
    if (members !== undefined) {
      for (const node of this.#nodes.values()) {
        if (!members.has(node.nodeId) && !node.connected && !this.#isSite(node)) this.#nodes.delete(node.nodeId);
      }
    }
    if (before.members !== members || before.traits !== observation.traits) this.cohorts.changed();
  }

  /** A PDP has a stream. */
  connected(
    nodeId: NodeId,
    name: string,
    about: { readonly traits?: NodeTraits | undefined; readonly site?: string | undefined },
    now: Instant,
  ): NodeView {
    const { traits, site } = about;
    const isNew = !this.#nodes.has(nodeId);
    const node = this.#node(nodeId, name, now);
    node.site = site;
    node.report = undefined;
    node.name = name;
    node.connected = true;
    node.refusedPeer = undefined;
    node.ended = undefined;
    node.changedAt = now.mono;
    node.traits = traits;
    if (isNew || traits !== undefined) this.cohorts.changed();
    return node;
  }

  /** A PDP was sent away: it is shown as one that is missing, with the reason. */
  refused(nodeId: NodeId, name: string, refused: RefusedPeer & { readonly engineVersion: string }, now: Instant): void {
    const { code, message, engineVersion } = refused;
    const node = this.#node(nodeId, name, now);
    node.name = name;
    node.engineVersion = engineVersion;
    node.refusedPeer = { code, message };
    this.cohorts.changed();
  }

  /** The PDP is no longer one of the set's. */
  remove(nodeId: NodeId): boolean {
    const wasThere = this.#nodes.delete(nodeId);
    if (wasThere) this.cohorts.changed();
    return wasThere;
  }

  /** Forgets who is away for good: by the list of members, or without one by time. */
  dropGone(now: Instant): void {
    const { members } = this.#observation;
    for (const node of this.#nodes.values()) {
      if (node.connected || this.#isSite(node)) continue;
      const gone =
        members === undefined ? now.mono - node.changedAt >= this.#tuning.goneAfterMs : !members.has(node.nodeId);
      if (gone) this.remove(node.nodeId);
    }
  }

  /** True once PDPs had time to come back after this replica began: before that, counts would show a loss that is none. */
  isSettled(now: Instant): boolean {
    const { members } = this.#observation;
    if (now.mono - this.#startedAt >= settleMsFor(members?.size, this.#tuning)) return true;
    return members !== undefined && members.keys().every((nodeId) => this.#nodes.get(nodeId)?.connected === true);
  }

  /** A relay of a site of the set: what it said last is the last that is known of the site, however long it is away. */
  #isSite({ site }: NodeView): boolean {
    return site !== undefined && this.#observation.sites?.includes(site) === true;
  }

  #node(nodeId: NodeId, name: string, now: Instant): NodeView {
    const known = this.#nodes.get(nodeId);
    if (known !== undefined) return known;
    const node = unseenNode(nodeId, name, now.mono);
    this.#nodes.set(nodeId, node);
    return node;
  }

  readonly #traitsOf = (nodeId: NodeId): NodeTraits | undefined =>
    this.#observation.traits?.get(nodeId) ?? this.#nodes.get(nodeId)?.traits;
}
