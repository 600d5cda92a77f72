import type { Block, Step } from '../plan/ir.ts';
import type { Risk } from '../plan/risk.ts';
import type { Pool } from './constants.ts';
import type { Writer } from './writer.ts';

/** What a block does where it fails or comes to its end: statements of JavaScript that leave it. */
export interface Exits {
  readonly fail: string;
  readonly succeed: string;
  /** True if the order of successes shows: loops then take members in Rego order, else in any. */
  readonly ordered: boolean;
  /** For the `result` of rules. */
  readonly result?: (writer: Writer, value: string) => void;
  /** For the `part`s of partial rules. */
  readonly part?: (
    writer: Writer,
    step: Extract<Step, { readonly kind: 'part' }>,
    path: readonly string[],
    value: string,
  ) => void;
}

/** What blocks need to know of the program around them. */
export interface ProgramNames {
  readonly pool: Pool;
  /** The expression of a group's whole value. */
  readonly group: (id: number) => string;
  readonly restricted: (id: number, count: number) => string;
  readonly call: (id: number) => string;
  readonly tree: (id: number) => string;
  readonly lazy: (id: number) => string;
  readonly base: (path: readonly string[]) => string;
  /** True for base documents that no `with` replaces, wholly or in part. */
  readonly isFixedBase: (path: readonly string[]) => boolean;
  /** The slot that replaces a built-in or a function, if any `with` does. */
  readonly builtinSlot: (name: string) => number | undefined;
  readonly groupSlot: (id: number) => number | undefined;
  readonly slotArity: (slot: number) => number;
  /** What can go wrong in a block after its first success. */
  readonly riskOf: (block: Block) => Risk;
  /** Statements that put replaced documents into the frame. */
  readonly overrideData: (path: readonly string[], value: string) => readonly string[];
}
