import type { Body, CallTerm, Expr, Rule, Term, VarTerm } from '../ast.ts';
import type { Location } from '../diagnostics.ts';
import { isEquation, isGenerated } from '../passes/expand.ts';
import { walkBody } from '../passes/walk.ts';
import { constantPath } from '../plan/documents.ts';

/** What an instrumented program tells of a place, in the order in which it happens. */
export type TraceEvent =
  /** The evaluation of a document or a function starts, which may have several bodies. Has no place: -1. */
  | 'call'
  /** It ends, whichever way. Has no place: -1. */
  | 'return'
  /** The body of a rule, or a query, starts. Values: arguments. */
  | 'enter'
  /** A literal is about to be evaluated. Values: what its variables are so far. */
  | 'eval'
  /** A part of a literal was computed: a call inside of it. Values: that part by its text. */
  | 'note'
  /** A literal succeeded, perhaps again, with other values. Values: what its variables are. */
  | 'done'
  /** A literal failed, or has no more ways to succeed. */
  | 'fail'
  /** A body succeeded. Values: variables of the rule; the last one is what the rule gives, under an empty name. */
  | 'exit';

/** A ref with constant parts that a literal reads: what stands there can be looked up to explain the literal. */
export interface PlaceRef {
  readonly text: string;
  /** `input`, `data`, or a variable as it is shown. */
  readonly head: string;
  readonly path: readonly string[];
}

/** Something that an instrumented program tells about: named by its index in {@link TracePlaces.places}. */
export interface TracePlace {
  readonly kind: 'rule' | 'head' | 'literal' | 'query';
  /** Of a rule only the head, with what stands in front of it. */
  readonly location: Location;
  /** As written; for rules the path below `data`, with dots. */
  readonly text: string;
  /** The place around this one; undefined for rules and queries. */
  readonly parent: number | undefined;
  readonly refs: readonly PlaceRef[];
  /** For rules: whether it is the `default`. */
  readonly isDefault: boolean;
}

/** Literals beside each other that explain one place: what a pass split off a literal belongs to it. */
export interface Segment {
  /** Undefined for what nobody wrote. */
  readonly place: number | undefined;
  readonly exprs: readonly Expr[];
  /** Names of the variables to show, by what they are called in the body. */
  readonly vars: ReadonlyMap<string, string>;
  /** True if the place can be done behind this segment. */
  readonly ends: boolean;
}

/** Gives out the places of one program while it is planned. */
export class TracePlaces {
  readonly #places: TracePlace[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #sources: ReadonlyMap<string, string>;
  readonly #open: number[] = [];
  /** Literals of which only the message matters. */
  readonly #prints = new Set<number>();

  /** `sources` are the texts of the modules and queries by the file that locations name. */
  constructor(sources: ReadonlyMap<string, string>) {
    this.#sources = sources;
  }

  get places(): readonly TracePlace[] {
    return this.#places;
  }

