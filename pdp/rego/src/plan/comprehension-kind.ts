import type { Term } from '../ast.ts';
import { isScalar } from '../parser/head.ts';
import { childAt, isGroup, type Documents } from './documents.ts';
import type { Operand, Step } from './ir.ts';
import type { Pattern } from './pattern.ts';

const COLLECTED: Partial<Record<Term['kind'], 'array' | 'set' | 'object'>> = {
  'array-comprehension': 'array',
  'set-comprehension': 'set',
  'object-comprehension': 'object',
};

/**
 * What stands between the left side of an equation and a comprehension on its right: OPA does not compute one that the
 * left side cannot equal by its kind, but for sets. `value` is that of the left side, where it has one.
 */
export const kindGuard = (left: Pattern, value: Operand | undefined, right: Term): readonly Step[] => {
  const kind = COLLECTED[right.kind];
  if (kind === undefined) return [];
  if (value !== undefined) return [{ kind: 'admit', value, tests: [{ kind: 'type', names: [kind, 'set'] }] }];
  const isOpen = left.kind === 'var' || left.kind === 'set' || left.kind === kind;
  return isOpen ? [] : [{ kind: 'fail' }];
};

/** True for a comprehension on the left of a ref: the ref is computed first. */
export const isSwapped = (left: Term, right: Term): boolean => right.kind === 'ref' && left.kind !== 'ref';

/** True for refs to base documents and packages, on whose right OPA computes comprehensions of any kind. */
export const isBaseRef = ({ root }: Documents, term: Term): boolean => {
  if (term.kind !== 'ref' || term.head.kind !== 'var' || term.head.name !== 'data') return false;
  let tree = root;
  for (const part of term.path) {
    const child = isScalar(part) ? childAt(tree, part) : undefined;
    if (child === undefined) return part.kind === 'string';
    if (isGroup(child.target)) return false;
    tree = child.target;
  }
  return true;
};
