import type { Term } from '../ast.ts';
import type { Location } from '../diagnostics.ts';
import type { TraceEvent } from '../trace/places.ts';
import type { PlacePart } from './documents.ts';

/**
 * The plan: what to compute, in order, with names, safety and unification resolved. Bodies are nested: whatever follows
 * a `scan` stands inside of it, so "this literal is undefined" is always "leave the innermost block", and backtracking
 * is the next turn of the loop around it.
 */
export interface Plan {
  readonly groups: readonly Group[];
  readonly trees: readonly Tree[];
  /** What callers may ask for, by name. */
  readonly entrypoints: readonly Entrypoint[];
  /** Functions and built-ins that some `with` replaces, by dotted name; the index is the slot. */
  readonly replaceable: readonly string[];
  /** True for plans with `trace` steps: they show every rule, also where an index or a constant would do. */
  readonly instrumented: boolean;
}

/** A local of a generated function; unique within a group. */
export type LocalId = number;

/** A value; every kind but `local` and `constant` may come out undefined. */
export type Operand =
  | { readonly kind: 'local'; readonly id: LocalId }
  | { readonly kind: 'constant'; readonly term: Term }
  | { readonly kind: 'input' }
  /** The base document at a path below `data`. */
  | { readonly kind: 'base'; readonly path: readonly string[] }
  /** The whole value of a group; `fixed` if it is the same in all evaluations, as long as the base documents stay. */
  | { readonly kind: 'group'; readonly group: number; readonly fixed?: boolean }
  /** The value of a group of partial rules, restricted to what lies at these keys. */
  | { readonly kind: 'restricted'; readonly group: number; readonly keys: readonly Operand[] }
  /** The whole document at a place of the tree that no rule defines as such: a package, or a part of a name. */
  | { readonly kind: 'tree'; readonly tree: number }
  /** The same place unevaluated: only `member` and `scan` with `document: true` may look into it. */
  | { readonly kind: 'lazy'; readonly tree: number }
  /** What a step into a lazy document gave, made a value. */
  | { readonly kind: 'force'; readonly of: Operand }
  | { readonly kind: 'member'; readonly of: Operand; readonly key: Operand; readonly document: boolean }
  | { readonly kind: 'array'; readonly items: readonly Operand[] }
  | { readonly kind: 'set'; readonly items: readonly Operand[] }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [Operand, Operand])[] }
  | {
      readonly kind: 'builtin';
      readonly name: string;
      readonly args: readonly Operand[];
      readonly location: Location;
    }
  | { readonly kind: 'call'; readonly group: number; readonly args: readonly Operand[] };

export type Block = readonly Step[];

/** One step. "Fails" means: the block around it is left, without success. */
export type Step =
  /** Fails if the value is undefined. */
  | { readonly kind: 'bind'; readonly local: LocalId; readonly value: Operand }
  /** Fails if the value is undefined or false. */
  | { readonly kind: 'test'; readonly value: Operand }
  /** Computes a value for its effect; never fails. */
  | { readonly kind: 'run'; readonly value: Operand }
  /** Fails unless both are defined and equal. */
  | { readonly kind: 'equal'; readonly left: Operand; readonly right: Operand }
  /** Fails always. */
  | { readonly kind: 'fail' }
  /** Fails unless the value is an array of this length. */
  | { readonly kind: 'is-array'; readonly value: Operand; readonly length: number }
  /** Fails unless the value is an object of this size. */
  | { readonly kind: 'is-object'; readonly value: Operand; readonly size: number }
  /** Fails unless the value passes one of the tests. For rules that OPA's index leaves out: see `rule-admission.ts`. */
  | { readonly kind: 'admit'; readonly value: Operand; readonly tests: readonly AdmissionTest[] }
  /** Fails unless both are defined, and an object or set has this key. */
  | { readonly kind: 'admit-key'; readonly collection: Operand; readonly key: Operand }
  /** Runs `body` for every member, in Rego order; fails after the last one. Always the last step of its block. */
  | {
      readonly kind: 'scan';
      readonly over: Operand;
      readonly key: LocalId | undefined;
      readonly value: LocalId | undefined;
      readonly document: boolean;
      /** Iterates the elements of an array that a built-in with several results gave. */
      readonly relation?: boolean;
      readonly body: Block;
    }
  /** Fails if the block succeeds. */
  | { readonly kind: 'not'; readonly body: Block }
  /** Fails unless one of the blocks succeeds; the next is tried only if those before did not. */
  | { readonly kind: 'either'; readonly blocks: readonly Block[] }
  /** Fails unless the domain is a collection and the block succeeds for every member. */
  | {
      readonly kind: 'every';
      readonly over: Operand;
      readonly key: LocalId | undefined;
      readonly value: LocalId | undefined;
      readonly body: Block;
    }
  /** Builds a collection of what the `yield`s in `body` give; never fails. */
  | {
      readonly kind: 'collect';
      readonly into: 'array' | 'set' | 'object';
      readonly local: LocalId;
      readonly body: Block;
      readonly location: Location;
    }
  /**
   * Runs `body` under replacements. `exports` are the locals that steps after it use. With `many`, the rest of the block
   * around it runs for every success of `body`; without, for the first.
   */
  | {
      readonly kind: 'with';
      readonly overrides: readonly Override[];
      readonly exports: readonly LocalId[];
      readonly many: boolean;
      readonly body: Block;
      readonly rest: Block;
      readonly location: Location;
    }
  /** Ends a block in success. */
  | { readonly kind: 'succeed' }
  /** One member of the collection that is being built. */
  | { readonly kind: 'yield'; readonly local: LocalId; readonly key: Operand | undefined; readonly value: Operand }
  /** The value of a rule, for these variables. */
  | { readonly kind: 'result'; readonly value: Operand }
  /** One part of a partial rule: at `path`, either a value or a member of a set. */
  | {
      readonly kind: 'part';
      readonly path: readonly Operand[];
      readonly leaf: 'value' | 'member';
      readonly value: Operand;
      readonly location: Location;
    }
  /** Tells whoever listens what happens; only in instrumented plans. From `eval` to `done` of a place its failure is told. */
  | {
      readonly kind: 'trace';
      readonly event: TraceEvent;
      readonly place: number;
      readonly values: readonly (readonly [name: string, value: Operand])[];
    };

