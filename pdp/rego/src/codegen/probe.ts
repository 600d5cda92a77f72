import type { Term } from '../ast.ts';
import type { Block, LocalId, Operand, Step } from '../plan/ir.ts';
import { isCondition } from './builtin-calls.ts';

/** An equation that only some members of a collection fulfil: those whose part at `path` equals `value`. */
export interface Probe {
  /** Ground terms; empty for the member itself. */
  readonly path: readonly Term[];
  /** Does not change while the collection is gone through, and has no effects. */
  readonly value: Operand;
}

type Scan = Extract<Step, { readonly kind: 'scan' }>;

/**
 * Finds an equation at the start of a loop that an index over the collection can answer. What stands in front of it must
 * have no effects, since members that the index leaves out no longer come to it.
 */
export const findProbe = (scan: Scan, isReplaced: (builtin: string) => boolean): Probe | undefined => {
  const search = new ProbeSearch(scan, isReplaced);
  return scan.document || scan.relation === true ? undefined : search.find(scan.body);
};

class ProbeSearch {
  readonly #scan: Scan;
  /** What the steps so far have bound. */
  readonly #bound = new Map<LocalId, Operand>();

  readonly #isReplaced: (builtin: string) => boolean;

  constructor(scan: Scan, isReplaced: (builtin: string) => boolean) {
    this.#scan = scan;
    this.#isReplaced = isReplaced;
  }

  find(body: Block): Probe | undefined {
    for (const step of body) {
      switch (step.kind) {
        case 'bind':
          if (!this.#isPure(step.value)) return undefined;
          this.#bound.set(step.local, step.value);
          break;
        case 'equal': {
          const probe = this.#probe(step.left, step.right) ?? this.#probe(step.right, step.left);
          if (probe !== undefined) return probe;
          if (!this.#isPure(step.left) || !this.#isPure(step.right)) return undefined;
          break;
        }
        case 'test': {
          if (!this.#isPure(step.value)) return undefined;
          const { value } = step;
          const [left, right] = value.kind === 'builtin' && value.name === 'equal' ? value.args : [];
          if (left === undefined || right === undefined) break;
          const probe = this.#probe(left, right) ?? this.#probe(right, left);
          if (probe !== undefined) return probe;
          break;
        }
        default:
          return undefined;
      }
    }
    return undefined;
  }

  #probe(element: Operand, other: Operand): Probe | undefined {
    const path = this.#pathOf(element);
    const value = path === undefined ? undefined : this.#steady(other);
    return path === undefined || value === undefined ? undefined : { path, value };
  }

  /** Where a part of the loop's member stands in it. */
  #pathOf(operand: Operand): readonly Term[] | undefined {
    if (operand.kind === 'local') {
      if (operand.id === this.#scan.value) return [];
      const bound = this.#bound.get(operand.id);
      return bound === undefined ? undefined : this.#pathOf(bound);
    }
    if (operand.kind !== 'member' || operand.document || operand.key.kind !== 'constant') return undefined;
    const path = this.#pathOf(operand.of);
    return path === undefined ? undefined : [...path, operand.key.term];
  }

  /** The operand in terms of what is known in front of the loop, if it can be. */
  #steady(operand: Operand): Operand | undefined {
    switch (operand.kind) {
      case 'constant':
      case 'input':
      case 'base':
      case 'group':
        return operand;
      case 'local': {
        if (operand.id === this.#scan.value || operand.id === this.#scan.key) return undefined;
        const bound = this.#bound.get(operand.id);
        return bound === undefined ? operand : this.#steady(bound);
      }
      case 'member': {
        const of = this.#steady(operand.of);
        const key = this.#steady(operand.key);
        return operand.document || of === undefined || key === undefined ? undefined : { ...operand, of, key };
      }
      default:
        return undefined;
    }
  }

  /** True for operands that only read, but for documents of rules, which are computed once whoever asks first. */
  #isPure(operand: Operand): boolean {
    switch (operand.kind) {
      case 'constant':
      case 'input':
      case 'base':
      case 'local':
      case 'group':
        return true;
      case 'member':
        return !operand.document && this.#isPure(operand.of) && this.#isPure(operand.key);
      case 'builtin':
        return (
          isCondition(operand) && !this.#isReplaced(operand.name) && operand.args.every((arg) => this.#isPure(arg))
        );
      default:
        return false;
    }
  }
}
