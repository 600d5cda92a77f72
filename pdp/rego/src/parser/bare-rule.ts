import type { Expr, Term } from '../ast.ts';
import type { Location } from '../diagnostics.ts';
import { declaration } from '../types/builtins.ts';
import { draftHead, operatorParts, refParts } from './head.ts';
import type { HeadDraft } from './head.ts';
import type { RuleDraft } from './rule.ts';
import { trueBody } from './state.ts';
import { valueName } from './term.ts';

/** A rule written as an expression (`p := 1`, `p.q = 2`, `f(x) = x`), or why that expression is none. */
export const ruleFromBody = (body: readonly Expr[]): RuleDraft | string => {
  const [expr] = body;
  if (expr === undefined || body.length !== 1) return 'multiple expressions cannot be used for rule head';
  if (expr.with.length > 0) return 'expressions using with keyword cannot be used for rule head';
  if (expr.negated) return 'negated expressions cannot be used for rule head';
  const { term } = expr;
  switch (term.kind) {
    case 'some':
      return `'some' declarations cannot be used for rule head`;
    case 'every':
    case 'not-body':
    case 'and':
    case 'or':
      return 'expression cannot be used for rule head';
    case 'ref':
      return ruleFromRef(term);
    case 'call':
      return ruleFromCall(expr, term);
    default:
      return `${valueName(term)} cannot be used for rule name`;
  }
};

const rule = (head: HeadDraft, location: Location): RuleDraft => ({
  head,
  isDefault: false,
  body: trueBody(location),
  generatedBody: true,
  location,
  else: undefined,
});

const headRef = (parts: readonly Term[]): boolean => parts[0]?.kind === 'var';

/** `p.q.r` is `p.q.r := true`; `p.q` and `p[q]` are elements of the set `p`. */
const ruleFromRef = (term: Extract<Term, { kind: 'ref' }>): RuleDraft | string => {
  const parts = refParts(term);
  const { location } = term;
  const [name, key] = parts;
  if (name === undefined || !headRef(parts)) return 'invalid rule head';
  if (key === undefined) return 'refs cannot be used for rule head';
  if (parts.length === 2) return rule({ ...draftHead([name], location), key }, location);
  return rule(
    { ...draftHead(parts, location), value: { kind: 'boolean', value: true, location }, generatedValue: true },
    location,
  );
};

const ruleFromCall = (expr: Expr, call: Extract<Term, { kind: 'call' }>): RuleDraft | string => {
  const name = call.operatorRef === undefined ? call.operator.join('.') : '';
  const [left, right] = call.args;
  if (name === 'eq' || name === 'assign') {
    if (left === undefined || right === undefined) return 'assignment requires two operands';
    const drafted = ruleFromEquality(left, right, expr.location);
    return typeof drafted === 'string' ? drafted : { ...drafted, head: { ...drafted.head, assign: name === 'assign' } };
  }
  if (declaration(name) !== undefined) return 'rule name conflicts with built-in function';
  if (call.args.length === 0) return 'rule argument list must take at least one argument';
  const parts = operatorParts(call);
  if (!headRef(parts)) return 'invalid rule head';
  const location = call.operatorLocation ?? call.location;
  const value: Term = { kind: 'boolean', value: true, location };
  return rule({ ...draftHead(parts, location), args: call.args, value }, location);
};

const ruleFromEquality = (left: Term, value: Term, location: Location): RuleDraft | string => {
  switch (left.kind) {
    case 'call': {
      const parts = operatorParts(left);
      if (!headRef(parts)) return 'invalid rule head';
      return rule({ ...draftHead(parts, location), args: left.args, value }, location);
    }
    case 'ref': {
      const parts = refParts(left);
      if (!headRef(parts)) return 'invalid rule head';
      const key = parts.length === 2 ? parts[1] : undefined;
      return rule({ ...draftHead(parts, location), key, value }, location);
    }
    case 'var':
      return rule({ ...draftHead([left], location), value }, location);
    default:
      return `${valueName(left)} cannot be used for rule name`;
  }
};
