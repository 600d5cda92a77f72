import type { Block, LocalId, Operand } from '../plan/ir.ts';

/**
 * True if a block gives one key of one collection at each success, so that no member of the set that it fills comes
 * twice: it has a single loop, and what it yields is the key of it.
 */
export const hasUniqueKeys = (block: Block, key?: LocalId): boolean => {
  const last = block.at(-1);
  if (last === undefined) return false;
  switch (last.kind) {
    case 'scan':
      return key === undefined && last.key !== undefined && !last.document && hasUniqueKeys(last.body, last.key);
    case 'yield':
      return last.key === undefined && isLocal(last.value, key);
    case 'part':
      return last.path.length === 0 && isLocal(last.value, key);
    default:
      return false;
  }
};

const isLocal = (operand: Operand, local: LocalId | undefined): boolean =>
  local !== undefined && operand.kind === 'local' && operand.id === local;
