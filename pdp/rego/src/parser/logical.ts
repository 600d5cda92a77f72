import type { Body, Expr, Logical, Term } from '../ast.ts';
import type { Location } from '../diagnostics.ts';
import { declaration } from '../types/builtins.ts';
import type { TokenKind } from '../lexer.ts';
import { NO_WITHS, tokenWord } from './state.ts';
import type { Parser } from './state.ts';
import { parseTerm, parseTermInfix, valueName } from './term.ts';

/** Productions that this file needs of expressions. */
export interface LogicalGrammar {
  readonly parseBody: (p: Parser, end: TokenKind) => Expr[] | undefined;
  readonly parseExpr: (p: Parser) => Expr | undefined;
  readonly attachWith: (p: Parser, expr: Expr) => Expr | undefined;
}

/** One side of `and` / `or`. `explicit`: it is written in braces, and may declare variables. */
export interface Operand {
  readonly body: Body;
  readonly explicit: boolean;
  readonly location: Location;
}

/** The outcome of a try at a parenthesized group: `operand` is undefined where it is one, but faulty. */
export interface Group {
  readonly operand: Operand | undefined;
}

const FAULTY: Group = { operand: undefined };

const isOperator = (p: Parser): boolean => p.is('and-keyword') || p.is('or-keyword');

const wrap = (term: Expr['term'], location: Location): Expr => ({
  kind: 'expr',
  term,
  negated: false,
  with: NO_WITHS,
  location,
});

/** `not` and not the start of a reference such as `not.x`. */
export const isNegated = (p: Parser): boolean => {
  if (!p.is('not')) return false;
  const next = p.peek(false);
  return next !== '.' && next !== '[';
};

/** What follows an operand: operators and more operands, or the operand's own `with`. */
export const foldTail = (p: Parser, g: LogicalGrammar, operand: Operand): Expr | undefined => {
  if (isOperator(p)) {
    const chain = parseOrChain(p, g, operand);
    return chain && g.attachWith(p, chain);
  }
  const [first] = operand.body;
  return first && g.attachWith(p, first);
};

/** `left or …`, left-associative. `and` binds tighter. The current token is an operator. */
export const parseOrChain = (p: Parser, g: LogicalGrammar, first: Operand): Expr | undefined => {
  let left: Operand | undefined = p.is('and-keyword') ? parseAndChain(p, g, first) : first;
  let length = 0;
  while (left !== undefined && p.is('or-keyword')) {
    if (++length > p.depthLeft) {
      tooLong(p);
      return undefined;
    }
    p.scan();
    let right = parseOperand(p, g, 'or');
    if (right !== undefined && p.is('and-keyword')) right = parseAndChain(p, g, right);
    if (right === undefined) return undefined;
    left = combine(p, 'or', left, right);
  }
  return left?.body[0];
};

const parseAndChain = (p: Parser, g: LogicalGrammar, first: Operand): Operand | undefined => {
  let left = first;
  let length = 0;
  while (p.is('and-keyword')) {
    if (++length > p.depthLeft) {
      tooLong(p);
      return undefined;
    }
    p.scan();
    const right = parseOperand(p, g, 'and');
    if (right === undefined) return undefined;
    left = combine(p, 'and', left, right);
  }
  return left;
};

const tooLong = (p: Parser): void => {
  p.error(p.here(), 'too many operators in one expression');
};

const combine = (p: Parser, kind: 'and' | 'or', left: Operand, right: Operand): Operand => {
  rejectVoid(p, left.body, kind);
  rejectVoid(p, right.body, kind);
  const location = p.since(left.location);
  const node: Logical = {
    kind,
    left: left.body,
    right: right.body,
    ...(left.explicit ? {} : { implicitLeft: true }),
    ...(right.explicit ? {} : { implicitRight: true }),
    location,
  };
  return { body: [wrap(node, location)], explicit: false, location };
};

/** An operand that only calls `print` and the like can never fail, which cannot be meant. */
const rejectVoid = (p: Parser, body: Body, operator: string): void => {
  let first: { name: string; location: Location } | undefined;
  for (const expr of body) {
    if (expr.negated || expr.term.kind !== 'call') return;
    const name = expr.term.operator.join('.');
    if (declaration(name)?.void !== true) return;
    first ??= { name, location: expr.location };
  }
  if (first === undefined) return;
  p.hint(
    `\`${first.name}\` produces no value and always succeeds, so the operand can never fail; move it out of the operand, or add an expression that can fail`,
  );
  p.error(first.location, `operand of \`${operator}\` cannot consist only of calls to \`${first.name}\``);
};

