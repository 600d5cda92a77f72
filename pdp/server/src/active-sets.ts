import type { Serving } from '@edict/crds';
import type { Snapshot } from '@edict/engine';
import type { Share } from '@edict/protocol';
import { SetUsages } from './core/set-usage.ts';
import { Leases } from './lease/leases.ts';
import { ShadowTaps } from './shadow/shadow-tap.ts';

/** Which revision of a set this PDP serves, whether or not its policy is in memory. */
export interface HeldRevision {
  /** Set key, `namespace/name`. */
  readonly set: string;
  /** UID of the set's object: a set that was deleted and made anew is another set. */
  readonly setUid: string;
  readonly n: number;
  /** Digest of the manifest, `sha256:…`. */
  readonly digest: string;
  /** When the reference was swapped, ms since the epoch. */
  readonly activatedAtMs: number;
}

/** What one PDP serves for one set: the snapshot and the revision that it came from. Immutable. */
export interface ActiveRevision extends HeldRevision {
  readonly snapshot: Snapshot;
  /** What answers for some principals in its place. */
  readonly canary?: Canary;
}

/** A newer revision of the same set that answers for the principals of a share. */
export interface Canary {
  readonly revision: ActiveRevision;
  readonly share: Share;
}

/** A revision that is served, and whose policy is not in memory. */
export interface SleepingRevision extends HeldRevision {
  readonly serving: Serving;
  /** Why it cannot be brought into memory at present. Undefined where waiting is worth while. */
  readonly failure: string | undefined;
  /** Asks for the policy to be brought into memory. It is not there yet when this returns. */
  readonly wake: () => void;
}

export type Selection =
  | { readonly kind: 'active'; readonly active: ActiveRevision }
  | { readonly kind: 'asleep'; readonly sleeping: SleepingRevision }
  /** It is known here, and what is stored of it cannot be loaded. */
  | { readonly kind: 'broken'; readonly set: string; readonly failure: string }
  | { readonly kind: 'no-policy' }
  /** Others may be on their way: which one is meant by a request that names none cannot be said yet. */
  | { readonly kind: 'loading' }
  | { readonly kind: 'unknown-set'; readonly set: string }
  | { readonly kind: 'ambiguous-name'; readonly name: string; readonly sets: readonly string[] }
  | { readonly kind: 'set-required'; readonly sets: readonly string[] };

/**
 * The revision of every set this PDP serves. A swap replaces one reference; a request reads it once and keeps what it read.
 */
export class ActiveSets {
  #active: ReadonlyMap<string, ActiveRevision> = new Map();
  readonly #sleeping = new Map<string, SleepingRevision>();
  readonly #held = new Map<string, HeldRevision>();
  readonly #broken = new Map<string, string>();
  /** What answers for a share of the principals, whether or not the revision for all others is here yet. */
  readonly #canaries = new Map<string, Canary>();
  /** The sets that claim each further name. */
  readonly #claims = new Map<string, readonly string[]>();
  readonly #namesOf = new Map<string, readonly string[]>();
  #only: ActiveRevision | undefined;
  readonly #listeners = new Set<(set: string) => void>();
  /** What the requests of each set use. */
  readonly usages = new SetUsages();
  /** Until when each set may answer. */
  readonly leases = new Leases();
  /** Who compares the answers of each set with a candidate's. */
  readonly shadows = new ShadowTaps();

  /** The revisions that are in memory, by set key; a swap leaves what was read before as it was. */
  get all(): ReadonlyMap<string, ActiveRevision> {
    return this.#active;
  }

  /** Every revision that is served, in memory or not, by set key; as it is now. */
  get held(): ReadonlyMap<string, HeldRevision> {
    return this.#held;
  }

  /** Why sets cannot be served whose revisions are stored here, by set key; as it is now. */
  get broken(): ReadonlyMap<string, string> {
    return this.#broken;
  }

  /** The canaries that are to answer, by set key; as it is now. */
  get canaries(): ReadonlyMap<string, Canary> {
    return this.#canaries;
  }

