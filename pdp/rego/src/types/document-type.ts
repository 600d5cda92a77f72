import type { RefTerm, Rule } from '../ast.ts';
import type { Type } from './type.ts';

/** That a document has a type, or why that is not known. */
export type DocumentType =
  { readonly ok: true; readonly path: RefTerm; readonly type: Type } | { readonly ok: false; readonly message: string };

/** What schemas say of documents. */
export interface SchemaTypes {
  /** The type of the input for all rules. */
  readonly input: Type | undefined;
  /** What a rule (or an `else`), its document and its package say for it, the narrowest last. */
  readonly ofRule: (rule: Rule & { readonly id: number }) => readonly DocumentType[];
}
