import type { Term } from '../ast.ts';
import type { Operand } from '../plan/ir.ts';
import { isCondition } from './builtin-calls.ts';
import { isPlainName } from './names.ts';

/** True for operands that are never undefined. */
export const isDefined = (operand: Operand): boolean => {
  switch (operand.kind) {
    case 'local':
    case 'constant':
    case 'array':
    case 'set':
    case 'object':
      return true;
    case 'builtin':
      return isCondition(operand);
    default:
      return false;
  }
};

/** Where what is read straight from the base documents starts in them; undefined for other operands. */
export const basePath = (operand: Operand): readonly string[] | undefined => {
  if (operand.kind === 'base') return operand.path;
  return operand.kind === 'member' && !operand.document ? basePath(operand.of) : undefined;
};

/** A chain of members: `from?.a?.b`. */
export interface PlainChain {
  readonly from: Operand;
  readonly names: readonly string[];
}

/** The longest chain of members with plain constant names that ends here. */
export const plainChain = (operand: Operand): PlainChain | undefined => {
  if (operand.kind !== 'member' || operand.document) return undefined;
  const name = plainName(operand.key);
  if (name === undefined) return undefined;
  const before = plainChain(operand.of);
  return before === undefined
    ? { from: operand.of, names: [name] }
    : { from: before.from, names: [...before.names, name] };
};

const plainName = (key: Operand): string | undefined => {
  if (key.kind !== 'constant') return undefined;
  const term: Term = key.term;
  return term.kind === 'string' && isPlainName(term.value) ? term.value : undefined;
};

/** Collections with more members are looked into. */
const FEW = 6;

/**
 * The members of a small array or set that stands in the policy, if comparing with each is cheaper than making it: locals,
 * and constants that JavaScript compares. Undefined for all else, and for an empty one.
 */
export const fewMembers = (collection: Operand): readonly Operand[] | undefined => {
  const members = membersOf(collection);
  return members !== undefined && members.length > 0 && members.length <= FEW && members.every(isQuicklyCompared)
    ? members
    : undefined;
};

const membersOf = (collection: Operand): readonly Operand[] | undefined => {
  if (collection.kind === 'array' || collection.kind === 'set') return collection.items;
  if (collection.kind !== 'constant') return undefined;
  const { term } = collection;
  return term.kind === 'array' || term.kind === 'set'
    ? term.items.map((item): Operand => ({ kind: 'constant', term: item }))
    : undefined;
};

const isQuicklyCompared = (operand: Operand): boolean => {
  if (operand.kind === 'local') return true;
  if (operand.kind !== 'constant') return false;
  const { kind } = operand.term;
  return kind === 'string' || kind === 'boolean' || kind === 'null';
};
