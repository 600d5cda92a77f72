import type { Expr, ExprTerm, Term } from '../ast.ts';
import type { Parser } from './state.ts';

/** The value of a string in JSON's notation, or undefined. Halves of surrogate pairs become U+FFFD, as in OPA. */
export const unescape = (quoted: string): string | undefined => {
  try {
    const value: unknown = JSON.parse(quoted);
    return typeof value === 'string' ? value.toWellFormed() : undefined;
  } catch {
    return undefined;
  }
};

/** A template string; the current token is its first part. */
export const parseTemplateString = (p: Parser, raw: boolean): Term | undefined => {
  const location = p.here();
  if (p.version === 'v0') {
    p.error(location, 'template strings are not supported by current capabilities');
    return undefined;
  }
  const parts: (string | Term | Expr)[] = [];
  for (;;) {
    if (!p.kind.includes('template-string')) {
      p.error(p.here(), 'expected template-string part');
      return undefined;
    }
    const inner = p.text.slice(1, -1);
    const value = raw || !inner.includes('\\') ? inner : unescape(`"${inner}"`);
    if (value === undefined) {
      p.error(p.here(), `illegal template-string part: ${p.text}`);
      return undefined;
    }
    if (value !== '') parts.push(value);
    if (p.kind.endsWith('end')) return { kind: 'template-string', parts, location: { ...location, end: p.end } };
    p.scan();
    const part = parseTemplateExpression(p);
    if (part === undefined) return undefined;
    parts.push(part);
    p.scanIn(raw ? 'raw-template' : 'template', false);
  }
};

const parseTemplateExpression = (p: Parser): Term | Expr | undefined => {
  const expr = p.grammar.parseLiteral(p);
  if (expr === undefined) {
    p.error(p.here(), 'invalid template-string expression');
    return undefined;
  }
  const misfit = templateMisfit(expr);
  if (misfit !== undefined) {
    p.error(expr.location, `unexpected ${misfit} in template-string expression`);
    return undefined;
  }
  if (!p.is('}')) {
    p.error(p.here(), 'expected } to end template string expression');
    return undefined;
  }
  return expr.with.length === 0 && isPlainTerm(expr.term) ? expr.term : expr;
};

/** Whether what a literal holds is a term, and not a statement of its own. */
export const isPlainTerm = (term: ExprTerm): term is Term => {
  switch (term.kind) {
    case 'some':
    case 'every':
    case 'not-body':
    case 'and':
    case 'or':
      return false;
    default:
      return true;
  }
};

const templateMisfit = (expr: Expr): string | undefined => {
  if (expr.negated) return `negation ('not')`;
  const { term } = expr;
  if (term.kind === 'every' || term.kind === 'some') return `'${term.kind}'`;
  if (term.kind !== 'call') return undefined;
  if (term.operator.join('.') === 'eq') return `unification ('=')`;
  if (term.operator.join('.') === 'assign') return `assignment (':=')`;
  return undefined;
};
