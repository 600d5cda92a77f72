import type { Body, Expr, Term, With } from '../ast.ts';
import { descendBody, descendTerm, type Visitor } from './descend.ts';
import { walkTerm } from './walk.ts';

/** Which parts of a tree a search for vars leaves out. The names are those of OPA's var visitor. */
export interface VarFilter {
  /** Bodies of comprehensions, template strings, `every`, improved `not`, `and` and `or`. */
  readonly skipClosures?: boolean;
  readonly skipSets?: boolean;
  readonly skipObjectKeys?: boolean;
  readonly skipRefHead?: boolean;
  /** Heads of the refs that `with` names: targets, and functions that stand in for others. */
  readonly skipCallHead?: boolean;
  /** Called for every implicit operand body; its vars count although closures are skipped. */
  readonly promote?: (body: Body) => Iterable<string>;
}

/** Vars that always have a value. */
export const reservedVars: ReadonlySet<string> = new Set(['data', 'input']);

/** What safety looks at in an expression: closures are another body's concern. */
export const safetyFilter: VarFilter = { skipCallHead: true, skipClosures: true };

/** Adds the names of the vars of a term to `into`. */
export const varsOfTerm = (term: Term, filter: VarFilter, into: Set<string>): void => {
  new VarCollector(filter, into).term(term);
};

/** Adds the names of the vars of an expression, its `with` included, to `into`. */
export const varsOfExpr = (expr: Expr, filter: VarFilter, into: Set<string>): void => {
  new VarCollector(filter, into).expr(expr);
};

/** Adds the names of the vars of every expression of a body to `into`. */
export const varsOfBody = (body: Body, filter: VarFilter, into: Set<string>): void => {
  descendBody(body, new VarCollector(filter, into));
};

class VarCollector implements Visitor {
  readonly #filter: VarFilter;
  readonly #into: Set<string>;

  constructor(filter: VarFilter, into: Set<string>) {
    this.#filter = filter;
    this.#into = into;
  }

  term(term: Term): void {
    const filter = this.#filter;
    switch (term.kind) {
      case 'var':
        this.#into.add(term.name);
        return;
      case 'ref':
        if (filter.skipRefHead === true) this.#terms(term.path);
        else descendTerm(term, this);
        return;
      case 'set':
        if (filter.skipSets !== true) descendTerm(term, this);
        return;
      case 'object':
        if (filter.skipObjectKeys === true) for (const [, value] of term.entries) this.term(value);
        else descendTerm(term, this);
        return;
      case 'array-comprehension':
      case 'set-comprehension':
      case 'object-comprehension':
      case 'template-string':
        if (filter.skipClosures !== true) descendTerm(term, this);
        return;
      default:
        descendTerm(term, this);
    }
  }

  expr(expr: Expr): void {
    const { term } = expr;
    switch (term.kind) {
      case 'every':
        if (this.#filter.skipClosures === true) {
          // OPA takes the whole expression for done here, `with` included.
          this.term(term.domain);
          return;
        }
        if (term.key !== undefined) this.term(term.key);
        this.term(term.value);
        this.term(term.domain);
        descendBody(term.body, this);
        break;
      case 'not-body':
        this.#operand(term.body, term.implicit);
        break;
      case 'and':
      case 'or':
        this.#operand(term.left, term.implicitLeft);
        this.#operand(term.right, term.implicitRight);
        break;
      case 'some':
        this.#terms(term.symbols);
        break;
      default:
        this.term(term);
    }
    for (const w of expr.with) this.#with(w);
  }

  #terms(terms: readonly Term[]): void {
    for (const term of terms) this.term(term);
  }

  #with({ target, value }: With): void {
    const skipHead = this.#filter.skipCallHead === true;
    if (!skipHead) this.term(target);
    else if (target.kind === 'ref') this.#terms(target.path);
    if (skipHead && value.kind === 'ref') this.#terms(value.path);
    else this.term(value);
  }

  #operand(body: Body, implicit: boolean | undefined): void {
    const { promote } = this.#filter;
    if (promote !== undefined) {
      if (implicit === true) for (const name of promote(body)) this.#into.add(name);
      return;
    }
    if (this.#filter.skipClosures !== true) descendBody(body, this);
  }
}

/** True if a value must be computed by a literal of its own before it can stand in a head: refs and comprehensions. */
export const requiresEvaluation = (term: Term): boolean => {
  let found = false;
  walkTerm(term, (t) => {
    if (t.kind === 'ref' || t.kind.endsWith('comprehension')) found = true;
    return !found;
  });
  return found;
};
