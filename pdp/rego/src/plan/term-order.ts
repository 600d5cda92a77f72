import type { Term } from '../ast.ts';

const RANKS: Partial<Record<Term['kind'], number>> = {
  null: 0,
  boolean: 1,
  number: 2,
  string: 3,
  array: 6,
  object: 7,
  set: 8,
};

/** Where OPA puts a kind of term among the others; refs and all that is computed come behind strings. */
export const termRank = (term: Term): number => RANKS[term.kind] ?? 4;

/**
 * Members of a set or keys of an object in the order in which OPA puts them in: of equal numbers that are written
 * differently, and of values under equal keys, that decides which one stays.
 */
export const inTermOrder = <T>(items: readonly T[], termOf: (item: T) => Term): readonly T[] =>
  [...items].sort((a, b) => termRank(termOf(a)) - termRank(termOf(b)));
