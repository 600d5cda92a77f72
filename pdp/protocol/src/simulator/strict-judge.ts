import { isSelected } from '../operator/waves.ts';
import type { SimPdp } from './sim-pdp.ts';
import type { SimStore, StoredRevision } from './sim-store.ts';
import type { World } from './world.ts';

/** What rounding to whole milliseconds may add to the bounds. */
const ROUNDING_MS = 5;

/** INVARIANTS I6 and I7 of sets that are `Strict`: how far apart, and how old, what is served may be. */
export class StrictJudge {
  readonly #world: World;
  readonly #store: SimStore;
  readonly #leaseMs: number | undefined;
  /** PDPs by the revision that they serve to everyone, whether they may answer just now or not. */
  readonly #at = new Map<number, Set<SimPdp>>();
  readonly #of = new Map<SimPdp, number>();
  #setUid = '';

  constructor(world: World, store: SimStore) {
    this.#world = world;
    this.#store = store;
    const { consistency } = store;
    this.#leaseMs = consistency?.mode === 'Strict' ? consistency.leaseMs : undefined;
  }

  /** The PDP's process is gone. */
  forget(pdp: SimPdp): void {
    const n = this.#of.get(pdp);
    this.#of.delete(pdp);
    if (n === undefined) return;
    const others = this.#at.get(n);
    others?.delete(pdp);
    if (others?.size === 0) this.#at.delete(n);
  }

  /** Something was decided to be served: when every older lease has ended, nobody may serve what was before. */
  decided(stored: StoredRevision): void {
    if (this.#leaseMs === undefined) return;
    this.#world.time.after(this.#leaseMs + ROUNDING_MS, () => {
      if (stored.revision.setUid !== this.#setUid) return;
      for (const [n, pdps] of this.#at) {
        if (n < stored.revision.n) for (const pdp of pdps) if (pdp.process?.isServing === true) this.#checkAge(pdp, n);
      }
    });
  }

  /** The PDP serves another revision, or has another lease. */
  serves(pdp: SimPdp): void {
    if (this.#leaseMs === undefined) return;
    this.forget(pdp);
    const served = pdp.process?.served;
    if (served === undefined || served.setUid !== this.#store.setUid) return;
    if (served.setUid !== this.#setUid) {
      this.#at.clear();
      this.#of.clear();
      this.#setUid = served.setUid;
    }
    const { n } = served;
    this.#of.set(pdp, n);
    this.#at.set(n, (this.#at.get(n) ?? new Set()).add(pdp));
    if (pdp.process?.isServing !== true) return;
    this.#checkAge(pdp, n);
    for (const [other, pdps] of this.#at) {
      // Neighbours are one commit apart at most, whatever was decided.
      if (Math.abs(other - n) > 1) for (const peer of pdps) this.#checkApart(pdp, n, peer, other);
    }
  }

  #since(stored: StoredRevision, { traits }: SimPdp): number | undefined {
    const at = stored.reached.findIndex(
      ({ nodes }, index) =>
        (stored.final && index === stored.reached.length - 1) ||
        (nodes !== undefined && nodes.sharePercent === undefined && isSelected(nodes, traits)),
    );
    return stored.reachedAt[at];
  }

  /** INVARIANT I7: nothing older than what was decided for this PDP more than a lease ago. */
  #checkAge(pdp: SimPdp, n: number): void {
    const { now } = this.#world.time;
    const revisions = this.#store.current();
    for (let index = n; index < revisions.length; index += 1) {
      const stored = revisions[index];
      if (stored === undefined || stored.reached.length === 0) continue;
      const since = this.#since(stored, pdp);
      if (since !== undefined && now - since > (this.#leaseMs ?? 0) + ROUNDING_MS / 2) {
        const age = Math.round(now - since);
        this.#world.fail(
          'I7',
          `${pdp.name} serves revision ${n} ${age} ms after ${stored.revision.n} was decided for it`,
        );
        return;
      }
    }
  }

  /** INVARIANT I6: of what was decided for a cohort, its serving PDPs are at most one step apart; an emergency is a step more. */
  #checkApart(a: SimPdp, atA: number, b: SimPdp, atB: number): void {
    if (b.process?.isServing !== true) return;
    const [older, low, high] = atA < atB ? [a, atA, atB] : [b, atB, atA];
    const revisions = this.#store.current();
    let steps = 0;
    for (let index = low; index < high; index += 1) {
      const stored = revisions[index];
      if (stored === undefined || stored.reached.length === 0 || stored.revision.reason === 'Emergency') continue;
      if (this.#since(stored, older) !== undefined) steps += 1;
    }
    if (steps > 1) {
      this.#world.fail('I6', `${a.name} serves revision ${atA} while ${b.name} serves ${atB}: ${steps} commits apart`);
    }
  }
}
