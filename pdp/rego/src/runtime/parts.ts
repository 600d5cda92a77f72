import { KeyConflict } from './documents.ts';
import { buildObject, equals, keyOf, RegoSet } from './value.ts';
import type { Value } from './value.ts';

/** An inner place of a partial document under construction. */
class Branch {
  readonly members = new Map<unknown, { readonly key: Value; part: Branch | Leaf }>();
}

type Leaf = { readonly set: RegoSet } | { readonly value: Value };

const isBranch = (part: Branch | Leaf): part is Branch => part instanceof Branch;

/** Builds the document of partial rules with keys at several depths: `p[x].q[y] := 1`, `p[x].r contains 2`. */
export class Parts {
  readonly #root = new Branch();

  /** Puts a value at a path. Throws a {@link KeyConflict} unless the place is free or has an equal value. */
  put(path: readonly Value[], value: Value, site: number): void {
    const { members } = this.#branchAt(path, site);
    const key = path.at(-1);
    const index = keyOf(key);
    const old = members.get(index);
    if (old === undefined) members.set(index, { key, part: { value } });
    else if (!equals(finished(old.part), value)) throw new KeyConflict(site);
  }

  /** Adds a member to the set at a path. Throws a {@link KeyConflict} if something else is there. */
  add(path: readonly Value[], value: Value, site: number): void {
    const { members } = this.#branchAt(path, site);
    const key = path.at(-1);
    const index = keyOf(key);
    const old = members.get(index);
    if (old === undefined) members.set(index, { key, part: { set: new RegoSet().addNew(value) } });
    else if (!isBranch(old.part) && 'set' in old.part) old.part.set.add(value);
    else throw new KeyConflict(site);
  }

  /** The document. */
  value(): Value {
    return finished(this.#root);
  }

  #branchAt(path: readonly Value[], site: number): Branch {
    let branch = this.#root;
    for (let depth = 0; depth < path.length - 1; depth++) {
      const key = path[depth];
      const index = keyOf(key);
      let member = branch.members.get(index);
      if (member === undefined) {
        member = { key, part: new Branch() };
        branch.members.set(index, member);
      }
      // A shorter rule has put its value here: it is whole, and nothing may be added to it.
      if (!isBranch(member.part)) throw new KeyConflict(site);
      branch = member.part;
    }
    return branch;
  }
}

const finished = (part: Branch | Leaf): Value => {
  if (!isBranch(part)) return 'set' in part ? part.set : part.value;
  return buildObject([...part.members.values()].map(({ key, part: inner }) => [key, finished(inner)] as const));
};
