import type { Body, Expr, RefTerm, Term, With } from '../ast.ts';

/** A term with a body of its own. */
export type Comprehension = Extract<Term, { readonly body: Body }>;

/** Every comprehension inside of one, at any depth. */
export const comprehensionsIn = (comprehension: Comprehension): readonly Comprehension[] =>
  comprehension.body.flatMap((expr) =>
    partsOf(expr).closures.flatMap((closure) => [closure, ...comprehensionsIn(closure)]),
  );

/** The comprehensions and references in a literal and in the bodies that it holds; what is in comprehensions is theirs. */
export const partsOf = (expr: Expr): { closures: Comprehension[]; refs: RefTerm[] } => {
  const closures: Comprehension[] = [];
  const refs: RefTerm[] = [];
  const inTerm = (term: Term): void => {
    switch (term.kind) {
      case 'array-comprehension':
      case 'set-comprehension':
      case 'object-comprehension':
        closures.push(term);
        return;
      case 'ref':
        refs.push(term);
        inTerm(term.head);
        term.path.forEach(inTerm);
        return;
      case 'array':
      case 'set':
        term.items.forEach(inTerm);
        return;
      case 'object':
        term.entries.flat().forEach(inTerm);
        return;
      case 'call':
        term.args.forEach(inTerm);
        return;
      default:
    }
  };
  const inBody = (body: Body): void => {
    body.forEach(inExpr);
  };
  const inWiths = (withs: readonly With[]): void => {
    for (const { target, value } of withs) {
      inTerm(target);
      inTerm(value);
    }
  };
  const inExpr = ({ term, with: withs }: Expr): void => {
    switch (term.kind) {
      case 'some':
        return;
      case 'every':
        inTerm(term.domain);
        inBody(term.body);
        inWiths(withs);
        return;
      case 'not-body':
        inBody(term.body);
        return;
      case 'and':
      case 'or':
        inBody(term.left);
        inBody(term.right);
        // As in OPA the modifiers of these, and of no others, are checked as references.
        inWiths(withs);
        return;
      default:
        inTerm(term);
    }
  };
  inExpr(expr);
  return { closures, refs };
};
