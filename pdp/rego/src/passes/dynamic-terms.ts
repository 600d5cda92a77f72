import type { Body, CallTerm, Expr, Term } from '../ast.ts';
import { isEquation } from './expand.ts';

/**
 * The last form that OPA gives to a body, after which it checks types and indexes rules: `==` is `=`, and refs and
 * comprehensions that stand inside of calls, composites and brackets are vars that literals in front bind
 * (`f(input.x)` is `%r0 = input.x; f(%r0)`). What is bound is the same; the plan is made of the form before.
 */
export const hoistDynamicTerms = (body: Body): Body => new Hoisting().body(body);

/** True for `=`, and for `==`, which OPA takes for it from here on. */
export const isUnification = (call: CallTerm): boolean =>
  isEquation(call) || (call.operator.length === 1 && call.operator[0] === 'equal' && call.args.length === 2);

class Hoisting {
  #next = 0;

  body(body: Body): Body {
    const result: Expr[] = [];
    for (const expr of body) result.push(this.#expr(expr, result));
    return result;
  }

  /** The literal; what it needs is added to `before`. */
  #expr(expr: Expr, before: Expr[]): Expr {
    const { term } = expr;
    switch (term.kind) {
      case 'some':
        return expr;
      case 'every': {
        const domain = this.#one(expr, term.domain, before);
        return { ...expr, term: { ...term, domain, body: this.body(term.body) } };
      }
      case 'not-body':
        return { ...expr, term: { ...term, body: this.body(term.body) } };
      case 'and':
      case 'or':
        return { ...expr, term: { ...term, left: this.body(term.left), right: this.body(term.right) } };
      case 'call': {
        const unification = isUnification(term) && term.args.length === 2;
        const args = term.args.map((arg) =>
          unification ? this.#inside(expr, arg, before) : this.#one(expr, arg, before),
        );
        return { ...expr, term: { ...term, ...(unification ? { operator: ['eq'] } : {}), args } };
      }
      default:
        return { ...expr, term: this.#inside(expr, term, before) };
    }
  }

  /** A ref or comprehension stays where it is, and what is inside of it is hoisted. */
  #inside(expr: Expr, term: Term, before: Expr[]): Term {
    switch (term.kind) {
      case 'ref':
        return { ...term, path: term.path.map((part) => this.#one(expr, part, before)) };
      case 'array-comprehension':
      case 'set-comprehension':
      case 'object-comprehension':
        return { ...term, body: this.body(term.body) };
      default:
        return this.#one(expr, term, before);
    }
  }

  #one(expr: Expr, term: Term, before: Expr[]): Term {
    switch (term.kind) {
      case 'ref':
      case 'array-comprehension':
      case 'set-comprehension':
      case 'object-comprehension':
        return this.#hoist(expr, this.#inside(expr, term, before), before);
      case 'array':
      case 'set':
        return { ...term, items: term.items.map((item) => this.#one(expr, item, before)) };
      case 'object':
        return {
          ...term,
          entries: term.entries.map(
            ([key, value]) => [this.#one(expr, key, before), this.#one(expr, value, before)] as const,
          ),
        };
      default:
        return term;
    }
  }

  #hoist(expr: Expr, term: Term, before: Expr[]): Term {
    const { location } = term;
    // Passes before this one number theirs without a letter.
    const local: Term = { kind: 'var', name: `%r${String(this.#next++)}`, location };
    const equation: CallTerm = {
      kind: 'call',
      operator: ['eq'],
      target: 'builtin',
      args: [local, term],
      infix: true,
      location,
    };
    before.push({ kind: 'expr', term: equation, negated: false, with: expr.with, location, generated: true });
    return local;
  }
}
