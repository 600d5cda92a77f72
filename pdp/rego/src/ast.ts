import type { Location } from './diagnostics.ts';

/**
 * The syntax tree of a Rego module. It follows OPA's `ast` package in shape, so that OPA's documentation
 * explains it. Trees are never mutated: a pass returns a new tree.
 *
 * Two forms exist. As parsed: names as written. As resolved (after `passes/`): every ref starts at the var
 * `data`, the var `input` or a local; every local has a name that is unique in its rule; `import`s are gone.
 */

export type RegoVersion = 'v0' | 'v1';

export interface Module {
  readonly kind: 'module';
  readonly file: string;
  /** Package path without the leading `data`: `package a.b["c"]` is `['a', 'b', 'c']`. */
  readonly package: readonly string[];
  readonly packageLocation: Location;
  readonly imports: readonly Import[];
  readonly rules: readonly Rule[];
  /** The language in force after the imports were read: a v0 module that says `import rego.v1` is `v1`. */
  readonly regoVersion: RegoVersion;
  /** True under `import rego.v2` or `future.keywords.not`: `not` keeps the whole expansion of its expression inside. */
  readonly improvedNot: boolean;
  /** Comments that start with `METADATA`, as written; only read where a rule asks for them. Left out where there are none. */
  readonly metadata?: readonly MetadataBlock[];
}

/** A `# METADATA` comment and the comment lines behind it, without their `#`s. */
export interface MetadataBlock {
  readonly lines: readonly string[];
  /** Of the line that says `METADATA`. The lines follow it without a gap. */
  readonly location: Location;
}

export interface Import {
  readonly path: RefTerm;
  readonly alias: string | undefined;
  readonly location: Location;
}

export interface Rule {
  readonly kind: 'rule';
  readonly default: boolean;
  readonly head: Head;
  readonly body: Body;
  readonly else: Rule | undefined;
  readonly location: Location;
}

/**
 * What a rule defines, by form:
 * complete `p := v` (key undefined), partial set `p contains k` (`rule: 'set'`, key set),
 * partial object `p[k] := v` / general ref heads (`ref` holds every part, non-ground parts are vars or terms),
 * function `f(args) := v`.
 */
export interface Head {
  readonly rule: 'complete' | 'set' | 'object' | 'function';
  /** As written, head var first: `a.b[x].c`. In the resolved form it starts with `data` and the package path. */
  readonly ref: RefTerm;
  readonly args: readonly Term[] | undefined;
  /** The element of a partial set (`contains k`, or v0 `p[k]`). For partial objects the key is the last part of `ref`. */
  readonly key: Term | undefined;
  /** The value; the parser supplies `true` where none is written (never for partial sets). */
  readonly value: Term | undefined;
  /** Written with `:=` and not `=`. */
  readonly assign: boolean;
  readonly location: Location;
}

export type Body = readonly Expr[];

/** One literal of a body. */
export interface Expr {
  readonly kind: 'expr';
  readonly term: ExprTerm;
  readonly negated: boolean;
  readonly with: readonly With[];
  readonly location: Location;
  /** Made by a pass, not by the user: left out of explanations and of some errors. */
  readonly generated?: boolean;
  /** A resolved `eq` that was written `:=`: the left side gets its value from the right one, never the other way. */
  readonly assignment?: boolean;
}

export interface With {
  readonly target: Term;
  readonly value: Term;
  readonly location: Location;
  /** Set by the resolve pass. What is replaced: `input` or below, base or virtual documents below `data`, or a function. */
  readonly targetKind?: 'input' | 'data' | 'function' | 'builtin';
  /** Set by the resolve pass. A plain value, or (with a target that is a function) the function or document that stands in for it. */
  readonly valueKind?: 'value' | 'function' | 'builtin' | 'document';
}

export type ExprTerm = Term | SomeDecl | Every | NotBody | Logical;

/** `some x, y` has var symbols; `some k, v in xs` has one symbol: a call of `internal.member_2` or `internal.member_3`. */
export interface SomeDecl {
  readonly kind: 'some';
  readonly symbols: readonly Term[];
  readonly location: Location;
}

export interface Every {
  readonly kind: 'every';
  readonly key: Term | undefined;
  readonly value: Term;
  readonly domain: Term;
  readonly body: Body;
  readonly location: Location;
}

/**
 * Improved `not`, under `future.keywords.not` or `rego.v2`: `not { body }`, and `not expr` as a body of one.
 * The enclosing `Expr` has `negated: false`, and owns a `with` that is written behind. Under legacy `not`
 * there is no such node but `negated: true`.
 */
