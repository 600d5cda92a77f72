import { isSameRevision, type NodeId, type RevisionId } from '../identifiers.ts';
import type { DurableRecord } from '../pdp/state.ts';
import type { SimPdp } from './sim-pdp.ts';
import { generationOf, SIM_SET } from './sim-store.ts';
import type { World } from './world.ts';

/** What a node may fall back to, and what became of the records that it wrote. */
interface NodeHistory {
  /** Revision below which the node may not go. */
  floor?: RevisionId;
  /** Newest active revision of a record that the disk took. */
  durable?: RevisionId;
  /** Active revision of the last record that the disk refused. */
  refused?: RevisionId;
}

/**
 * INVARIANT I2: what a PDP serves never goes back, not in another life either. The protocol has two exceptions: what a disk
 * refused to take is served for all that, and dies with the process; and a boot whose active revision no longer loads serves
 * the last known good one of the disk, and says so.
 */
export class MonotoneJudge {
  readonly #world: World;
  readonly #nodes = new Map<NodeId, NodeHistory>();

  constructor(world: World) {
    this.#world = world;
  }

  #of({ nodeId }: SimPdp): NodeHistory {
    const known = this.#nodes.get(nodeId) ?? {};
    this.#nodes.set(nodeId, known);
    return known;
  }

  /** True until the PDP has served something, or has it on its disk. */
  isNew(pdp: SimPdp): boolean {
    return this.#of(pdp).floor === undefined;
  }

  /** The PDP's disk took a record, or refused it. */
  recorded(pdp: SimPdp, { active }: DurableRecord, outcome: 'taken' | 'refused'): void {
    if (active === undefined) return;
    const node = this.#of(pdp);
    if (outcome === 'refused') node.refused = active.revision;
    else if (node.durable === undefined || isBefore(node.durable, active.revision)) node.durable = active.revision;
  }

  /** The PDP begins another life: bound to the newest revision that its disk ever took, whatever the disk says now. */
  booting(pdp: SimPdp): void {
    const node = this.#of(pdp);
    if (node.durable === undefined) delete node.floor;
    else node.floor = node.durable;
  }

  /** The PDP decides with another revision from now on. */
  serves(pdp: SimPdp, revision: RevisionId, cause: 'swap' | 'boot'): void {
    const node = this.#of(pdp);
    const { floor, durable, refused } = node;
    if (floor !== undefined && isBefore(revision, floor) && !(cause === 'boot' && isFallback(pdp, revision))) {
      this.#world.fail('I2', `${pdp.name} goes from revision ${floor.n} back to ${revision.n}`);
    }
    // Otherwise a crash would take back what the disk never refused.
    if (cause === 'swap' && !isSameRevision(durable, revision) && !isSameRevision(refused, revision)) {
      const { n } = revision;
      this.#world.fail('I2', `${pdp.name} serves revision ${n} before its disk has taken or refused the record of it`);
    }
    node.floor = revision;
  }
}

/** True if `a` was published before `b`: numbers begin anew with each UID that the set has had. */
function isBefore(a: RevisionId, b: RevisionId): boolean {
  const [ofA, ofB] = [generationOf(a), generationOf(b)];
  return ofA === ofB ? a.n < b.n : ofA < ofB;
}

/** True of the last known good revision of the disk, while the PDP says why it does not serve what was active. */
function isFallback({ disk, process }: SimPdp, revision: RevisionId): boolean {
  const lkg = disk.get(SIM_SET)?.lkg?.revision;
  return process?.machine?.bootFault !== undefined && isSameRevision(lkg, revision);
}
