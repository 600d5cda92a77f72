import type { Block, LocalId, Operand } from '../plan/ir.ts';
import { blocksOf, operandsOf, partsOf } from '../plan/parts.ts';

/** Adds up how often a block reads each local. */
export const countUses = (block: Block, into: Map<LocalId, number>): void => {
  for (const step of block) {
    for (const operand of operandsOf(step)) countInOperand(operand, into);
    for (const inner of blocksOf(step)) countUses(inner, into);
  }
};

const countInOperand = (operand: Operand, into: Map<LocalId, number>): void => {
  if (operand.kind === 'local') into.set(operand.id, (into.get(operand.id) ?? 0) + 1);
  else for (const part of partsOf(operand)) countInOperand(part, into);
};
