import type { Diagnostic, Location } from './diagnostics.ts';

/*
 * What a program may take to compile. A policy beyond any of these is refused: no text may keep a compiler busy for ever,
 * or fill its memory. Bounds on types are in `types/bounded.ts`: beyond them less is known, and nothing refused.
 */

/** UTF-16 units in all modules of a program together. */
export const MAX_SOURCE_LENGTH = 8 * 2 ** 20;

/**
 * How deep terms, bodies and operator chains may nest. Every pass recurses over the tree, so this bound is what keeps
 * them off the end of the stack.
 */
export const MAX_NESTING = 400;

/** Parts of one reference, its head apart: each may be a loop inside of the one before. */
export const MAX_REF_PARTS = 400;

/** `else`s of one rule: later passes recurse over them. */
export const MAX_ELSES = 400;

/** Literals of one body, when calls stand in literals of their own: putting them in order takes up to that many turns. */
export const MAX_LITERALS = 10_000;

/** Pairs of rules of which one uses the other, in a whole program: a variable in `data.a[x]` may stand for all rules of a package. */
export const MAX_DEPENDENCIES = 1_000_000;

/** Characters of JavaScript that a program may become. */
export const MAX_CODE_LENGTH = 64 * 2 ** 20;

/** Rules that a message or a list of problems of one kind names. */
export const MAX_LISTED = 100;

/** Ends a compilation that takes more than it may. */
export class LimitExceeded extends Error {
  override readonly name = 'LimitExceeded';
  readonly code = 'rego_compile_error';
  readonly location: Location | undefined;

  constructor(message: string, location?: Location) {
    super(message);
    this.location = location;
  }
}

/** Says what was too much; `where` is the module to point at where the error does not say. A `RangeError` is a full stack. */
export const tooMuch = (
  error: LimitExceeded | RangeError,
  where: { readonly packageLocation: Location } | undefined,
): Diagnostic => {
  const nowhere: Location = { file: '', row: 1, col: 1, start: 0, end: 0 };
  const location = where?.packageLocation ?? nowhere;
  if (error instanceof LimitExceeded) {
    return { code: error.code, message: error.message, location: error.location ?? location };
  }
  return { code: 'rego_compile_error', message: `the policy is too large or too deep: ${error.message}`, location };
};
