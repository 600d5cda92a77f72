import type { Body, CallTerm, Expr, RefTerm, Term } from '../ast.ts';
import { splitEscaped } from '../runtime/admission.ts';
import { constantKey, isConstant } from '../types/constant.ts';
import { inTermOrder } from './term-order.ts';

/** A ref that an index asks about: below `input`, base documents below `data`, or an argument by its number. */
export type IndexRef = RefTerm | number;

/** What a body demands of the value of a ref. */
export type Demanded =
  | { readonly kind: 'defined' }
  /** A var stands for the value: it is defined, and literals behind may speak of the var. */
  | { readonly kind: 'var'; readonly name: string }
  | { readonly kind: 'equal'; readonly term: Term }
  /** The value is a collection with this member. */
  | { readonly kind: 'member'; readonly term: Term }
  /** The value is a string, or holds one, with this start or end. */
  | { readonly kind: 'prefix' | 'suffix'; readonly text: string }
  /** The value, cut at any of the delimiters, has these parts; undefined stands for any. */
  | { readonly kind: 'glob'; readonly delimiters: string; readonly parts: readonly (string | undefined)[] };

/** One demand on a ref, by the number that the table gave it. */
export interface RefDemand {
  readonly ref: number;
  readonly value: Demanded;
  /** The position of the literal in its body; Infinity where it demands more than the body does. */
  readonly literal: number;
}

/** Every combination of demands under which a rule may succeed. */
export type Paths = readonly (readonly RefDemand[])[];

/** That the value at `key` is a key of the collection at `collection`. */
export interface Membership {
  readonly key: IndexRef;
  readonly collection: RefTerm;
  readonly literal: number;
}

/** How several values for one ref in one rule meet again in OPA's trie: the worse is asked later. */
export type Alternation = 0 | 1 | 2;
const CONVERGING = 1;
const TERMINAL = 2;

/** Most combinations of alternatives; with more OPA ignores the alternatives. */
const MAX_PATHS = 32;

/** What was noted of a ref in all rules of an index. */
export interface RefStatistics {
  count: number;
  alternation: Alternation;
}

/** Numbers the refs that the rules of one index speak of. */
export class RefTable {
  readonly refs: IndexRef[] = [];
  readonly #numbers = new Map<string, number>();

  number(ref: IndexRef): number {
    const key = refKey(ref);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.refs.length);
    return this.refs.push(ref) - 1;
  }
}

const refKey = (ref: IndexRef): string =>
  typeof ref === 'number' ? String(ref) : JSON.stringify([headName(ref), ...ref.path.map((part) => constantKey(part))]);

const headName = ({ head }: RefTerm): string => (head.kind === 'var' ? head.name : '');

const sameValue = (a: Demanded, b: Demanded): boolean => valueKey(a) === valueKey(b);

const valueKey = (value: Demanded): string =>
  JSON.stringify(value, (key, part: unknown) => (key === 'location' ? undefined : part));

const isOpen = ({ value }: RefDemand): boolean => value.kind === 'var' || value.kind === 'defined';
const isAffix = ({ value }: RefDemand): boolean => value.kind === 'prefix' || value.kind === 'suffix';

type Constants = Map<string, Term>;

/**
 * Collects what one body demands of refs, literal by literal, as OPA's rule index does: only what that takes note of may
 * keep a rule from being evaluated. The body must have the form that `hoistDynamicTerms` gives.
 */
export class BodyRefs {
  readonly demands: RefDemand[] = [];
  readonly disjunctions: Paths[] = [];
  readonly memberships: Membership[] = [];
  readonly #table: RefTable;
  readonly #statistics: Map<number, RefStatistics>;
  readonly #args: readonly Term[];
  readonly #isVirtual: (ref: RefTerm) => boolean;
  /** Of the bodies around an operand of `and` and `or`. */
  readonly #outer: readonly RefDemand[];
  #literal = 0;

  constructor(
    table: RefTable,
    statistics: Map<number, RefStatistics>,
    args: readonly Term[],
    isVirtual: (ref: RefTerm) => boolean,
    outer: readonly RefDemand[] = [],
  ) {
    this.#table = table;
    this.#statistics = statistics;
    this.#args = args;
    this.#isVirtual = isVirtual;
    this.#outer = outer;
  }

  /** Takes note of the literals of a body. `constants` are vars that are known to be constants so far. */
  body(body: Body, constants: Constants = new Map(), literal?: number): void {
    for (const [index, expr] of body.entries()) {
      this.#literal = literal ?? index;
      this.#expr(expr, constants);
    }
  }

