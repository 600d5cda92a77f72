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
