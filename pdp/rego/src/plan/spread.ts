import type { PlacePart } from './documents.ts';

/** Who uses which group: an edge list that grows while groups are looked at. */
export class Users {
  readonly #users = new Map<number, number[]>();

  /** Notes that group `by` reads or calls group `used`. */
  add(used: number, by: number): void {
    const known = this.#users.get(used);
    if (known === undefined) this.#users.set(used, [by]);
    else known.push(by);
  }

  /** Adds to `found` whoever uses one of its groups, directly or through others. */
  spread(found: Set<number>): void {
    const pending = [...found];
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      for (const user of this.#users.get(id) ?? []) {
        if (found.has(user)) continue;
        found.add(user);
        pending.push(user);
      }
    }
  }
}

/** True if one of the targets lies at the path, below it, or above it. Both are paths below `data`. */
export const overlapsAny = (path: readonly PlacePart[], targets: readonly (readonly string[])[]): boolean =>
  targets.some((target) => target.every((part, index) => index >= path.length || part === path[index]));
