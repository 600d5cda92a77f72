import type { Term } from '../ast.ts';
import type { LocalId, Operand } from './ir.ts';

/**
 * A term as far as it is computed: refs and comprehensions inside have been evaluated. Vars are looked up when the
 * pattern is used, because evaluating a later part may bind them.
 */
export type Pattern =
  | { readonly kind: 'operand'; readonly operand: Operand }
  | { readonly kind: 'var'; readonly name: string }
  | { readonly kind: 'array'; readonly items: readonly Pattern[] }
  | { readonly kind: 'set'; readonly items: readonly Pattern[] }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [Pattern, Pattern])[] };

/** Gives out the locals of one generated function. */
export class Locals {
  #next = 0;
  /** Locals whose value may change from turn to turn of a loop around them. */
  readonly varying = new Set<LocalId>();

  /** The local that `fresh` gives out next: those from here on are new. */
  get next(): LocalId {
    return this.#next;
  }

  fresh(varying: boolean): LocalId {
    const id = this.#next++;
    if (varying) this.varying.add(id);
    return id;
  }
}

/** True for terms that are computed where they stand. */
export const isEvaluated = (term: Term): boolean => term.kind === 'ref' || term.kind.endsWith('comprehension');

const origin = { file: '', row: 0, col: 0, start: 0, end: 0 };
/** Stands for a value that is never used. */
export const unreachable: Term = { kind: 'null', location: origin };

/** An index of an array. */
export const indexOperand = (index: number): Operand => ({
  kind: 'constant',
  term: { kind: 'number', text: String(index), location: origin },
});