  /**
   * Serves a revision that is in memory, in place of what the set had. A canary goes on beside it if it is a newer revision of
   * the same set, and ends otherwise.
   */
  swap(revision: ActiveRevision): void {
    const { set } = revision;
    this.#endOlderCanary(revision);
    const active = beside(revision, this.#canaries.get(set));
    this.#sleeping.delete(set);
    this.#broken.delete(set);
    this.#held.set(set, active);
    this.#claim(set, active.snapshot.serving);
    this.#replace(new Map(this.#active).set(set, active), set);
  }

  /**
   * Has a newer revision answer for the principals of a share, in place of the canary before. While the set serves nothing, or
   * its policy is not in memory, it waits for that.
   */
  split(revision: ActiveRevision, share: Share): void {
    const { set } = revision;
    const canary: Canary = { revision, share };
    this.#canaries.set(set, canary);
    const active = this.#active.get(set);
    if (active === undefined) return;
    const both = beside(active, canary);
    this.#held.set(set, both);
    this.#replace(new Map(this.#active).set(set, both), set);
  }

  /** Serves a revision that is in memory and its canary, in place of what the set had. */
  replace(active: ActiveRevision): void {
    if (active.canary === undefined) this.#canaries.delete(active.set);
    else this.#canaries.set(active.set, active.canary);
    this.swap(active);
  }

  /** Serves a revision that is not in memory, in place of what the set had. */
  sleep(sleeping: SleepingRevision): void {
    const { set } = sleeping;
    this.#endOlderCanary(sleeping);
    this.#sleeping.set(set, sleeping);
    this.#broken.delete(set);
    this.#held.set(set, sleeping);
    this.#claim(set, sleeping.serving);
    this.#replace(without(this.#active, set), set);
  }

  /** Serves nothing for a set, and says why; until it is served again, or removed. */
  fail(set: string, failure: string): void {
    this.#drop(set);
    this.#broken.set(set, failure);
    this.#replace(without(this.#active, set), set);
  }

  remove(set: string): void {
    this.#drop(set);
    this.#replace(without(this.#active, set), set);
    this.usages.retain(this.#held);
    this.leases.forget(set);
    this.shadows.forget(set);
  }

  #endOlderCanary({ set, setUid, n }: HeldRevision): void {
    const canary = this.#canaries.get(set)?.revision;
    if (canary !== undefined && (canary.setUid !== setUid || canary.n <= n)) this.#canaries.delete(set);
  }

  #drop(set: string): void {
    this.#canaries.delete(set);
    this.#sleeping.delete(set);
    this.#held.delete(set);
    this.#broken.delete(set);
    this.#claim(set, {});
  }

  /** Calls `listener`, which must not throw, with the set of every change. The answer ends that. */
  onChange(listener: (set: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The revision that answers a request which names a set by its key or a further name, or names none. */
  select(name: string | undefined): Selection {
    if (name === undefined) return this.#selectOnly();
    const active = this.#active.get(name);
    if (active !== undefined) return { kind: 'active', active };
    return this.#held.has(name) || this.#broken.has(name) ? this.#selectHeld(name) : this.#selectNamed(name);
  }

  /** Whether a set is called so, by its key or a further name. */
  knows(name: string): boolean {
    return this.#held.has(name) || this.#broken.has(name) || this.#claims.has(name);
  }

  #selectOnly(): Selection {
    if (this.#only !== undefined) return { kind: 'active', active: this.#only };
    const [first, second] = [...this.#held.keys(), ...this.#broken.keys()];
    if (first === undefined) return { kind: 'no-policy' };
    if (second === undefined) return this.#selectHeld(first);
    return { kind: 'set-required', sets: [...this.#held.keys(), ...this.#broken.keys()].sort() };
  }

  #selectNamed(name: string): Selection {
    const [set, other] = this.#claims.get(name) ?? [];
    if (set === undefined) return this.#held.size === 0 ? { kind: 'no-policy' } : { kind: 'unknown-set', set: name };
    // Which of two tenants is meant is nothing to guess.
    if (other !== undefined) return { kind: 'ambiguous-name', name, sets: this.#claims.get(name) ?? [] };
    return this.#selectHeld(set);
  }

  #selectHeld(set: string): Selection {
    const active = this.#active.get(set);
    if (active !== undefined) return { kind: 'active', active };
    const sleeping = this.#sleeping.get(set);
    if (sleeping !== undefined) return { kind: 'asleep', sleeping };
    const failure = this.#broken.get(set);
    return failure === undefined ? { kind: 'unknown-set', set } : { kind: 'broken', set, failure };
  }

  #claim(set: string, { instance }: Serving): void {
    const names = instance?.names ?? NO_NAMES;
    const before = this.#namesOf.get(set) ?? NO_NAMES;
    if (names.length === before.length && names.every((name, index) => name === before[index])) return;
    for (const name of before) {
      const others = (this.#claims.get(name) ?? NO_NAMES).filter((claimant) => claimant !== set);
      if (others.length === 0) this.#claims.delete(name);
      else this.#claims.set(name, others);
    }
    for (const name of new Set(names)) this.#claims.set(name, [...(this.#claims.get(name) ?? NO_NAMES), set].sort());
    if (names.length === 0) this.#namesOf.delete(set);
    else this.#namesOf.set(set, names);
  }

  #replace(next: ReadonlyMap<string, ActiveRevision>, set: string): void {
    this.#active = next;
    const [only] = next.values();
    // A set that is broken is one of several all the same: another must not answer in its place.
    this.#only = this.#held.size === 1 && this.#broken.size === 0 ? only : undefined;
    for (const listener of this.#listeners) listener(set);
  }
}

const NO_NAMES: readonly string[] = [];

function beside(revision: ActiveRevision, canary: Canary | undefined): ActiveRevision {
  if (canary !== undefined) return { ...revision, canary };
  if (revision.canary === undefined) return revision;
  const { canary: _ended, ...alone } = revision;
  return alone;
}

function without<T>(map: ReadonlyMap<string, T>, key: string): ReadonlyMap<string, T> {
  if (!map.has(key)) return map;
  const next = new Map(map);
  next.delete(key);
  return next;
}