/** `operator` is undefined while a group is only tried. */
const parseOperand = (p: Parser, g: LogicalGrammar, operator: 'and' | 'or' | undefined): Operand | undefined => {
  if (p.is('{')) return parseBraces(p, g, operator);
  const negation = isNegated(p) ? p.here() : undefined;
  if (negation !== undefined) {
    p.scan();
    if (p.notBodies && p.is('{')) {
      const not = parseNotBody(p, g, negation);
      return not && { body: [not], explicit: false, location: not.location };
    }
  }
  if (p.is('(') && p.logical && (negation === undefined || p.notBodies)) {
    const group = parseGroup(p, g, true, negation === undefined ? '' : 'not ');
    if (group !== undefined) {
      if (group.operand === undefined || negation === undefined) return group.operand;
      const { body, explicit } = group.operand;
      const location = p.since(negation);
      const not = wrap({ kind: 'not-body', body, ...(explicit ? {} : { implicit: true }), location }, location);
      return { body: [not], explicit: false, location };
    }
  }
  const start = p.here();
  const expr = g.parseExpr(p);
  if (expr === undefined) return undefined;
  if (negation === undefined) return { body: [expr], explicit: false, location: p.since(start) };
  const location = p.since(negation);
  const negated = p.notBodies
    ? wrap({ kind: 'not-body', body: [expr], implicit: true, location }, location)
    : { ...expr, negated: true };
  return { body: [negated], explicit: false, location };
};

const parseBraces = (p: Parser, g: LogicalGrammar, operator: 'and' | 'or' | undefined): Operand | undefined => {
  const location = p.here();
  const before = p.save();
  p.scan();
  const empty = p.is('}');
  const body = g.parseBody(p, '}');
  if (body === undefined) {
    if (!empty && operator !== undefined && isTerm(p, before)) {
      p.hint(`wrap the operand to keep the value: \`(${p.source.slice(location.start, p.lastEnd)}) ${operator} ...\``);
      p.error(location, `operand of \`${operator}\` cannot begin with \`{\` unless the braces hold a body`);
    }
    return undefined;
  }
  p.scan();
  // Reported, but handed back: a group that turns out to be none takes the report back with it.
  unionAsBody(p, body, location, '');
  return { body, explicit: true, location };
};

/** Whether a value starts at a place. If so the parser is behind it without the problems found since; if not, where it was. */
const isTerm = (p: Parser, start: ReturnType<Parser['save']>): boolean => {
  const failed = p.save();
  p.restore(start);
  if (parseTermInfix(p) !== undefined) return true;
  p.restore(failed);
  return false;
};

/** `not { body }`; the current token is the brace. */
export const parseNotBody = (p: Parser, g: LogicalGrammar, negation: Location): Expr | undefined => {
  const brace = p.here();
  const before = p.save();
  p.scan();
  const empty = p.is('}');
  const body = g.parseBody(p, '}');
  if (body === undefined) {
    if (!empty) rejectValueAsBody(p, before, brace);
    return undefined;
  }
  p.scan();
  if (unionAsBody(p, body, brace, 'not ')) return undefined;
  const location = p.since(negation);
  return wrap({ kind: 'not-body', body, location }, location);
};

const rejectValueAsBody = (p: Parser, before: ReturnType<Parser['save']>, brace: Location): void => {
  const failed = p.save();
  p.restore(before);
  const term = parseTermInfix(p);
  if (term === undefined) {
    p.restore(failed);
    return;
  }
  const text = p.source.slice(brace.start, p.lastEnd);
  p.hint(`write \`not (${text})\` to negate the value, or \`not {${text}}\` for a body holding it`);
  p.error(brace, `\`{...}\` in an operand position must contain expression(s), got: ${valueName(leftmost(term))}`);
};

/** The value that an operator expression starts with. */
const leftmost = (term: Term): Term => {
  let first = term;
  while (first.kind === 'call' && first.infix === true && first.args[0] !== undefined) [first] = first.args;
  return first;
};

/** Reports `{ a | b }` in the place of a body, which could be meant as a comprehension; says whether it did. */
export const unionAsBody = (p: Parser, body: Body, brace: Location, prefix: string): boolean => {
  const [first] = body;
  if (first?.term.kind !== 'call' || first.term.infix !== true || first.term.operator[0] !== 'or') return false;
  if (p.source.startsWith('(', first.location.start)) return false;
  const braces = p.source.slice(brace.start, p.lastEnd);
  const inner = p.source.slice(first.location.start, first.location.end);
  const at = first.location.start - brace.start;
  const union = `${braces.slice(0, at)}(${inner})${braces.slice(at + inner.length)}`;
  p.hint(`write \`${prefix}(${braces})\` for the comprehension, or \`${prefix}${union}\` for the set union`);
  p.error(
    brace,
    'ambiguous `{ ... | ... }` operand: read as a body holding a set-union expression, not as a comprehension',
  );
  return true;
};

