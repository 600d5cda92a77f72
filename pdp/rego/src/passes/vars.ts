import type { Body, Expr, Term, With } from '../ast.ts';

/** Which parts of a tree {@link collectVars} leaves out. The names are those of OPA's var visitor. */
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
  switch (term.kind) {
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
      return;
    case 'var':
      into.add(term.name);
      return;
    case 'ref':
      if (filter.skipRefHead !== true) varsOfTerm(term.head, filter, into);
      for (const part of term.path) varsOfTerm(part, filter, into);
      return;
    case 'array':
      for (const item of term.items) varsOfTerm(item, filter, into);
      return;
    case 'set':
      if (filter.skipSets === true) return;
      for (const item of term.items) varsOfTerm(item, filter, into);
      return;
    case 'object':
      for (const [key, value] of term.entries) {
        if (filter.skipObjectKeys !== true) varsOfTerm(key, filter, into);
        varsOfTerm(value, filter, into);
      }
      return;
    case 'array-comprehension':
    case 'set-comprehension':
      if (filter.skipClosures === true) return;
      varsOfTerm(term.term, filter, into);
      varsOfBody(term.body, filter, into);
      return;
    case 'object-comprehension':
      if (filter.skipClosures === true) return;
      varsOfTerm(term.key, filter, into);
      varsOfTerm(term.value, filter, into);
      varsOfBody(term.body, filter, into);
      return;
    case 'call':
      for (const arg of term.args) varsOfTerm(arg, filter, into);
      return;
    case 'template-string':
      if (filter.skipClosures === true) return;
      for (const part of term.parts) {
        if (typeof part === 'string') continue;
        if (part.kind === 'expr') varsOfExpr(part, filter, into);
        else varsOfTerm(part, filter, into);
      }
      return;
    default:
      term satisfies never;
  }
};

const varsOfWith = (w: With, filter: VarFilter, into: Set<string>): void => {
  const skipHead = filter.skipCallHead === true;
  for (const term of [w.target, w.value]) {
    if (skipHead && term.kind === 'ref') for (const part of term.path) varsOfTerm(part, filter, into);
    else if (term === w.value || !skipHead) varsOfTerm(term, filter, into);
  }
};

/** Adds the names of the vars of an expression, its `with` included, to `into`. */
export const varsOfExpr = (expr: Expr, filter: VarFilter, into: Set<string>): void => {
  const { term } = expr;
  switch (term.kind) {
    case 'some':
      for (const symbol of term.symbols) varsOfTerm(symbol, filter, into);
      break;
    case 'every':
      if (filter.skipClosures === true) {
        varsOfTerm(term.domain, filter, into);
        // OPA takes the whole expression for done here, `with` included.
        return;
      }
      if (term.key !== undefined) varsOfTerm(term.key, filter, into);
      varsOfTerm(term.value, filter, into);
      varsOfTerm(term.domain, filter, into);
      varsOfBody(term.body, filter, into);
      break;
    case 'not-body':
      varsOfOperand(term.body, term.implicit, filter, into);
      break;
    case 'and':
    case 'or':
      varsOfOperand(term.left, term.implicitLeft, filter, into);
      varsOfOperand(term.right, term.implicitRight, filter, into);
      break;
    default:
      varsOfTerm(term, filter, into);
  }
  for (const w of expr.with) varsOfWith(w, filter, into);
};

const varsOfOperand = (body: Body, implicit: boolean | undefined, filter: VarFilter, into: Set<string>): void => {
  if (filter.promote !== undefined) {
    if (implicit === true) for (const name of filter.promote(body)) into.add(name);
    return;
  }
  if (filter.skipClosures !== true) varsOfBody(body, filter, into);
};

/** Adds the names of the vars of every expression of a body to `into`. */
export const varsOfBody = (body: Body, filter: VarFilter, into: Set<string>): void => {
  for (const expr of body) varsOfExpr(expr, filter, into);
};

/** Calls `visit` for every term below and at `term`, parents first; `false` keeps it from descending. */
export const walkTerm = (term: Term, visit: (term: Term) => boolean): void => {
  if (!visit(term)) return;
  switch (term.kind) {
    case 'ref':
      walkTerm(term.head, visit);
      for (const part of term.path) walkTerm(part, visit);
      return;
    case 'array':
    case 'set':
      for (const item of term.items) walkTerm(item, visit);
      return;
    case 'object':
      for (const [key, value] of term.entries) {
        walkTerm(key, visit);
        walkTerm(value, visit);
      }
      return;
    case 'array-comprehension':
    case 'set-comprehension':
      walkTerm(term.term, visit);
      walkBody(term.body, visit);
      return;
    case 'object-comprehension':
      walkTerm(term.key, visit);
      walkTerm(term.value, visit);
      walkBody(term.body, visit);
      return;
    case 'call':
      for (const arg of term.args) walkTerm(arg, visit);
      return;
    case 'template-string':
      for (const part of term.parts) {
        if (typeof part === 'string') continue;
        if (part.kind === 'expr') walkExpr(part, visit);
        else walkTerm(part, visit);
      }
      return;
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
    case 'var':
      return;
    default:
      term satisfies never;
  }
};

/** {@link walkTerm} over every term of an expression, closures and `with` included. */
export const walkExpr = (expr: Expr, visit: (term: Term) => boolean): void => {
  const { term } = expr;
  switch (term.kind) {
    case 'some':
      for (const symbol of term.symbols) walkTerm(symbol, visit);
      break;
    case 'every':
      if (term.key !== undefined) walkTerm(term.key, visit);
      walkTerm(term.value, visit);
      walkTerm(term.domain, visit);
      walkBody(term.body, visit);
      break;
    case 'not-body':
      walkBody(term.body, visit);
      break;
    case 'and':
    case 'or':
      walkBody(term.left, visit);
      walkBody(term.right, visit);
      break;
    default:
      walkTerm(term, visit);
  }
  for (const w of expr.with) {
    walkTerm(w.target, visit);
    walkTerm(w.value, visit);
  }
};

/** {@link walkExpr} over a body. */
export const walkBody = (body: Body, visit: (term: Term) => boolean): void => {
  for (const expr of body) walkExpr(expr, visit);
};

/** True if a value must be computed by a literal of its own before it can stand in a head: refs and comprehensions. */
export const requiresEvaluation = (term: Term): boolean => {
  let found = false;
  walkTerm(term, (t) => {
    if (t.kind === 'ref' || t.kind.endsWith('comprehension')) found = true;
    return !found;
  });
  return found;
};
