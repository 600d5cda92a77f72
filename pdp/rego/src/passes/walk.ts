import type { Body, CallTerm, Expr, Rule, Term } from '../ast.ts';
import { descendBody, descendExpr, descendTerm, type Visitor } from './descend.ts';

/** Calls `visit` for every term below and at `term`, parents first; `false` keeps it from descending. */
export const walkTerm = (term: Term, visit: (term: Term) => boolean): void => {
  new TermWalk(visit).term(term);
};

/** {@link walkTerm} over every term of an expression, closures and `with` included. */
export const walkExpr = (expr: Expr, visit: (term: Term) => boolean): void => {
  new TermWalk(visit).expr(expr);
};

/** {@link walkTerm} over every term of a body. */
export const walkBody = (body: Body, visit: (term: Term) => boolean): void => {
  descendBody(body, new TermWalk(visit));
};

class TermWalk implements Visitor {
  readonly #visit: (term: Term) => boolean;

  constructor(visit: (term: Term) => boolean) {
    this.#visit = visit;
  }

  term(term: Term): void {
    if (this.#visit(term)) descendTerm(term, this);
  }

  expr(expr: Expr): void {
    descendExpr(expr, this);
  }
}

/** Calls `visit` for every literal of a body and of all bodies inside it, outer ones first. */
export const forEachExpr = (body: Body, visit: (expr: Expr) => void): void => {
  descendBody(body, new ExprWalk(visit));
};

/** As `forEachExpr`, for the bodies inside a term. */
export const forEachExprInTerm = (term: Term, visit: (expr: Expr) => void): void => {
  descendTerm(term, new ExprWalk(visit));
};

class ExprWalk implements Visitor {
  readonly #visit: (expr: Expr) => void;

  constructor(visit: (expr: Expr) => void) {
    this.#visit = visit;
  }

  term(term: Term): void {
    descendTerm(term, this);
  }

  expr(expr: Expr): void {
    this.#visit(expr);
    descendExpr(expr, this);
  }
}

/** Whether some body stands inside of a literal. */
export const holdsBody = (expr: Expr): boolean => {
  switch (expr.term.kind) {
    case 'every':
    case 'not-body':
    case 'and':
    case 'or':
      return true;
    case 'some':
      return false;
    default: {
      let found = false;
      const look = (term: Term): boolean => {
        if (term.kind.endsWith('comprehension') || term.kind === 'template-string') found = true;
        return !found;
      };
      walkTerm(expr.term, look);
      for (const { value } of expr.with) walkTerm(value, look);
      return found;
    }
  }
};

/** The terms of a rule's head, its `else` chain apart. */
export const headTerms = ({ head }: Rule): Term[] => [
  ...head.ref.path,
  ...(head.args ?? []),
  ...(head.key === undefined ? [] : [head.key]),
  ...(head.value === undefined ? [] : [head.value]),
];

/** A rule and its `else`s, in order. */
export function* chainOf<R extends Rule>(rule: R): Iterable<R> {
  for (let current: R | undefined = rule; current !== undefined; current = current.else as R | undefined) yield current;
}

/** Where a call stands: alone as a literal, or inside another term. */
export type CallPlace = 'literal' | 'nested';

/** Calls `visit` for every call in a rule, its `else` chain apart. `expr` is the literal around it; none is in a head. */
export const forEachCall = (
  rule: Rule,
  visit: (call: CallTerm, place: CallPlace, expr: Expr | undefined) => void,
): void => {
  const walk = new CallWalk(visit);
  for (const term of headTerms(rule)) walk.term(term);
  descendBody(rule.body, walk);
};

class CallWalk implements Visitor {
  readonly #visit: (call: CallTerm, place: CallPlace, expr: Expr | undefined) => void;
  #expr: Expr | undefined = undefined;

  constructor(visit: (call: CallTerm, place: CallPlace, expr: Expr | undefined) => void) {
    this.#visit = visit;
  }

  term(term: Term): void {
    if (term.kind === 'call') this.#visit(term, term === this.#expr?.term ? 'literal' : 'nested', this.#expr);
    descendTerm(term, this);
  }

  expr(expr: Expr): void {
    const around = this.#expr;
    this.#expr = expr;
    descendExpr(expr, this);
    this.#expr = around;
  }
}