  /** What always holds, combined with one alternative of every disjunction. */
  paths(): Paths {
    let paths: Paths = [this.demands];
    for (const alternatives of this.disjunctions) {
      if (paths.length * alternatives.length > MAX_PATHS) return [this.demands];
      paths = paths.flatMap((path) => alternatives.map((alternative) => [...path, ...alternative]));
    }
    return paths;
  }

  #expr(expr: Expr, constants: Constants): void {
    if (expr.with.length > 0 || expr.negated) return;
    const { term } = expr;
    switch (term.kind) {
      case 'and': {
        const left = this.#operand(term.left, constants);
        const right = this.#operand(term.right, constants);
        this.#require(left);
        this.#require(right);
        return;
      }
      case 'or': {
        const left = this.#operand(term.left, constants);
        if (left.length === 0) return;
        const right = this.#operand(term.right, constants);
        if (right.length > 0) this.#require([...left, ...right]);
        return;
      }
      case 'ref': {
        const ref = plug(term, constants);
        if (ref.kind === 'ref' && !this.#collectionKey(ref)) this.#equation(ref, undefined, constants);
        return;
      }
      case 'call':
        this.#call(term, constants);
        return;
      default:
    }
  }

  #call(call: CallTerm, constants: Constants): void {
    const args = call.args.map((arg) => plug(arg, constants));
    const [first, second, third] = args;
    if (first === undefined || second === undefined || args.length > 3) return;
    const name = call.operator.join('.');
    if (name === 'glob.match' && third !== undefined) this.#glob(first, second, third);
    // With one argument more the result is kept, and the rule needs the call even where it gives `false`.
    if (args.length !== 2) return;
    switch (name) {
      case 'eq':
        if (this.#wildcard(first, second, constants) || this.#wildcard(second, first, constants)) return;
        this.#equation(first, second, constants);
        return;
      case 'internal.member_2':
        this.#member(first, second, constants);
        return;
      case 'startswith':
      case 'endswith':
        this.#affix(first, second, constants, name === 'startswith' ? 'prefix' : 'suffix');
        return;
      case 'strings.any_prefix_match':
      case 'strings.any_suffix_match':
        this.#anyAffix(first, second, constants, name === 'strings.any_prefix_match' ? 'prefix' : 'suffix');
        return;
      default:
    }
  }

  // `and` and `or`

  #operand(body: Body, constants: Constants): Paths {
    const inner = new BodyRefs(this.#table, new Map(), this.#args, this.#isVirtual, [...this.demands, ...this.#outer]);
    inner.body(body, new Map(constants), this.#literal);
    const paths = inner.paths();
    if (paths.length === 1 && paths[0]?.length === 0) return [];
    // Vars of the operand mean nothing outside of it; that their refs are defined does.
    return paths.map((path) =>
      path.map((demand) => (demand.value.kind === 'var' ? { ...demand, value: DEFINED } : demand)),
    );
  }

  #require(paths: Paths): void {
    const [only] = paths;
    if (only === undefined) return;
    if (paths.length === 1) {
      for (const demand of only) this.#insert(demand);
      return;
    }
    for (const path of paths) for (const { ref } of path) this.#count(ref, 1);
    this.disjunctions.push(paths);
  }

  // Literals

