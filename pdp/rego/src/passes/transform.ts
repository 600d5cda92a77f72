import type { Body, Expr, ExprTerm, Term, With } from '../ast.ts';

/** What a pass does at the nodes that it cares about; children have been mapped before. */
export interface Transform {
  readonly term?: (term: Term) => Term;
  readonly body?: (body: Body) => Body;
}

/** Maps the children of a term, then the term itself. Trees are not changed: what comes back shares what stayed equal. */
export const mapTerm = (term: Term, t: Transform): Term => {
  const mapped = mapChildren(term, t);
  return t.term === undefined ? mapped : t.term(mapped);
};

const mapChildren = (term: Term, t: Transform): Term => {
  switch (term.kind) {
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
    case 'var':
      return term;
    case 'ref':
      return { ...term, head: mapTerm(term.head, t), path: mapTerms(term.path, t) };
    case 'array':
    case 'set':
      return { ...term, items: mapTerms(term.items, t) };
    case 'object':
      return { ...term, entries: term.entries.map(([k, v]) => [mapTerm(k, t), mapTerm(v, t)] as const) };
    case 'array-comprehension':
    case 'set-comprehension':
      return { ...term, term: mapTerm(term.term, t), body: mapBody(term.body, t) };
    case 'object-comprehension':
      return { ...term, key: mapTerm(term.key, t), value: mapTerm(term.value, t), body: mapBody(term.body, t) };
    case 'call':
      return { ...term, args: mapTerms(term.args, t) };
    case 'template-string':
      return {
        ...term,
        parts: term.parts.map((part) => {
          if (typeof part === 'string') return part;
          return part.kind === 'expr' ? mapExpr(part, t) : mapTerm(part, t);
        }),
      };
    default:
      return term satisfies never;
  }
};

const mapTerms = (terms: readonly Term[], t: Transform): readonly Term[] => terms.map((term) => mapTerm(term, t));

/** Maps every term and body inside an expression. */
const mapExpr = (expr: Expr, t: Transform): Expr => ({
  ...expr,
  term: mapExprTerm(expr.term, t),
  with: expr.with.length === 0 ? expr.with : expr.with.map((w): With => ({ ...w, value: mapTerm(w.value, t) })),
});

const mapExprTerm = (term: ExprTerm, t: Transform): ExprTerm => {
  switch (term.kind) {
    case 'some':
      return { ...term, symbols: mapTerms(term.symbols, t) };
    case 'every':
      return { ...term, domain: mapTerm(term.domain, t), body: mapBody(term.body, t) };
    case 'not-body':
      return { ...term, body: mapBody(term.body, t) };
    case 'and':
    case 'or':
      return { ...term, left: mapBody(term.left, t), right: mapBody(term.right, t) };
    default:
      return mapTerm(term, t);
  }
};

/** Maps every expression of a body, then the body itself. */
export const mapBody = (body: Body, t: Transform): Body => {
  const mapped = body.map((expr) => mapExpr(expr, t));
  return t.body === undefined ? mapped : t.body(mapped);
};

/** True for the body that the parser supplies where none is written: `true`. */
const isEmptyBody = (body: Body): boolean => {
  const [only] = body;
  return body.length === 1 && only?.term.kind === 'boolean' && only.term.value && !only.negated;
};

/** A body with more expressions; a lone `true` gives way to them. */
export const appendToBody = (body: Body, more: readonly Expr[]): Body => {
  if (more.length === 0) return body;
  return isEmptyBody(body) ? more : [...body, ...more];
};
