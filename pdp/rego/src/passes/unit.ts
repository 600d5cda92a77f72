import type { Module, RegoVersion, Rule, Term } from '../ast.ts';
import type { SchemaTypes } from '../types/document-type.ts';

/**
 * What `resolveModules` hands to every later pass.
 *
 * The resolved form, exactly:
 *
 * - Imports are gone. Every ref starts at the var `data`, the var `input`, a local, or a composite, comprehension or
 *   call (`f(x)[0]`). `data` and `input` alone are refs with an empty path, never bare vars.
 * - `Rule.head.ref` is the whole absolute path: head var `data`, then the package, then what was written. Its parts are
 *   constants or vars only: `p[input.x] := 1` became `p[@0] := 1` with `@0 = input.x` at the end of the body
 *   (`generated: true`). `head.args`, `head.key` and `head.value` may still hold refs and calls.
 * - Declared locals (`:=`, `some`, `every`, arguments of functions) have names `<written>@<n>`, where `n` is unique in
 *   the rule including its `else` chain, and `original` says what was written. Vars that nothing declares keep the name
 *   written: within one rule equal names are one var if both occurrences see each other (closures see the vars of the
 *   bodies around them; two closures beside each other do not share a name that no body around them uses).
 *   Wildcards are `$<n>`, unique in the module. Vars that a pass made up are `@<n>`. `@` and `$` cannot occur in
 *   names that users write.
 * - `x := e` is now `eq(x@0, e)`; `some x` is gone; `some v in xs` is `eq(v@0, xs[$9])`, and
 *   `some k, v in xs` is `eq(v@1, xs[k@0])`. So no `assign` call and no `SomeDecl` is left.
 *   `Every.key` and `Every.value` are renamed vars. `NotBody` and `Logical` are still there.
 * - `CallTerm.target` is set. `operator.join('.')` is a built-in's name, or starts with `data` for a function.
 *   Calls of unknown functions are diagnosed, so none is left. A call without a result stays an `Expr`.
 * - Calls of `print` are erased, and a body that held nothing else is a generated `true`; or they are calls of
 *   `internal.print`, of an array with one set for each argument: with its value, or empty where it is undefined.
 * - `With.target` is a ref (never a bare var); `targetKind` and `valueKind` are set. A function that replaces another is a
 *   ref in `value`: its head is `data`, or the first part of a built-in's name.
 * - `TemplateString` is still there; so are nested calls: hoisting them is the expand pass's work.
 */
export interface CompileUnit {
  /** In the order given. */
  readonly modules: readonly ResolvedModule[];
  /** Every rule (not its `else`s) of every module by absolute path. The root is `data`. */
  readonly ruleTree: RuleTreeNode;
  /** Built-ins that count as unknown; `checkUnit` reports calls of them. */
  readonly unsafeBuiltins: ReadonlySet<string>;
  /** Deprecated built-ins are as bad in v0 as in v1. */
  readonly strict: boolean;
  /** What schemas say of documents, where there are some. */
  readonly schemaTypes?: SchemaTypes | undefined;
}

/** A module of which all names are resolved: see {@link CompileUnit}. `imports` is empty. */
export interface ResolvedModule extends Module {
  readonly rules: readonly ResolvedRule[];
  /** Where imports stood: annotations above an import are misplaced. */
  readonly importRows: readonly number[];
}

/** A rule of which all names are resolved: see {@link CompileUnit}. */
export interface ResolvedRule extends Rule {
  /** Unique in the unit, `else`s included; counts from 0 in the order of modules and text. */
  readonly id: number;
  /** The language of its module. */
  readonly regoVersion: RegoVersion;
  readonly else: ResolvedRule | undefined;
}

/**
 * A place below `data`. A rule sits at the ground prefix of its head's ref: `p.q[x].r := 1` and `p.q contains 1` in
 * package `a` both sit at `data.a.p.q`.
 */
export interface RuleTreeNode {
  /** The parts below `data`, from the root to here. */
  readonly path: readonly Term[];
  /** Rules that sit here, in the order of modules and text; empty for packages and places between. */
  readonly rules: readonly ResolvedRule[];
  /** Next parts that are strings, by their value. */
  readonly children: ReadonlyMap<string, RuleTreeNode>;
  /** Next parts that are ground but no strings (`p[1] := "x"`), by their Rego text. */
  readonly otherChildren: ReadonlyMap<string, RuleTreeNode>;
  /** True for `data.system` and below: left out when `data` is enumerated. */
  readonly hidden: boolean;
}

/** The node at a path of strings below `data`, or undefined. */
export const nodeAt = (root: RuleTreeNode, path: readonly string[]): RuleTreeNode | undefined => {
  let node: RuleTreeNode | undefined = root;
  for (const part of path) {
    node = node.children.get(part);
    if (node === undefined) return undefined;
  }
  return node;
};