  #collectionKey(ref: RefTerm): boolean {
    const last = ref.path.at(-1);
    if (last?.kind !== 'var' || headName(ref) !== 'data') return false;
    const collection = { ...ref, path: ref.path.slice(0, -1) };
    if (!isGround(collection) || this.#isVirtual(collection)) return false;
    const key = this.#refOf(last.name);
    if (key === undefined || (typeof key !== 'number' && this.#isVirtual(key))) return false;
    this.memberships.push({ key, collection, literal: this.#literal });
    this.#count(this.#table.number(key), 1);
    return true;
  }

  #wildcard(side: Term, other: Term, constants: Constants): boolean {
    if (side.kind !== 'ref') return false;
    const ref = this.#resolveHead(side);
    if (ref === undefined || ref.path.at(-1)?.kind !== 'var') return false;
    const collection = { ...ref, path: ref.path.slice(0, -1) };
    if (!this.#isIndexed(collection)) return false;
    const value = other.kind === 'var' ? constants.get(other.name) : other;
    if (value === undefined || !isScalar(value)) return false;
    this.#note(collection, { kind: 'member', term: value });
    return true;
  }

  /** `other` is undefined for a ref that stands alone. */
  #equation(side: Term, other: Term | undefined, constants: Constants): void {
    if (!this.#oneWay(side, other, constants) && other !== undefined) this.#oneWay(other, side, constants);
  }

  #oneWay(side: Term, other: Term | undefined, constants: Constants): boolean {
    if (side.kind === 'var' && other !== undefined) {
      if (isConstant(other)) constants.set(side.name, other);
      else if (other.kind === 'var') {
        const constant = constants.get(other.name);
        if (constant !== undefined) constants.set(side.name, constant);
      }
      const value = indexValue(other);
      const ref = value === undefined ? undefined : this.#refOf(side.name);
      if (value === undefined || ref === undefined) return false;
      this.#note(ref, value);
      return true;
    }
    if (side.kind !== 'ref') return false;
    const ref = this.#resolveHead(side);
    if (ref === undefined || !this.#isIndexed(ref)) return false;
    const constant = other?.kind === 'var' ? constants.get(other.name) : undefined;
    const value = constant !== undefined ? constantValue(constant) : other === undefined ? DEFINED : indexValue(other);
    if (value === undefined) return false;
    this.#note(ref, value);
    return true;
  }

  #glob(pattern: Term, delimiters: Term, match: Term): void {
    if (pattern.kind !== 'string' || delimiters.kind !== 'array' || match.kind !== 'var') return;
    const texts = delimiters.items.map((item) => (item.kind === 'string' ? item.value : undefined));
    if (texts.includes(undefined)) return;
    const cut = texts.length === 0 ? '.' : texts.join('');
    const parts = globParts(pattern.value, cut);
    const ref = parts === undefined ? undefined : this.#refOf(match.name);
    if (parts !== undefined && ref !== undefined) this.#note(ref, { kind: 'glob', delimiters: cut, parts });
  }

  #member(item: Term, collection: Term, constants: Constants): void {
    const ref = item.kind === 'var' ? this.#refOf(item.name) : undefined;
    if (ref !== undefined) {
      const known = collection.kind === 'var' ? constants.get(collection.name) : collection;
      const members =
        known?.kind === 'array' || known?.kind === 'set'
          ? known.items
          : known?.kind === 'object'
            ? known.entries.map(([, value]) => value)
            : undefined;
      if (members !== undefined) {
        const values = inTermOrder(members, (member) => member).map(constantValue);
        this.#noteAll(this.#table.number(ref), values, CONVERGING);
      }
      return;
    }
    const value = item.kind === 'var' ? (constants.get(item.name) ?? item) : item;
    if (value.kind !== 'var' && !isScalar(value)) return;
    const target = this.#indexedRef(collection);
    if (target === undefined) return;
    this.#note(target, value.kind === 'var' ? { kind: 'var', name: value.name } : { kind: 'member', term: value });
  }

  #affix(value: Term, base: Term, constants: Constants, kind: 'prefix' | 'suffix'): void {
    const ref = this.#indexedRef(value);
    const known = base.kind === 'var' ? constants.get(base.name) : base;
    if (ref !== undefined && known?.kind === 'string') this.#note(ref, { kind, text: known.value });
  }

  #anyAffix(value: Term, base: Term, constants: Constants, kind: 'prefix' | 'suffix'): void {
    const ref = this.#indexedRef(value);
    const known = base.kind === 'var' ? constants.get(base.name) : base;
    if (ref === undefined || known === undefined) return;
    if (known.kind === 'string') this.#note(ref, { kind, text: known.value });
    if ((known.kind !== 'array' && known.kind !== 'set') || known.items.length === 0) return;
    const bases = known.items.flatMap((item) => (item.kind === 'string' ? [{ kind, text: item.value } as const] : []));
    if (bases.length === known.items.length) this.#noteAll(this.#table.number(ref), bases, TERMINAL);
  }

  // Refs

