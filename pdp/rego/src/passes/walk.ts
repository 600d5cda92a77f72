import type { Body, CallTerm, Expr, Rule, Term } from '../ast.ts';

/** Calls `visit` for every literal of a body and of all bodies inside it, outer ones first. */
export const forEachExpr = (body: Body, visit: (expr: Expr) => void): void => {
  for (const expr of body) inExpr(expr, visit);
};

/** As `forEachExpr`, for the bodies inside a term. */
export const forEachExprInTerm = (term: Term, visit: (expr: Expr) => void): void => {
  inTerm(term, visit);
};

const inExpr = (expr: Expr, visit: (expr: Expr) => void): void => {
  visit(expr);
  const { term } = expr;
  switch (term.kind) {
    case 'some':
      for (const symbol of term.symbols) inTerm(symbol, visit);
      break;
    case 'every':
      inTerm(term.domain, visit);
      forEachExpr(term.body, visit);
      break;
    case 'not-body':
      forEachExpr(term.body, visit);
      break;
    case 'and':
    case 'or':
      forEachExpr(term.left, visit);
      forEachExpr(term.right, visit);
      break;
    default:
      inTerm(term, visit);
  }
  for (const { target, value } of expr.with) {
    inTerm(target, visit);
    inTerm(value, visit);
  }
};

const inTerms = (terms: readonly Term[], visit: (expr: Expr) => void): void => {
  for (const term of terms) inTerm(term, visit);
};

const inTerm = (term: Term, visit: (expr: Expr) => void): void => {
  switch (term.kind) {
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
    case 'var':
      return;
    case 'ref':
      inTerm(term.head, visit);
      inTerms(term.path, visit);
      return;
    case 'array':
    case 'set':
      inTerms(term.items, visit);
      return;
    case 'object':
      for (const [key, value] of term.entries) {
        inTerm(key, visit);
        inTerm(value, visit);
      }
      return;
    case 'array-comprehension':
    case 'set-comprehension':
      inTerm(term.term, visit);
      forEachExpr(term.body, visit);
      return;
    case 'object-comprehension':
      inTerm(term.key, visit);
      inTerm(term.value, visit);
      forEachExpr(term.body, visit);
      return;
    case 'call':
      inTerms(term.args, visit);
      return;
    case 'template-string':
      for (const part of term.parts) {
        if (typeof part === 'string') continue;
        if (part.kind === 'expr') inExpr(part, visit);
        else inTerm(part, visit);
      }
      return;
    default:
      term satisfies never;
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

/** Calls `visit` for every call in a rule, its `else` chain apart. */
export const forEachCall = (
  rule: Rule,
  visit: (call: CallTerm, place: CallPlace, expr: Expr | undefined) => void,
): void => {
  for (const term of headTerms(rule)) callsInTerm(term, 'nested', undefined, visit);
  for (const expr of rule.body) callsInExpr(expr, visit);
};

type CallVisitor = (call: CallTerm, place: CallPlace, expr: Expr | undefined) => void;

const callsInExpr = (expr: Expr, visit: CallVisitor): void => {
  const { term } = expr;
  switch (term.kind) {
    case 'some':
      for (const symbol of term.symbols) callsInTerm(symbol, 'nested', expr, visit);
      break;
    case 'every':
      callsInTerm(term.domain, 'nested', expr, visit);
      for (const inner of term.body) callsInExpr(inner, visit);
      break;
    case 'not-body':
      for (const inner of term.body) callsInExpr(inner, visit);
      break;
    case 'and':
    case 'or':
      for (const inner of term.left) callsInExpr(inner, visit);
      for (const inner of term.right) callsInExpr(inner, visit);
      break;
    default:
      callsInTerm(term, 'literal', expr, visit);
  }
  for (const { target, value } of expr.with) {
    callsInTerm(target, 'nested', expr, visit);
    callsInTerm(value, 'nested', expr, visit);
  }
};

const callsInTerms = (terms: readonly Term[], expr: Expr | undefined, visit: CallVisitor): void => {
  for (const term of terms) callsInTerm(term, 'nested', expr, visit);
};

const callsInTerm = (term: Term, place: CallPlace, expr: Expr | undefined, visit: CallVisitor): void => {
  switch (term.kind) {
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
    case 'var':
      return;
    case 'call':
      visit(term, place, expr);
      callsInTerms(term.args, expr, visit);
      return;
    case 'ref':
      callsInTerm(term.head, 'nested', expr, visit);
      callsInTerms(term.path, expr, visit);
      return;
    case 'array':
    case 'set':
      callsInTerms(term.items, expr, visit);
      return;
    case 'object':
      for (const entry of term.entries) callsInTerms(entry, expr, visit);
      return;
    case 'array-comprehension':
    case 'set-comprehension':
      callsInTerm(term.term, 'nested', expr, visit);
      for (const inner of term.body) callsInExpr(inner, visit);
      return;
    case 'object-comprehension':
      callsInTerm(term.key, 'nested', expr, visit);
      callsInTerm(term.value, 'nested', expr, visit);
      for (const inner of term.body) callsInExpr(inner, visit);
      return;
    case 'template-string':
      for (const part of term.parts) {
        if (typeof part === 'string') continue;
        if (part.kind === 'expr') callsInExpr(part, visit);
        else callsInTerm(part, 'nested', expr, visit);
      }
      return;
    default:
      term satisfies never;
  }
};
