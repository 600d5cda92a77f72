import type { CallTerm } from '../ast.ts';
import type { ArityOf } from '../passes/safety.ts';
import type { TracePlaces } from '../trace/places.ts';
import type { Documents, GroupOutline, Replacements } from './documents.ts';

/** How often a call happens: once, once for each member that a single loop goes through, or in any other way. */
export type CallTurns = 'once' | 'each-member' | 'many';

/** What lowering a body needs to know of the whole program. */
export interface PlanContext {
  readonly documents: Documents;
  readonly replacements: Replacements;
  readonly arityOf: ArityOf;
  /** True for built-ins of which every result counts: `walk`. */
  readonly isRelation: (name: string) => boolean;
  /** True for built-ins without a result: `print`. */
  readonly isVoid: (name: string) => boolean;
  /** True for documents that have one value as long as their base documents stay. */
  readonly isFixed: (group: GroupOutline) => boolean;
  /** Told of every restriction of a partial document that a body asks for. */
  readonly onRestriction: (group: number, keys: number) => void;
  /** Told of every call of a function, and how often it may happen while the document or function around it is computed. */
  readonly onCall: (group: number, turns: CallTurns) => void;
  /** Gives out the places that an instrumented program tells about; undefined for programs that tell nothing. */
  readonly trace: TracePlaces | undefined;
}

/** A text that a policy cannot be lowered for; only a fault of an earlier pass leads here. */
export class LoweringError extends Error {
  override readonly name = 'LoweringError';
  readonly code = 'rego_lowering_error';
}

/** The group of a function that a call names. */
export const functionGroup = (documents: Documents, call: CallTerm): GroupOutline | undefined =>
  groupAt(documents, call.operator.slice(1));

/** The group at a path below `data`. */
export const groupAt = (documents: Documents, path: readonly string[]): GroupOutline | undefined => {
  let target: Documents['root'] | GroupOutline = documents.root;
  for (const part of path) {
    if ('rules' in target) return undefined;
    const child: Documents['root'] | GroupOutline | undefined = target.children.get(JSON.stringify(part))?.target;
    if (child === undefined) return undefined;
    target = child;
  }
  return 'rules' in target ? target : undefined;
};
