import type { NodeId, RevisionId } from '../identifiers.ts';
import type { Fleet } from './fleet.ts';
import type { Ledger } from './ledger.ts';
import { gives, isAhead, isStuck, refusesForGood, serves, type NodeView } from './node.ts';
import type { OpenRollout } from './open-rollout.ts';
import { WHOLE } from './waves.ts';

/** Whom the wave under way is for, whose word it awaits, and whom it has reached. */
export class WaveCohort {
  readonly #fleet: Fleet;
  readonly #ledger: Ledger;

  constructor(fleet: Fleet, ledger: Ledger) {
    this.#fleet = fleet;
    this.#ledger = ledger;
  }

  /** The required PDPs that the wave is for. All prepare before the first wave. */
  nodes({ revision, waves, wave, required }: OpenRollout): readonly NodeId[] {
    return [...required].filter((nodeId) => this.#fleet.cohorts.coverage(nodeId, revision, waves, wave + 1) > 0);
  }

  /**
   * Everyone prepares before the first wave, then those whom a wave is for. For one that is for nobody everyone's word counts
   * again: a leader that saw no PDP may have decided those before it, and nobody's word is no reason to go on.
   */
  awaited(rollout: OpenRollout): readonly NodeId[] {
    const nodes = rollout.wave === 0 ? [] : this.nodes(rollout);
    return nodes.length === 0 ? [...rollout.required] : nodes;
  }

  /** True if the wave has reached the PDP. */
  hasReached(node: NodeView, { revision, waves, wave }: OpenRollout): boolean {
    const coverage = this.#fleet.cohorts.coverage(node.nodeId, revision, waves, wave + 1);
    return gives(node, revision, coverage) || (coverage < WHOLE && !this.#canSplit(node, revision));
  }

  /** False for a PDP that has nothing to give to the others, and will not: nobody waits for it before the last wave. */
  #canSplit(node: NodeView, { n }: RevisionId): boolean {
    const { committed, partial } = this.#ledger;
    const below = partial.find(({ revision, record: { decided } }) => {
      const isOlder = revision.n < n;
      return isOlder && this.#fleet.cohorts.coverage(node.nodeId, revision, decided, decided.length) >= WHOLE;
    });
    const base = below?.revision ?? committed;
    if (base === undefined || serves(node, base) || isAhead(node, base)) return true;
    return ![committed, base].some(
      (revision) =>
        revision !== undefined &&
        !serves(node, revision) &&
        (refusesForGood(node, revision) || isStuck(node, revision)),
    );
  }
}
