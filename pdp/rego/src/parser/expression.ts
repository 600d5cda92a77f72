import type { Body, Every, Expr, ExprTerm, Term, With } from '../ast.ts';
import type { Location } from '../diagnostics.ts';
import type { TokenKind } from '../lexer.ts';
import {
  braceLedOperand,
  foldTail,
  isNegated,
  parseGroup,
  parseNotBody,
  parseOrChain,
  rejectWithOnOperand,
  unionAsBody,
} from './logical.ts';
import type { LogicalGrammar } from './logical.ts';
import { fitted, NO_WITHS, type Parser } from './state.ts';
import { infixCall, parseTerm, parseTermInfix, parseVar } from './term.ts';

/** A literal: the expression, its place and nothing else. */
export const makeExpr = (term: ExprTerm, location: Location, withs: readonly With[] = NO_WITHS): Expr => ({
  kind: 'expr',
  term,
  negated: false,
  with: withs,
  location,
});

/** Literals up to a closing token, which stays the current one. */
export const parseBody = (p: Parser, end: TokenKind): Expr[] | undefined => {
  if (!p.enter()) return undefined;
  const body = parseQuery(p, end, false);
  p.leave();
  return body;
};

/** Literals divided by `;` or line feeds. With `single`, only `;` continues. */
export const parseQuery = (p: Parser, end: TokenKind, single: boolean): Expr[] | undefined => {
  if (p.is(end)) {
    p.error(p.here(), 'found empty body');
    return undefined;
  }
  const body: Expr[] = [];
  for (;;) {
    const expr = parseLiteral(p);
    if (expr === undefined) return undefined;
    body.push(expr);
    if (p.is(';')) {
      p.scan();
      continue;
    }
    if (p.is(end) || single) return fitted(body);
    if (!p.skippedNewline) {
      if (p.diagnostics.length === 0) {
        hintMissingKeyword(p);
        p.illegal(`expected \\n or ; or ${end}`);
      }
      return undefined;
    }
  }
};

const MISSING_KEYWORDS: ReadonlyMap<string, string> = new Map([
  ['in', 'x in xs'],
  ['and', 'x and y'],
  ['or', 'x or y'],
]);

/** `x in xs` without the import is an expression with something behind it: say which import would help. */
const hintMissingKeyword = (p: Parser): void => {
  if (p.hinted) return;
  let word = 'in';
  if (p.is('identifier')) {
    word = p.text;
  } else if (p.is(',')) {
    const before = p.save();
    p.scan();
    const term = parseTermWithFuture(p);
    p.restore(before);
    if (term?.kind !== 'call' || !term.operator[0]?.startsWith('internal.member_')) return;
  } else {
    return;
  }
  const example = MISSING_KEYWORDS.get(word);
  if (example !== undefined) p.hint(`\`import future.keywords.${word}\` for \`${example}\` expressions`);
};

/** Parses a term as if `in` were a keyword; only to find out whether that would have worked. */
const parseTermWithFuture = (p: Parser): Term | undefined => {
  const { lexer } = p;
  if (lexer.isKeyword('in')) return parseTermInfix(p);
  return p.withOwnCache(() => lexer.withKeywords(['in'], () => parseTermInfix(p)));
};

/** One literal of a body: an expression, `some`, `every`, `not`, `and`, `or`, each with its `with`s. */
export const parseLiteral = (p: Parser): Expr | undefined => {
  const start = p.here();
  const expr = parseLiteralAt(p, start);
  if (expr === undefined) return undefined;
  const location = p.since(start);
  const { term } = expr;
  // An implicit body's only expression is, for messages, the whole `not …`.
  if (term.kind === 'not-body' && term.implicit === true) {
    return { ...expr, location, term: { ...term, body: term.body.map((inner) => ({ ...inner, location })) } };
  }
  return expr.location === location ? expr : { ...expr, location };
};

