import type { Block, LocalId, Operand, Step } from '../plan/ir.ts';

/** A loop. */
export type Scan = Extract<Step, { readonly kind: 'scan' }>;

/** The one loop whose turns fill a set, and what of each turn goes into it. */
interface Feed {
  readonly scan: Scan;
  /** Keys never come twice; values do not where the loop goes over a set. */
  readonly by: 'key' | 'value';
}

/**
 * The loop that a block consists of, if what it yields is its key or its value: then no member of the set that it fills
 * comes twice, or can come twice only if the values do.
 */
export const findFeed = (block: Block): Feed | undefined => {
  const scan = block.at(-1);
  if (scan?.kind !== 'scan' || scan.document) return undefined;
  const last = scan.body.at(-1);
  if (last?.kind !== 'yield' && last?.kind !== 'part') return undefined;
  if (last.kind === 'yield' ? last.key !== undefined : last.path.length > 0) return undefined;
  if (isLocal(last.value, scan.key)) return { scan, by: 'key' };
  return isLocal(last.value, scan.value) ? { scan, by: 'value' } : undefined;
};

const isLocal = (operand: Operand, local: LocalId | undefined): boolean =>
  local !== undefined && operand.kind === 'local' && operand.id === local;
