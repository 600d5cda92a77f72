import type { Term } from '../ast.ts';
import { numberFromText } from '../runtime/number.ts';
import { compare } from '../runtime/value.ts';

/** Where OPA puts a kind of term among the others. */
const RANKS: Readonly<Record<Term['kind'], number>> = {
  null: 0,
  boolean: 1,
  number: 2,
  string: 3,
  'template-string': 4,
  var: 5,
  ref: 6,
  array: 7,
  object: 8,
  set: 9,
  'array-comprehension': 10,
  'object-comprehension': 11,
  'set-comprehension': 12,
  call: 13,
};

/**
 * Members of a set or keys of an object in the order in which OPA puts them in: of equal numbers that are written
 * differently, and of values under equal keys, that decides which one stays.
 */
export const inTermOrder = <T>(items: readonly T[], termOf: (item: T) => Term): readonly T[] =>
  [...items].sort((a, b) => compareTerms(termOf(a), termOf(b)));

/** Orders terms, computed ones too, as OPA does before it evaluates them. Terms that it tells apart by more are equal. */
const compareTerms = (a: Term, b: Term): number => {
  switch (a.kind) {
    case 'boolean':
      return b.kind === 'boolean' ? compare(a.value, b.value) : byRank(a, b);
    case 'number':
      return b.kind === 'number' ? compare(numberFromText(a.text), numberFromText(b.text)) : byRank(a, b);
    case 'string':
      return b.kind === 'string' ? compare(a.value, b.value) : byRank(a, b);
    case 'var':
      return b.kind === 'var' ? compareVars(a.name, b.name) : byRank(a, b);
    case 'ref':
      return b.kind === 'ref' ? compareAll([a.head, ...a.path], [b.head, ...b.path]) : byRank(a, b);
    case 'array':
      return b.kind === 'array' ? compareAll(a.items, b.items) : byRank(a, b);
    case 'set':
      return b.kind === 'set' ? compareAll(sorted(a.items), sorted(b.items)) : byRank(a, b);
    case 'object':
      return b.kind === 'object' ? compareAll(members(a.entries), members(b.entries)) : byRank(a, b);
    default:
      return byRank(a, b);
  }
};

const byRank = (a: Term, b: Term): number => RANKS[a.kind] - RANKS[b.kind];

const sorted = (items: readonly Term[]): readonly Term[] => inTermOrder(items, (item) => item);

const members = (entries: readonly (readonly [Term, Term])[]): readonly Term[] =>
  inTermOrder(entries, ([key]) => key).flat();

const compareAll = (a: readonly Term[], b: readonly Term[]): number => {
  for (const [index, item] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    const order = compareTerms(item, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
};

/**
 * OPA gives declared vars, and then computed ones, names of its own with rising numbers; `_` stands in front of small
 * letters. Names that nothing declares stay.
 */
const compareVars = (a: string, b: string): number => {
  const [left, right] = [varKey(a), varKey(b)];
  return compare(left[0], right[0]) || left[1] - right[1] || left[2] - right[2];
};

const varKey = (name: string): readonly [name: string, isComputed: number, number: number] => {
  const generated = /^([%@#]\D*|.*@)(\d+)$/.exec(name);
  if (generated === null) return [name, 0, 0];
  const [, start = '', number = ''] = generated;
  return ['__local', /^[%@#]/.test(start) ? 1 : 0, Number(number)];
};
