import { LoweringError } from './context.ts';
import type { Operand, Step } from './ir.ts';
import { indexOperand, type Pattern } from './pattern.ts';

/** What unification needs of the body that it stands in. */
export interface UnificationHost {
  readonly add: (step: Step) => void;
  /** The value of a pattern, or undefined while it holds an unbound var. */
  readonly resolve: (pattern: Pattern) => Operand | undefined;
  /** Keeps a value in a local; fails here if it is undefined. */
  readonly store: (operand: Operand) => Operand;
  readonly bind: (name: string, operand: Operand) => void;
}

/**
 * Makes a pattern equal to a value: binds its unbound vars, compares the rest. Throws a {@link LoweringError} for keys and
 * members of sets that are not bound, which the safety pass refuses.
 */
export const unify = (host: UnificationHost, pattern: Pattern, value: Operand): void => {
  const known = host.resolve(pattern);
  if (known !== undefined) {
    host.add({ kind: 'equal', left: value, right: known });
    return;
  }
  switch (pattern.kind) {
    case 'var':
      host.bind(pattern.name, host.store(value));
      return;
    case 'array': {
      const array = host.store(value);
      host.add({ kind: 'is-array', value: array, length: pattern.items.length });
      pattern.items.forEach((item, index) => {
        unify(host, item, { kind: 'member', of: array, key: indexOperand(index), document: false });
      });
      return;
    }
    case 'object': {
      const object = host.store(value);
      host.add({ kind: 'is-object', value: object, size: pattern.entries.length });
      for (const [key, member] of pattern.entries) {
        const keyOperand = host.resolve(key);
        if (keyOperand === undefined) throw new LoweringError('the key of an object pattern is not bound');
        unify(host, member, { kind: 'member', of: object, key: keyOperand, document: false });
      }
      return;
    }
    default:
      throw new LoweringError('a set pattern holds a var that is not bound');
  }
};

type Pair = readonly [Pattern, Pattern];

/** Makes two patterns equal: unifies pairs of their parts, each as soon as one of its sides has a value. */
export const unifyPatterns = (host: UnificationHost, left: Pattern, right: Pattern): void => {
  let open: readonly Pair[] = [[left, right]];
  while (open.length > 0) {
    const later = open.flatMap((pair) => unifyPair(host, pair));
    // A round that gets nowhere gives its pairs back as they were.
    if (later.length === open.length && later.every((pair) => open.includes(pair))) {
      throw new LoweringError('neither side of a unification is bound');
    }
    open = later;
  }
};

/** What is left to do of a pair. */
const unifyPair = (host: UnificationHost, pair: Pair): readonly Pair[] => {
  const [a, b] = pair;
  const left = host.resolve(a);
  const right = host.resolve(b);
  if (right !== undefined) unify(host, a, right);
  else if (left !== undefined) unify(host, b, left);
  else if (a.kind === 'array' && b.kind === 'array') {
    if (a.items.length !== b.items.length) host.add({ kind: 'fail' });
    return a.items.flatMap((item, index): readonly Pair[] => {
      const other = b.items[index];
      return other === undefined ? [] : [[item, other]];
    });
  } else if (a.kind === 'object' && b.kind === 'object') return pairMembers(host, a.entries, b.entries);
  else if (a.kind === 'var' || b.kind === 'var') return [pair];
  else host.add({ kind: 'fail' });
  return [];
};

const pairMembers = (host: UnificationHost, a: readonly Pair[], b: readonly Pair[]): readonly Pair[] => {
  const text = (key: Pattern): string =>
    JSON.stringify(host.resolve(key) ?? key, (name, v: unknown) => (name === 'location' ? undefined : v));
  const others = new Map(b.map(([key, value]) => [text(key), value]));
  const pairs: Pair[] = [];
  for (const [key, value] of a) {
    const other = others.get(text(key));
    if (other !== undefined) pairs.push([value, other]);
  }
  if (a.length !== b.length || pairs.length !== a.length) host.add({ kind: 'fail' });
  return pairs;
};
