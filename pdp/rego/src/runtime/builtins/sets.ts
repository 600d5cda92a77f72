import { RegoSet, type Value } from '../value.ts';
import type { BuiltinFamily } from './builtin.ts';
import { typeError } from './operands.ts';
import { spendWork } from './work.ts';

/** Built-ins on sets. */
export const sets: BuiltinFamily = {
  and: (ctx, a, b) => {
    if (!(a instanceof RegoSet)) return typeError(ctx, 1, a, 'set');
    return b instanceof RegoSet ? setIntersection(a, b) : typeError(ctx, 2, b, 'set');
  },
  or: (ctx, a, b) => {
    if (!(a instanceof RegoSet)) return typeError(ctx, 1, a, 'set');
    return b instanceof RegoSet ? setUnion(a, b) : typeError(ctx, 2, b, 'set');
  },
  set_diff: (ctx, a, b) => {
    if (!(a instanceof RegoSet)) return typeError(ctx, 1, a, 'set');
    return b instanceof RegoSet ? setDifference(a, b) : typeError(ctx, 2, b, 'set');
  },
  intersection: (ctx, value) => {
    if (!(value instanceof RegoSet)) return typeError(ctx, 1, value, 'set');
    let result: RegoSet | undefined;
    for (const member of value.values()) {
      if (!(member instanceof RegoSet)) return typeError(ctx, 1, member, 'set');
      spendWork(ctx, member.size);
      result = result === undefined ? member : setIntersection(result, member);
    }
    return result ?? new RegoSet();
  },
  union: (ctx, value) => {
    if (!(value instanceof RegoSet)) return typeError(ctx, 1, value, 'set');
    const result = new RegoSet();
    for (const member of value.values()) {
      if (!(member instanceof RegoSet)) return typeError(ctx, 1, member, 'set');
      spendWork(ctx, member.size);
      for (const element of member) result.add(element);
    }
    return result;
  },
};

/** The members of `a` that are not in `b`. */
export function setDifference(a: RegoSet, b: RegoSet): RegoSet {
  return filterSet(a, (member) => !b.has(member));
}

/** The members that both sets have, as `a` writes them. */
export function setIntersection(a: RegoSet, b: RegoSet): RegoSet {
  return a.size <= b.size ? filterSet(a, (member) => b.has(member)) : filterSet(b, (member) => a.has(member));
}

/** The members of either set. */
export function setUnion(a: RegoSet, b: RegoSet): RegoSet {
  if (a.size === 0) return b;
  if (b.size === 0) return a;
  const result = new RegoSet(a);
  for (const member of b) result.add(member);
  return result;
}

function filterSet(set: RegoSet, keep: (member: Value) => boolean): RegoSet {
  const result = new RegoSet();
  for (const member of set) if (keep(member)) result.add(member);
  return result;
}