  #isIndexed(ref: RefTerm): boolean {
    const head = headName(ref);
    return (head === 'input' || head === 'data') && isGround(ref) && !this.#isVirtual(ref);
  }

  #indexedRef(term: Term): RefTerm | undefined {
    const ref = term.kind === 'ref' ? term : term.kind === 'var' ? this.#refOf(term.name) : undefined;
    return ref === undefined || typeof ref === 'number' || !this.#isIndexed(ref) ? undefined : ref;
  }

  #resolveHead(ref: RefTerm): RefTerm | undefined {
    const name = headName(ref);
    if (name === 'input' || name === 'data') return ref;
    const resolved = ref.head.kind === 'var' ? this.#refOf(name) : undefined;
    if (resolved === undefined || typeof resolved === 'number') return undefined;
    return { ...resolved, path: [...resolved.path, ...ref.path] };
  }

  /** What a var stands for: the first ref that was made equal to it, or an argument. */
  #refOf(name: string): IndexRef | undefined {
    for (const { ref, value } of [...this.demands, ...this.#outer]) {
      if (value.kind === 'var' && value.name === name) return this.#table.refs[ref];
    }
    const index = this.#args.findIndex((arg) => arg.kind === 'var' && arg.name === name);
    return index < 0 ? undefined : index;
  }

  // Noting

  #note(ref: IndexRef, value: Demanded): void {
    this.#insert({ ref: this.#table.number(ref), value, literal: this.#literal });
  }

  #insert(demand: RefDemand): void {
    let seen = false;
    for (const [index, other] of this.demands.entries()) {
      if (other.ref !== demand.ref) continue;
      seen = true;
      if (sameValue(other.value, demand.value)) return;
      // A value takes the place of "anything", but for an affix: behind it the var still stands for the ref.
      if (!isOpen(demand) && !isAffix(demand) && isOpen(other)) {
        this.demands[index] = demand;
        return;
      }
      if (!isOpen(demand) && !isOpen(other)) {
        this.#alternate(demand.ref, isAffix(demand) || isAffix(other) ? TERMINAL : CONVERGING);
      }
    }
    if (!seen) this.#count(demand.ref, 1);
    this.demands.push(demand);
  }

  #noteAll(ref: number, values: readonly Demanded[], alternation: Alternation): void {
    // A var among the members of `x in {y, 1}` gives way to the others, although it may be what x is: OPA leaves the rule
    // out in spite of its body.
    const literal = values.some(({ kind }) => kind === 'var') ? Infinity : this.#literal;
    const [first, ...rest] = values;
    if (alternation === TERMINAL) {
      const known = this.demands.some((other) => other.ref === ref);
      this.#count(ref, values.length - (known ? 1 : 0));
    } else if (first !== undefined) {
      this.#insert({ ref, value: first, literal });
      this.#count(ref, rest.length);
    }
    for (const value of alternation === TERMINAL ? values : rest) {
      if (!this.demands.some((other) => other.ref === ref && sameValue(other.value, value))) {
        this.demands.push({ ref, value, literal });
      }
    }
    const concrete = this.demands.filter((other) => other.ref === ref && !isOpen(other));
    if (concrete.length > 1) this.#alternate(ref, alternation);
  }

  #statistic(ref: number): RefStatistics {
    const known = this.#statistics.get(ref);
    if (known !== undefined) return known;
    const fresh: RefStatistics = { count: 0, alternation: 0 };
    this.#statistics.set(ref, fresh);
    return fresh;
  }

  #count(ref: number, by: number): void {
    this.#statistic(ref).count += by;
  }

  #alternate(ref: number, alternation: Alternation): void {
    const statistic = this.#statistic(ref);
    if (alternation > statistic.alternation) statistic.alternation = alternation;
  }
}

const DEFINED: Demanded = { kind: 'defined' };

const isScalar = (term: Term): boolean =>
  term.kind === 'null' || term.kind === 'boolean' || term.kind === 'number' || term.kind === 'string';

const isGround = (ref: RefTerm): boolean => ref.path.every(isConstant);

/** What a term on the other side of an equation demands; undefined where the index takes no note of it. */
const indexValue = (term: Term): Demanded | undefined => {
  if (term.kind === 'var') return { kind: 'var', name: term.name };
  if (isScalar(term)) return { kind: 'equal', term };
  const flat = term.kind === 'array' && term.items.every((item) => isScalar(item) || item.kind === 'var');
  return flat ? { kind: 'equal', term } : undefined;
};

/** What a constant demands: objects and sets are not told apart. */
const constantValue = (term: Term): Demanded =>
  isScalar(term) || term.kind === 'array'
    ? { kind: 'equal', term }
    : term.kind === 'var'
      ? { kind: 'var', name: term.name }
      : DEFINED;

/** A ref with the vars in its brackets that are scalars for sure put in. */
const plug = (term: Term, constants: Constants): Term => {
  if (term.kind !== 'ref' || constants.size === 0) return term;
  const path = term.path.map((part) => {
    const constant = part.kind === 'var' ? constants.get(part.name) : undefined;
    return constant !== undefined && isScalar(constant) ? constant : part;
  });
  return { ...term, path };
};

/** The parts of a glob pattern; undefined for patterns that need more than whole wildcards. */
const globParts = (pattern: string, delimiters: string): readonly (string | undefined)[] | undefined => {
  const parts = splitEscaped(pattern, delimiters);
  const plain = parts.every((part) => part === '*' || !/(?:^|[^\\])(?:\\\\)*[[?{*]/.test(part));
  return plain ? parts.map((part) => (part === '*' ? undefined : part)) : undefined;
};
