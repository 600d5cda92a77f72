import type { Load } from '@edict/protocol';
import type { SetUsages } from '../core/set-usage.ts';
import type { SetUse } from './messages.ts';

const NOTHING = { decisions: 0, denied: 0, errors: 0, unlogged: 0, p99Micros: 0 } as const;

/** The load of all workers as one, and what each uses of which set. */
export class SummedLoad {
  readonly #ownRssBytes: () => number;
  readonly #rssBytes = new Map<number, number>();
  readonly #requests = new Map<number, ReadonlyMap<string, number>>();
  #sum: Omit<Load, 'rssBytes'> = NOTHING;

  constructor(ownRssBytes: () => number) {
    this.#ownRssBytes = ownRssBytes;
  }

  add(worker: number, { rssBytes, ...load }: Load): void {
    this.#rssBytes.set(worker, rssBytes);
    const sum = this.#sum;
    this.#sum = {
      decisions: sum.decisions + load.decisions,
      denied: sum.denied + load.denied,
      errors: sum.errors + load.errors,
      unlogged: sum.unlogged + load.unlogged,
      p99Micros: Math.max(sum.p99Micros, load.p99Micros),
    };
  }

  /** The worker has ended: its memory is free. What it decided stays counted. */
  forget(worker: number): void {
    this.#rssBytes.delete(worker);
  }

  /** Everything since the last call, and the memory of all processes now. */
  take(): Load {
    let rssBytes = this.#ownRssBytes();
    for (const bytes of this.#rssBytes.values()) rssBytes += bytes;
    const load = { ...this.#sum, rssBytes };
    this.#sum = NOTHING;
    return load;
  }

  /** Brings what a worker says of its sets to the common count; undefined: it has ended, and uses nothing. */
  noteUse(worker: number, used: readonly SetUse[] | undefined, usages: SetUsages, nowMs: number): void {
    const before = this.#requests.get(worker) ?? new Map<string, number>();
    const now = new Map((used ?? []).map(({ set, requests }) => [set, requests]));
    for (const set of new Set([...before.keys(), ...now.keys()])) {
      usages.of(set).requests += (now.get(set) ?? 0) - (before.get(set) ?? 0);
    }
    for (const { set, agoMs } of used ?? []) {
      const usage = usages.of(set);
      usage.lastUsedNs = Math.max(usage.lastUsedNs ?? -Infinity, (nowMs - agoMs) * 1e6);
    }
    if (used === undefined) this.#requests.delete(worker);
    else this.#requests.set(worker, now);
  }
}