/** Reports an operand without an operand's braces that starts with `{`. */
export const braceLedOperand = (p: Parser, expr: Expr): void => {
  const { term } = expr;
  if (term.kind === 'object' && term.entries.length === 0) {
    p.error(expr.location, 'found empty body');
    return;
  }
  const text = p.source.slice(expr.location.start, expr.location.end);
  const operator = tokenWord(p.kind);
  p.hint(`wrap the operand to keep the value: \`(${text}) ${operator} ...\``);
  p.error(expr.location, `operand of \`${operator}\` cannot begin with \`{\` unless the braces hold a body`);
};

/** Reports a `with` before an operator: what does it apply to? */
export const rejectWithOnOperand = (p: Parser, location: Location): void => {
  const operator = tokenWord(p.kind);
  p.hint(
    `Wrap the operand in \`(...)\` or \`{...}\` to scope, or move \`with\` after the \`${operator}\` expression to apply it to the whole expression`,
  );
  p.error(location, `\`with\` modifier is not allowed on operand of \`${operator}\``);
};

const closeGroup = (p: Parser): boolean => {
  if (!p.is(')')) {
    p.error(p.here(), 'expected ) to close parenthesized group');
    return false;
  }
  p.scan();
  return true;
};

/**
 * A parenthesized group of logical operands, or undefined (and nothing consumed) where the parentheses hold a plain
 * term. `asOperand`: the group is an operand of `and`, `or` or `not` already.
 */
export const parseGroup = (p: Parser, g: LogicalGrammar, asOperand: boolean, prefix: string): Group | undefined => {
  if (!p.enter()) return FAULTY;
  const group = parseGroupBody(p, g, asOperand, prefix);
  p.leave();
  return group;
};

const parseGroupBody = (p: Parser, g: LogicalGrammar, asOperand: boolean, prefix: string): Group | undefined => {
  const before = p.save();
  const open = p.here();
  p.scan();
  if (p.is(')')) {
    if (asOperand) {
      p.error(open, 'empty parenthesized group');
      return FAULTY;
    }
    p.restore(before);
    return undefined;
  }
  const left = parseOperand(p, g, undefined);
  if (left === undefined) {
    p.restore(before);
    return undefined;
  }
  if (isOperator(p)) {
    const chain = parseOrChain(p, g, left);
    const expr = chain && g.attachWith(p, chain);
    if (expr === undefined || !closeGroup(p)) return FAULTY;
    return { operand: { body: [expr], explicit: false, location: p.since(open) } };
  }
  const [only] = left.body;
  if (only === undefined) return FAULTY;
  if (p.is('with') && !left.explicit) {
    const withStart = p.here();
    const expr = g.attachWith(p, only);
    if (expr === undefined) return FAULTY;
    if (isOperator(p)) {
      rejectWithOnOperand(p, withStart);
      return FAULTY;
    }
    if (!closeGroup(p)) return FAULTY;
    if (asOperand || isOperator(p)) return { operand: { body: [expr], explicit: false, location: p.since(open) } };
    p.restore(before);
    return undefined;
  }
  if (left.explicit) return parseBracesInParentheses(p, before, left, open, prefix);
  const { kind } = only.term;
  if (kind === 'and' || kind === 'or' || kind === 'not-body' || only.negated) {
    return closeGroup(p) ? { operand: { body: left.body, explicit: false, location: p.since(open) } } : FAULTY;
  }
  p.restore(before);
  return undefined;
};

/** `({ … })`: the braces must be a value. */
const parseBracesInParentheses = (
  p: Parser,
  before: ReturnType<Parser['save']>,
  left: Operand,
  open: Location,
  prefix: string,
): Group | undefined => {
  const braces = p.source.slice(left.location.start, p.lastEnd);
  p.restore(before);
  p.scan();
  const term = parseTerm(p);
  p.restore(before);
  if (term !== undefined) return undefined;
  p.hint(`drop the parens to keep the body: \`${prefix}${braces}\``);
  p.error(open, '`(...)` in an operand position cannot contain a body');
  return FAULTY;
};