const parseLiteralAt = (p: Parser, start: Location): Expr | undefined => {
  if (p.logical) {
    if (p.is('{')) {
      const operand = parseBraceOperand(p, start);
      if (operand !== 'not an operand') return operand;
    } else if (p.is('(')) {
      const group = parseGroup(p, logicalGrammar, false, '');
      if (group !== undefined) return group.operand && foldTail(p, logicalGrammar, group.operand);
    }
  }
  if (p.keywordStartsRef()) return parseLiteralExpr(p, undefined);
  const negation = isNegated(p) ? p.here() : undefined;
  if (negation !== undefined) {
    p.scan();
    if (p.notBodies && p.is('{')) {
      const not = parseNotBody(p, logicalGrammar, negation);
      return not && foldTail(p, logicalGrammar, { body: [not], explicit: false, location: not.location });
    }
  }
  if (p.is('some') || p.is('every')) {
    if (negation !== undefined) {
      p.illegal(`illegal negation of '${p.kind}'`);
      return undefined;
    }
    return p.is('some') ? parseSome(p) : parseEvery(p);
  }
  return parseLiteralExpr(p, negation);
};

/** `{ body } and …`: braces at the start of a literal are an operand only if an operator follows. */
const parseBraceOperand = (p: Parser, start: Location): Expr | undefined | 'not an operand' => {
  const before = p.save();
  p.scan();
  const body = parseBody(p, '}');
  if (body !== undefined) {
    p.scan();
    if (p.is('and-keyword') || p.is('or-keyword')) {
      if (unionAsBody(p, body, start, '')) return undefined;
      return parseChainWith(p, body, true, start);
    }
  }
  p.restore(before);
  return 'not an operand';
};

const parseChainWith = (p: Parser, body: Body, explicit: boolean, location: Location): Expr | undefined => {
  const chain = parseOrChain(p, logicalGrammar, { body, explicit, location });
  return chain && attachWith(p, chain);
};

const parseLiteralExpr = (p: Parser, negation: Location | undefined): Expr | undefined => {
  const start = p.here();
  const before = p.save();
  if (negation !== undefined && p.notBodies && p.is('(')) {
    const group = parseGroup(p, logicalGrammar, true, 'not ');
    if (group !== undefined) {
      if (group.operand === undefined) return undefined;
      const { body, explicit } = group.operand;
      const location = p.since(negation);
      const not = makeExpr({ kind: 'not-body', body, ...(explicit ? {} : { implicit: true }), location }, location);
      return foldTail(p, logicalGrammar, { body: [not], explicit: false, location });
    }
  }
  const bare = parseExpr(p);
  if (bare === undefined) return undefined;
  const withStart = p.is('with') ? p.here() : undefined;
  const withs = withStart === undefined ? NO_WITHS : parseWith(p);
  if (withs === undefined) return undefined;
  if (p.version === 'v0') hintEvery(p, bare, before);
  const location = p.since(negation ?? start);
  const expr: Expr =
    negation !== undefined && p.notBodies
      ? makeExpr({ kind: 'not-body', body: [bare], implicit: true, location }, location, withs)
      : negation === undefined && withs === NO_WITHS && location === bare.location
        ? bare
        : { ...bare, negated: negation !== undefined, with: withs, location };
  if (!p.is('and-keyword') && !p.is('or-keyword')) return expr;
  if (withStart !== undefined) {
    rejectWithOnOperand(p, withStart);
    return undefined;
  }
  if (negation === undefined && p.source.startsWith('{', start.start)) {
    braceLedOperand(p, expr);
    return undefined;
  }
  return parseChainWith(p, [expr], false, location);
};

/** `every` as a plain name in v0: would it have been the statement with the import? */
const hintEvery = (p: Parser, expr: Expr, before: ReturnType<Parser['save']>): void => {
  if (p.lexer.isKeyword('every') || expr.term.kind !== 'var' || expr.term.name !== 'every') return;
  const after = p.save();
  p.restore(before);
  const found = p.withOwnCache(() => p.lexer.withKeywords(['every', 'in'], () => parseEvery(p)));
  p.restore(after);
  if (found !== undefined) p.hint('`import future.keywords.every` for `every x in xs { ... }` expressions');
};