  /** The place of a rule's body, or of an `else`. */
  rule(rule: Rule, path: string): number {
    return this.#place({
      kind: 'rule',
      location: { ...rule.location, end: Math.max(rule.location.start, rule.head.location.end) },
      text: path,
      parent: undefined,
      refs: [],
      isDefault: rule.default,
    });
  }

  query(text: string): number {
    const location = { file: '', row: 1, col: 1, start: 0, end: text.length };
    return this.#place({ kind: 'query', location, text, parent: undefined, refs: [], isDefault: false });
  }

  /** Runs `lower` with `place` as the place around all others. */
  inside(place: number, lower: () => void): void {
    this.#open.push(place);
    lower();
    this.#open.pop();
  }

  /** Puts the literals of a body together by what the user wrote. */
  segments(body: Body): readonly Segment[] {
    const written = body.filter((expr) => expr.generated !== true);
    const runs: { owner: Expr | undefined; exprs: Expr[] }[] = [];
    const parts = new Map<Expr | undefined, Expr[]>();
    for (const expr of body) {
      const owner = expr.generated === true ? narrowest(written, expr.location) : expr;
      parts.set(owner, [...(parts.get(owner) ?? []), expr]);
      const last = runs.at(-1);
      if (last !== undefined && last.owner === owner) last.exprs.push(expr);
      else runs.push({ owner, exprs: [expr] });
    }
    const isPrinted = this.#prints.has(this.#open.at(-1) ?? -1);
    if (isPrinted) return [{ place: undefined, exprs: body, vars: new Map(), ends: false }];
    return runs.map(({ owner, exprs }) => ({
      place: owner === undefined ? this.#head(exprs) : this.#literal(owner, parts.get(owner) ?? exprs),
      exprs,
      vars: varsOf(exprs),
      ends: owner === undefined || exprs.includes(owner),
    }));
  }

  /** The text of a place in the policy, on one line. */
  text({ file, start, end }: Location): string {
    return (this.#sources.get(file) ?? '').slice(start, end);
  }

  #literal(expr: Expr, parts: readonly Expr[]): number {
    const end = Math.max(expr.location.end, expr.term.location.end, ...expr.with.map((w) => w.location.end));
    const location = { ...expr.location, end };
    const place = this.#place({
      kind: 'literal',
      location,
      text: this.text(location),
      parent: this.#open.at(-1),
      refs: this.#refsOf(parts),
      isDefault: false,
    });
    if (expr.term.kind === 'call' && PRINTS.has(expr.term.operator.join('.'))) this.#prints.add(place);
    return place;
  }

  /** What a pass took out of a head: of a rule, or of a comprehension. */
  #head(exprs: readonly Expr[]): number | undefined {
    const first = exprs.find(({ term }) => term.kind === 'call' && partOf(term) !== undefined);
    if (first === undefined) return undefined;
    const { location } = first;
    const text = this.text(location);
    const refs = this.#refsOf(exprs);
    return this.#place({ kind: 'head', location, text, parent: this.#open.at(-1), refs, isDefault: false });
  }

  #refsOf(exprs: readonly Expr[]): readonly PlaceRef[] {
    const found = new Map<string, PlaceRef>();
    walkBody(exprs, (term) => {
      const ref = placeRef(term, this.text(term.location));
      if (ref !== undefined) found.set(ref.text, ref);
      // What closures read is told by the literals inside of them.
      return !term.kind.endsWith('comprehension');
    });
    return [...found.values()];
  }

  #place(place: TracePlace): number {
    const { file, start, end } = place.location;
    const key = JSON.stringify([place.parent ?? -1, place.kind, file, start, end, place.text]);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#places.length;
    this.#numbers.set(key, number);
    this.#places.push(place);
    return number;
  }
}

/** The variable that stands for a part of a literal or of a head, in the call that a pass made to compute that part. */
export const partOf = (term: CallTerm): VarTerm | undefined => {
  const variable = isEquation(term) ? term.args[0] : term.args.at(-1);
  return variable?.kind === 'var' && isGenerated(variable.name) ? variable : undefined;
};

const placeRef = (term: Term, text: string): PlaceRef | undefined => {
  if (term.kind !== 'ref' || term.head.kind !== 'var' || term.path.length === 0) return undefined;
  const path = constantPath(term);
  if (path.length < term.path.length || text === '') return undefined;
  return { text, head: term.head.original ?? term.head.name, path };
};

/** The variables that users know of literals, by what they are called in them. */
const varsOf = (exprs: readonly Expr[]): ReadonlyMap<string, string> => {
  const names = new Map<string, string>();
  walkBody(exprs, (term) => {
    if (term.kind !== 'var') return true;
    const name = term.original ?? term.name;
    if (!isGenerated(name)) names.set(term.name, name);
    return true;
  });
  return names;
};

/** What `print` is called, as written and as kept. */
const PRINTS = new Set(['print', 'internal.print']);

const narrowest = (exprs: readonly Expr[], { start, end }: Location): Expr | undefined => {
  let found: Expr | undefined;
  for (const expr of exprs) {
    const { location } = expr;
    const last = Math.max(location.end, expr.term.location.end);
    if (location.start > start || last < end) continue;
    if (found === undefined || last - location.start < found.location.end - found.location.start) found = expr;
  }
  return found;
};