export interface NotBody {
  readonly kind: 'not-body';
  /** Written without braces: such a body must not declare variables. */
  readonly implicit?: boolean;
  readonly body: Body;
  readonly location: Location;
}

/** `a and b`, `a or b` of `future.keywords.and` / `.or`: control flow, no bindings escape. */
export interface Logical {
  readonly kind: 'and' | 'or';
  readonly left: Body;
  readonly right: Body;
  /** The operand was written without braces: it must not declare variables. */
  readonly implicitLeft?: boolean;
  readonly implicitRight?: boolean;
  readonly location: Location;
}

export type Term =
  | NullTerm
  | BooleanTerm
  | NumberTerm
  | StringTerm
  | VarTerm
  | RefTerm
  | ArrayTerm
  | ObjectTerm
  | SetTerm
  | ArrayComprehension
  | SetComprehension
  | ObjectComprehension
  | CallTerm
  | TemplateString;

export interface NullTerm {
  readonly kind: 'null';
  readonly location: Location;
}
export interface BooleanTerm {
  readonly kind: 'boolean';
  readonly value: boolean;
  readonly location: Location;
}
export interface NumberTerm {
  readonly kind: 'number';
  /** JSON number text exactly as written. */
  readonly text: string;
  readonly location: Location;
}
export interface StringTerm {
  readonly kind: 'string';
  readonly value: string;
  readonly location: Location;
}
export interface VarTerm {
  readonly kind: 'var';
  /** Wildcards `_` get a name of their own at parse: `$0`, `$1`, … unique in the module. */
  readonly name: string;
  /** What the user wrote, when a pass renamed it; for diagnostics. */
  readonly original?: string;
  readonly location: Location;
}
/** `head.path[0][path[1]]…`. `head` is a var, or any composite, comprehension or call: `f(x)[0]`, `[1, 2][i]`. `path` is never empty in refs of rule heads with one part only: there it may be. */
export interface RefTerm {
  readonly kind: 'ref';
  readonly head: Term;
  readonly path: readonly Term[];
  readonly location: Location;
}
export interface ArrayTerm {
  readonly kind: 'array';
  readonly items: readonly Term[];
  readonly location: Location;
}
export interface ObjectTerm {
  readonly kind: 'object';
  readonly entries: readonly (readonly [key: Term, value: Term])[];
  readonly location: Location;
}
export interface SetTerm {
  readonly kind: 'set';
  readonly items: readonly Term[];
  readonly location: Location;
}
export interface ArrayComprehension {
  readonly kind: 'array-comprehension';
  readonly term: Term;
  readonly body: Body;
  readonly location: Location;
}
export interface SetComprehension {
  readonly kind: 'set-comprehension';
  readonly term: Term;
  readonly body: Body;
  readonly location: Location;
}
export interface ObjectComprehension {
  readonly kind: 'object-comprehension';
  readonly key: Term;
  readonly value: Term;
  readonly body: Body;
  readonly location: Location;
}
/**
 * A call. Infix operators are calls of the built-in with OPA's name: `=` is `eq`, `:=` is `assign`, `==` is `equal`,
 * `!=` `neq`, `<` `lt`, `<=` `lte`, `>` `gt`, `>=` `gte`, `+` `plus`, `-` `minus`, `*` `mul`, `/` `div`, `%` `rem`,
 * `&` `and`, `|` `or`; `x in xs` is `internal.member_2`, `k, v in xs` is `internal.member_3`.
 */
export interface CallTerm {
  readonly kind: 'call';
  /** Dotted parts as written (`['io', 'jwt', 'decode']`). Resolved: a built-in's dotted name, or `data.…` path of a function. */
  readonly operator: readonly string[];
  /** Set by the resolve pass. */
  readonly target?: 'builtin' | 'function';
  /** The operator as a ref where its parts are not all strings (`f[x](1)`); then `operator` is its text. No such function exists. */
  readonly operatorRef?: RefTerm;
  /** Where the operator is written; diagnostics about the call as such point there. */
  readonly operatorLocation?: Location;
  readonly args: readonly Term[];
  /** True for infix notation; diagnostics print it as written. */
  readonly infix?: boolean;
  readonly location: Location;
}
/** `$"…{expr}…"`: strings and embedded expressions in order. */
export interface TemplateString {
  readonly kind: 'template-string';
  /** An embedded expression is a term; an `Expr` only where it has `with` or is `and` / `or` / improved `not`. */
  readonly parts: readonly (string | Term | Expr)[];
  readonly location: Location;
}