/** `with target as value`, one or more. The current token is the first `with`. */
const parseWith = (p: Parser): With[] | undefined => {
  const withs: With[] = [];
  while (p.is('with')) {
    const start = p.here();
    p.scan();
    if (!p.is('identifier')) {
      p.illegal('expected ident');
      return undefined;
    }
    const target = parseTerm(p);
    if (target === undefined) return undefined;
    if (target.kind !== 'ref' && target.kind !== 'var') p.illegal('expected with target path');
    if (!p.is('as')) {
      p.illegal('expected as keyword');
      return undefined;
    }
    p.scan();
    const value = parseTermInfix(p);
    if (value === undefined) return undefined;
    withs.push({ target, value, location: p.since(start) });
  }
  return fitted(withs);
};

const attachWith = (p: Parser, expr: Expr): Expr | undefined => {
  if (!p.is('with')) return expr;
  const withs = parseWith(p);
  return withs && { ...expr, with: withs };
};

const isMember = (term: Term | undefined): term is Extract<Term, { kind: 'call' }> =>
  term?.kind === 'call' && term.infix === true && (term.operator[0]?.startsWith('internal.member_') ?? false);

const parseSome = (p: Parser): Expr | undefined => {
  const location = p.here();
  const before = p.save();
  p.scan();
  const term = parseTermInfix(p);
  if (term?.kind === 'call') {
    if (!isMember(term)) {
      p.illegal('expected `x in xs` or `x, y in xs` expression');
      return undefined;
    }
    return attachWith(p, makeExpr({ kind: 'some', symbols: [term], location }, location));
  }
  p.restore(before);
  if (p.version === 'v0' && !p.lexer.isKeyword('in')) {
    p.scan();
    const future = parseTermWithFuture(p);
    p.restore(before);
    if (isMember(future)) p.hint('`import future.keywords.in` for `some x in xs` expressions');
  }
  const symbols: Term[] = [];
  do {
    p.scan();
    if (!p.is('identifier')) {
      p.illegal('expected var');
      return undefined;
    }
    symbols.push(parseVar(p));
    p.scan();
  } while (p.is(','));
  return makeExpr({ kind: 'some', symbols, location }, location);
};

const parseEvery = (p: Parser): Expr | undefined => {
  const location = p.here();
  p.scan();
  const term = parseTermInfix(p);
  if (term === undefined) return undefined;
  if (!isMember(term)) {
    p.illegal('expected `x[, y] in xs { ... }` expression');
    return undefined;
  }
  const [key, value, domain] = term.args.length === 3 ? term.args : [undefined, ...term.args];
  if (value === undefined || domain === undefined) return undefined;
  if (key !== undefined && key.kind !== 'var') {
    p.illegal('expected key to be a variable');
    return undefined;
  }
  if (value.kind !== 'var') {
    p.illegal('expected value to be a variable');
    return undefined;
  }
  if (!p.is('{')) {
    p.illegal('missing body');
    return undefined;
  }
  p.scan();
  const body = parseBody(p, '}');
  if (body === undefined) return undefined;
  p.scan();
  const every: Every = { kind: 'every', key, value, domain, body, location: p.since(location) };
  return attachWith(p, makeExpr(every, location));
};

/** An operator expression, with `=` and `:=`, which only stand at the top. */
const parseExpr = (p: Parser): Expr | undefined => {
  const start = p.here();
  const left = parseTermInfix(p);
  if (left === undefined) return undefined;
  if (!p.is('assign') && !p.is('eq')) return makeExpr(left, p.since(start));
  const operator = p.here();
  const name = p.kind;
  p.scan();
  const right = parseTermInfix(p);
  return right && makeExpr(infixCall(p, name, operator, [left, right], p.since(start)), p.since(start));
};

const logicalGrammar: LogicalGrammar = { parseBody, parseExpr, attachWith };
