import type { NodeId, RevisionId } from '../identifiers.ts';
import type { BasisPoints } from '../messages.ts';
import type { NodeTraits } from './identity.ts';
import type { NodeSelection, WaveTarget } from './observation.ts';
import { chosenShare, isForAll, isSelected, WHOLE } from './waves.ts';

/** Who is there to be chosen. */
export interface Population {
  readonly nodes: Iterable<NodeId>;
  readonly traitsOf: (nodeId: NodeId) => NodeTraits | undefined;
}

/**
 * Which PDPs the waves of a set's revisions reach. A share of the PDPs is chosen anew when PDPs come and go, but who was
 * in it once stays: what is decided for a PDP is not taken back.
 */
export class Cohorts {
  readonly #population: Population;
  readonly #chosen = new Map<string, Set<NodeId>>();
  readonly #stale = new Set<string>();

  constructor(population: Population) {
    this.#population = population;
  }

  /** PDPs came, went or changed. */
  changed(): void {
    for (const key of this.#chosen.keys()) this.#stale.add(key);
  }

  /** Forgets every choice: the set is another one. */
  reset(): void {
    this.#chosen.clear();
    this.#stale.clear();
  }

  /**
   * What the first `count` waves of `revision` give a PDP: the revision for so many of its principals, 0 for none, 10,000
   * for all.
   */
  coverage(nodeId: NodeId, revision: RevisionId, waves: readonly WaveTarget[], count: number): BasisPoints {
    let share = 0;
    for (let index = 0; index < count; index += 1) {
      const wave = waves[index];
      if (wave === undefined) break;
      if (isForAll(wave)) return WHOLE;
      if (wave.nodes === undefined) share = Math.max(share, wave.principals ?? 0);
      else if (this.#reaches(nodeId, revision, index, wave.nodes)) return WHOLE;
    }
    return share;
  }

  #reaches(nodeId: NodeId, revision: RevisionId, index: number, selection: NodeSelection): boolean {
    if (!isSelected(selection, this.#population.traitsOf(nodeId))) return false;
    const { sharePercent } = selection;
    if (sharePercent === undefined) return true;
    return this.#share(revision, index, selection, sharePercent).has(nodeId);
  }

  #share({ setUid, n }: RevisionId, index: number, selection: NodeSelection, sharePercent: number): Set<NodeId> {
    const key = `${n}/${index}/${JSON.stringify(selection)}`;
    const known = this.#chosen.get(key);
    if (known !== undefined && !this.#stale.has(key)) return known;
    const candidates = [...this.#population.nodes].filter((nodeId) =>
      isSelected(selection, this.#population.traitsOf(nodeId)),
    );
    const stayed = candidates.filter((nodeId) => known?.has(nodeId));
    const chosen = new Set([...stayed, ...chosenShare(candidates, sharePercent, `${setUid}/${n}`)]);
    this.#chosen.set(key, chosen);
    this.#stale.delete(key);
    return chosen;
  }
}
