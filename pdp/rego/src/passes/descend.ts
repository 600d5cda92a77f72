import type { Body, Expr, Term } from '../ast.ts';

/**
 * What a walk over a tree does where it comes to a term or a literal. It goes on below by calling {@link descendTerm} or
 * {@link descendExpr} with itself, and stays out of what it does not call them for.
 */
export interface Visitor {
  term(term: Term): void;
  expr(expr: Expr): void;
}

/** Hands the direct parts of a term to a visitor, in the order of the text but for the bodies of comprehensions, which are last. */
export const descendTerm = (term: Term, visitor: Visitor): void => {
  switch (term.kind) {
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
    case 'var':
      return;
    case 'ref':
      visitor.term(term.head);
      for (const part of term.path) visitor.term(part);
      return;
    case 'array':
    case 'set':
      for (const item of term.items) visitor.term(item);
      return;
    case 'object':
      for (const [key, value] of term.entries) {
        visitor.term(key);
        visitor.term(value);
      }
      return;
    case 'array-comprehension':
    case 'set-comprehension':
      visitor.term(term.term);
      descendBody(term.body, visitor);
      return;
    case 'object-comprehension':
      visitor.term(term.key);
      visitor.term(term.value);
      descendBody(term.body, visitor);
      return;
    case 'call':
      for (const arg of term.args) visitor.term(arg);
      return;
    case 'template-string':
      for (const part of term.parts) {
        if (typeof part === 'string') continue;
        if (part.kind === 'expr') visitor.expr(part);
        else visitor.term(part);
      }
      return;
    default:
      term satisfies never;
  }
};

/** Hands the direct parts of a literal to a visitor: its term, or what its statement is made of, then its `with`s. */
export const descendExpr = (expr: Expr, visitor: Visitor): void => {
  const { term } = expr;
  switch (term.kind) {
    case 'some':
      for (const symbol of term.symbols) visitor.term(symbol);
      break;
    case 'every':
      if (term.key !== undefined) visitor.term(term.key);
      visitor.term(term.value);
      visitor.term(term.domain);
      descendBody(term.body, visitor);
      break;
    case 'not-body':
      descendBody(term.body, visitor);
      break;
    case 'and':
    case 'or':
      descendBody(term.left, visitor);
      descendBody(term.right, visitor);
      break;
    default:
      visitor.term(term);
  }
  for (const { target, value } of expr.with) {
    visitor.term(target);
    visitor.term(value);
  }
};

/** Hands the literals of a body to a visitor. */
export const descendBody = (body: Body, visitor: Visitor): void => {
  for (const expr of body) visitor.expr(expr);
};
