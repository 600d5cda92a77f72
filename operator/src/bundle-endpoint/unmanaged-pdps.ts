import type { Clock, SetKey } from '@edict/protocol';
import type { BundleLimits } from './bundle-limits.ts';
import type { OpaServing } from './opa-status.ts';

/** One PDP that pulls bundles by itself. */
export interface UnmanagedPdp extends OpaServing {
  /** Who it is to the reviewer of tokens, and what it calls itself. */
  readonly user: string;
  readonly id: string;
}

/** How often those are looked for who report no more. */
const SWEEP_MS = 10_000;

/**
 * PDPs that pull bundles and tell so by OPA's Status API. They are counted as they say, no rollout ever waits for them, and
 * who says nothing for a while is forgotten.
 */
export class UnmanagedPdps {
  readonly #clock: Pick<Clock, 'monotonic' | 'schedule'>;
  readonly #limits: Pick<BundleLimits, 'unmanagedMax' | 'unmanagedTtlMs'>;
  readonly #onChange: (set: SetKey) => void;
  /** In the order of their last reports. */
  readonly #seen = new Map<string, UnmanagedPdp & { readonly until: number }>();
  readonly #counts = new Map<SetKey, number>();
  #cancelSweep: (() => void) | undefined;

  /** `onChange` is told of each set whose count has changed. */
  constructor(
    clock: Pick<Clock, 'monotonic' | 'schedule'>,
    limits: Pick<BundleLimits, 'unmanagedMax' | 'unmanagedTtlMs'>,
    onChange: (set: SetKey) => void,
  ) {
    this.#clock = clock;
    this.#limits = limits;
    this.#onChange = onChange;
  }

  /** Takes a report. False if there is no room for one more. */
  note(pdp: UnmanagedPdp): boolean {
    const key = JSON.stringify([pdp.set, pdp.user, pdp.id]);
    const isNew = !this.#seen.delete(key);
    if (isNew && this.#seen.size >= this.#limits.unmanagedMax) return false;
    this.#seen.set(key, { ...pdp, until: this.#clock.monotonic() + this.#limits.unmanagedTtlMs });
    if (isNew) this.#count(pdp.set, 1);
    this.#cancelSweep ??= this.#clock.schedule(SWEEP_MS, () => this.#sweep());
    return true;
  }

  /** How many have told of the set lately. */
  count(set: SetKey): number {
    return this.#counts.get(set) ?? 0;
  }

  /** Every set that somebody has told of lately, with how many. */
  counts(): ReadonlyMap<SetKey, number> {
    return this.#counts;
  }

  /** All of them, those that reported last at the end. */
  list(): readonly UnmanagedPdp[] {
    return [...this.#seen.values()].map(({ until: _until, ...pdp }) => pdp);
  }

  close(): void {
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    for (const [key, { set, until }] of this.#seen) {
      if (until > now) break;
      this.#seen.delete(key);
      this.#count(set, -1);
    }
    this.#cancelSweep = this.#seen.size === 0 ? undefined : this.#clock.schedule(SWEEP_MS, () => this.#sweep());
  }

  #count(set: SetKey, by: number): void {
    const count = this.count(set) + by;
    if (count === 0) this.#counts.delete(set);
    else this.#counts.set(set, count);
    this.#onChange(set);
  }
}