/** What an index asks of the value of a ref: less than the body that it stands for. */
export type AdmissionTest =
  | { readonly kind: 'defined' }
  | { readonly kind: 'type'; readonly names: readonly ('array' | 'set' | 'object')[] }
  /** Composite members of an array are not looked at, nor are vars. */
  | { readonly kind: 'equal'; readonly term: Term }
  /** The value is a collection with this member. */
  | { readonly kind: 'member'; readonly term: Term }
  /** The value is a string, or a collection with one, that starts or ends like this. */
  | { readonly kind: 'prefix' | 'suffix'; readonly text: string }
  /** The value is a string that has these parts between delimiters; undefined stands for any. */
  | { readonly kind: 'glob'; readonly delimiters: string; readonly parts: readonly (string | undefined)[] };

export type Override =
  | { readonly kind: 'input'; readonly path: readonly string[]; readonly value: Operand }
  | { readonly kind: 'data'; readonly path: readonly string[]; readonly value: Operand }
  | { readonly kind: 'function'; readonly slot: number; readonly by: Replacement };

export type Replacement =
  | { readonly kind: 'value'; readonly value: Operand }
  /** A whole document, computed only where the function is called. */
  | { readonly kind: 'document'; readonly value: Extract<Operand, { readonly kind: 'group' | 'tree' }> }
  | { readonly kind: 'function'; readonly group: number }
  | { readonly kind: 'builtin'; readonly name: string };

/** One body of a rule or of an `else`. */
export interface RuleBody {
  readonly block: Block;
  /** The value, if it is the same constant whatever the body binds. */
  readonly constant: Term | undefined;
  /** True if the body may succeed more than once. */
  readonly many: boolean;
  readonly location: Location;
}

/** All rules that define one document or function. */
export interface Group {
  readonly id: number;
  /** Path below `data`. Parts that are no strings are compared by identity: they are one object wherever they stand. */
  readonly path: readonly PlacePart[];
  readonly kind: 'complete' | 'function' | 'set' | 'object';
  /** Locals that hold the arguments of a function, or the keys of a restriction. */
  readonly params: readonly LocalId[];
  /** Rules in order; each a body and its `else` bodies. */
  readonly rules: readonly (readonly RuleBody[])[];
  /** What `default` says. */
  readonly fallback: RuleBody | undefined;
  /** For partial documents: by the number of leading keys that callers give, the rules under these keys. */
  readonly restrictions: ReadonlyMap<number, Restriction>;
  /** If all blocks of one of these lists fail, the first rule that succeeds settles the value. */
  readonly exits: readonly (readonly Block[])[];
  /** The value, if the group is one constant that nothing can replace. */
  readonly constant: Term | undefined;
  /** Whether some `with` replaces this document or one above it. */
  readonly replaced: boolean;
  /** For functions: whether results are kept for the evaluation. */
  readonly memoized: boolean;
}

/** The rules of a partial document under given leading keys. */
export interface Restriction {
  readonly params: readonly LocalId[];
  readonly rules: readonly (readonly RuleBody[])[];
}

/** A place in the tree of packages that is not itself a document. */
export interface Tree {
  readonly id: number;
  readonly path: readonly PlacePart[];
  /** Where base documents stand beside it; undefined where none can. */
  readonly base: readonly string[] | undefined;
  readonly children: readonly TreeChild[];
}

export interface TreeChild {
  readonly key: Term;
  /** Left out when the parent is enumerated as a whole. */
  readonly hidden: boolean;
  readonly target:
    { readonly kind: 'tree'; readonly tree: number } | { readonly kind: 'group'; readonly group: number };
}

export interface Entrypoint {
  readonly name: string;
  readonly block: Block;
}
