import type { Snapshot } from '@edict/engine';

/** What one PDP serves for one set: the snapshot and the revision that it came from. Immutable. */
export interface ActiveRevision {
  /** Set key, `namespace/name`. */
  readonly set: string;
  /** UID of the set's object: a set that was deleted and made anew is another set. */
  readonly setUid: string;
  readonly n: number;
  /** Digest of the manifest, `sha256:…`. */
  readonly digest: string;
  readonly snapshot: Snapshot;
  /** When the reference was swapped, ms since the epoch. */
  readonly activatedAtMs: number;
}

export type Selection =
  | { readonly kind: 'active'; readonly active: ActiveRevision }
  | { readonly kind: 'no-policy' }
  | { readonly kind: 'unknown-set'; readonly set: string }
  | { readonly kind: 'set-required'; readonly sets: readonly string[] };

/**
 * The active revision of every set this PDP serves. A swap replaces one reference; a request reads it once and keeps
 * what it read.
 */
export class ActiveSets {
  #sets: ReadonlyMap<string, ActiveRevision> = new Map();
  #only: ActiveRevision | undefined;
  readonly #listeners = new Set<() => void>();

  /** Every active revision, by set key. */
  get all(): ReadonlyMap<string, ActiveRevision> {
    return this.#sets;
  }

  swap(active: ActiveRevision): void {
    const next = new Map(this.#sets).set(active.set, active);
    this.#replace(next);
  }

  remove(set: string): void {
    const next = new Map(this.#sets);
    next.delete(set);
    this.#replace(next);
  }

  /** Calls `listener`, which must not throw, after every swap and removal. The answer ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The revision that answers a request which names `set`, or names none. */
  select(set: string | undefined): Selection {
    if (set === undefined) {
      if (this.#only !== undefined) return { kind: 'active', active: this.#only };
      if (this.#sets.size === 0) return { kind: 'no-policy' };
      return { kind: 'set-required', sets: [...this.#sets.keys()].sort() };
    }
    const active = this.#sets.get(set);
    if (active !== undefined) return { kind: 'active', active };
    return this.#sets.size === 0 ? { kind: 'no-policy' } : { kind: 'unknown-set', set };
  }

  #replace(next: ReadonlyMap<string, ActiveRevision>): void {
    const [first, second] = next.values();
    this.#only = second === undefined ? first : undefined;
    this.#sets = next;
    for (const listener of this.#listeners) listener();
  }
}
