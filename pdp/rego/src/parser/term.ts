import type { CallTerm, ObjectTerm, RefTerm, Term, VarTerm } from '../ast.ts';
import type { Location } from '../diagnostics.ts';
import type { Operator, TokenKind } from '../lexer.ts';
import { MAX_REF_PARTS } from '../limits.ts';
import { numberProblem } from './number.ts';
import { fitted, type Parser, type Snapshot } from './state.ts';
import { parseTemplateString, unescape } from './template.ts';

/** Infix operators by strength; each level binds tighter than the one before it. */
const LEVELS: readonly (readonly TokenKind[])[] = [
  ['equal', 'neq', 'lt', 'gt', 'lte', 'gte'],
  ['or'],
  ['and'],
  ['plus', 'minus'],
  ['mul', 'div', 'rem'],
];

const STRENGTH: ReadonlyMap<TokenKind, number> = new Map(
  LEVELS.flatMap((kinds, level) => kinds.map((kind): [TokenKind, number] => [kind, level])),
);

/** The name of a value's kind in messages. */
export const valueName = (term: Term): string =>
  term.kind.endsWith('comprehension') || term.kind === 'template-string' ? term.kind.replace('-', '') : term.kind;

/** A call of an infix operator: its place runs from the first operand to the end of the last. */
export const infixCall = (
  p: Parser,
  name: string,
  operatorLocation: Location,
  args: readonly Term[],
  location: Location,
): CallTerm => ({ kind: 'call', operator: p.operator([name]), operatorLocation, args, infix: true, location });

/** A term that may be an operator expression, with `k, v in xs`. */
export const parseTermInfix = (p: Parser): Term | undefined => nested(p, () => parseMembership(p, true));

/** A term in a list, where a comma ends it. */
export const parseTermInList = (p: Parser): Term | undefined => nested(p, () => parseMembership(p, false));

const nested = <T>(p: Parser, parse: () => T | undefined): T | undefined => {
  if (!p.enter()) return undefined;
  const result = parse();
  p.leave();
  return result;
};

const parseMembership = (p: Parser, keyed: boolean): Term | undefined => {
  let left = parseOperators(p, 0);
  let chain = 0;
  while (left !== undefined) {
    const member: CallTerm | undefined =
      (keyed && p.is(',') ? parseKeyedMember(p, left) : undefined) ?? parsePlainMember(p, left);
    if (member === undefined) return left;
    left = member;
    if (!p.is('in')) return left;
    if (++chain > p.depthLeft) {
      tooLong(p);
      return undefined;
    }
  }
  return left;
};

const parseKeyedMember = (p: Parser, key: Term): CallTerm | undefined => {
  const before = p.save();
  p.scan();
  const value = parseOperators(p, 0);
  if (value !== undefined && p.is('in')) {
    const operator = p.here();
    p.scan();
    const domain = parseOperators(p, 0);
    if (domain !== undefined)
      return infixCall(p, 'internal.member_3', operator, [key, value, domain], p.since(key.location));
  }
  p.restore(before);
  return undefined;
};

const parsePlainMember = (p: Parser, value: Term): CallTerm | undefined => {
  p.keywordStartsRef();
  if (!p.is('in')) return undefined;
  const operator = p.here();
  p.scan();
  const domain = parseOperators(p, 0);
  return domain === undefined
    ? undefined
    : infixCall(p, 'internal.member_2', operator, [value, domain], p.since(value.location));
};

const tooLong = (p: Parser): void => {
  p.error(p.here(), 'too many operators in one expression');
};

/** Precedence climbing; equal strengths associate to the left. */
const parseOperators = (p: Parser, level: number): Term | undefined => {
  let left = parseTerm(p);
  let chain = 0;
  while (left !== undefined) {
    const strength = STRENGTH.get(p.kind);
    if (strength === undefined || strength < level) return left;
    // Left-associative chains grow the tree to the left, one level for each operator.
    if (++chain > p.depthLeft || !p.enter()) {
      tooLong(p);
      return undefined;
    }
    const operator = p.here();
    const name = p.kind as Operator;
    p.scan();
    const right: Term | undefined = parseOperators(p, strength + 1);
    p.leave();
    if (right === undefined) {
      // The operator is read already; OPA keeps the left operand, and the problem is recorded.
      return left;
    }
    left = infixCall(p, name, operator, [left, right], p.since(left.location));
  }
  return left;
};

/** A term without infix operators. */
export const parseTerm = (p: Parser): Term | undefined => {
  if (!p.enter()) return undefined;
  const term = p.memoized(() => parseTermFresh(p));
  p.leave();
  return term;
};

const parseTermFresh = (p: Parser): Term | undefined => {
  if ((p.is('and-keyword') || p.is('or-keyword')) && p.peek(false) === '(') p.kind = 'identifier';
  if (p.is('minus')) return parseNegative(p);
  return parseTermFinish(p, parseTermStart(p));
};

/** `-x` is `0 - x`, `-1` a number. */
const parseNegative = (p: Parser): Term | undefined => {
  const minus = p.here();
  const before = p.save();
  p.scan();
  if (!p.is('identifier') && !p.is('contains')) {
    p.restore(before);
    return parseTermFinish(p, parseNumber(p));
  }
  const term = parseTermFinish(p, parseVar(p));
  if (term === undefined) return undefined;
  const zero: Term = { kind: 'number', text: '0', location: minus };
  return infixCall(p, 'minus', minus, [zero, term], p.since(minus));
};

const parseTermStart = (p: Parser): Term | undefined => {
  switch (p.kind) {
    case 'null':
      return { kind: 'null', location: p.here() };
    case 'true':
    case 'false':
      return { kind: 'boolean', value: p.is('true'), location: p.here() };
    case '.':
    case 'number':
      return parseNumber(p);
    case 'string':
      return parseString(p);
    case 'template-string-part':
    case 'template-string-end':
      return parseTemplateString(p, false);
    case 'raw-template-string-part':
    case 'raw-template-string-end':
      return parseTemplateString(p, true);
    case 'identifier':
    case 'contains':
      return parseVar(p);
    case '[':
      return parseArray(p);
    case '{':
      return parseSetOrObject(p);
    case '(':
      return parseParentheses(p);
    default:
      p.illegal();
      return undefined;
  }
};

const parseParentheses = (p: Parser): Term | undefined => {
  p.scan();
  const term = parseTermInfix(p);
  if (term === undefined || p.is(')')) return term;
  p.error(p.here(), 'non-terminated expression');
  return undefined;
};

/** Steps behind the last token of a term, and on through `.x`, `[y]` and `(z)` where they follow without white space. */
const parseTermFinish = (p: Parser, head: Term | undefined): Term | undefined => {
  if (head === undefined) return undefined;
  p.scanWhitespace();
  if (p.is('(') || p.is('.') || p.is('[')) return parseRef(p, head);
  if (p.is('whitespace')) p.scan();
  return asDocument(head);
};

/** `data` and `input` alone are references. */
const asDocument = (term: Term): Term =>
  term.kind === 'var' && (term.name === 'data' || term.name === 'input')
    ? { kind: 'ref', head: term, path: [], location: term.location }
    : term;

/** The name of a rule: as a term, but an operator must not follow, and white space may stand before `(`, `.` or `[`. */
export const parseHeadName = (p: Parser): Term | undefined => {
  const head = parseVar(p);
  p.scanWhitespace();
  if (STRENGTH.has(p.kind)) p.illegal();
  else if (p.is('whitespace')) p.scan();
  if (p.is('(') || p.is('.') || p.is('[')) return parseRef(p, head);
  if (p.is('whitespace')) p.scan();
  return asDocument(head);
};

/** The identifier that is the current token, without stepping on. */
export const parseVar = (p: Parser): VarTerm => {
  const location = p.here();
  return p.text === '_'
    ? { kind: 'var', name: p.wildcard(), original: '_', location }
    : { kind: 'var', name: p.text, location };
};

const parseNumber = (p: Parser): Term | undefined => {
  const start = p.here();
  let prefix = '';
  if (p.is('minus')) {
    prefix = '-';
    p.scan();
    if (!p.is('number') && !p.is('.')) {
      p.illegal('expected number');
      return undefined;
    }
  }
  if (p.is('.')) {
    prefix += '0.';
    p.scan();
    if (!p.is('number')) {
      p.illegal('expected number');
      return undefined;
    }
  } else if (/^0[^.eE]|^0[eE]$/.test(p.text)) {
    p.illegal('expected number without leading zero');
    return undefined;
  }
  const text = prefix + p.text;
  const problem = numberProblem(text);
  if (problem === 'number too big') p.error(p.here(), problem);
  else if (problem !== undefined) p.illegal(problem);
  return problem === undefined ? { kind: 'number', text, location: p.including(start) } : undefined;
};

const parseString = (p: Parser): Term | undefined => {
  const { text } = p;
  const location = p.here();
  const inner = text.slice(1, -1);
  if (text.startsWith('`') || !inner.includes('\\')) return { kind: 'string', value: inner, location };
  const value = unescape(text);
  if (value === undefined) {
    p.error(location, `illegal string literal: ${text}`);
    return undefined;
  }
  return { kind: 'string', value, location };
};

/** `head.a["b"](x)…`: the current token is what follows the head. */
const parseRef = (p: Parser, head: Term): Term | undefined => {
  switch (head.kind) {
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
    case 'ref':
    case 'template-string':
      p.error(head.location, `illegal ref (head cannot be ${valueName(head)})`);
      break;
    default:
  }
  let base = head;
  let path: Term[] = [];
  const finish = (): RefTerm => ({ kind: 'ref', head: base, path: fitted(path), location: p.since(head.location) });
  // `f(x).a(y).b` nests calls as deep as it is long.
  let calls = 0;
  for (;;) {
    if (path.length > MAX_REF_PARTS) {
      p.error(p.here(), `more than ${MAX_REF_PARTS} parts in one reference`);
      return undefined;
    }
    switch (p.kind) {
      case '.': {
        p.scanWhitespace();
        if (!p.is('identifier') && !p.isRefKeyword()) {
          p.illegal('expected identifier');
          return undefined;
        }
        path.push({ kind: 'string', value: p.text, location: p.here() });
        p.scanWhitespace();
        break;
      }
      case '[': {
        p.scan();
        const part = parseTermInfix(p);
        if (part === undefined) return undefined;
        if (!p.is(']')) {
          p.illegal('expected [');
          return undefined;
        }
        path.push(part);
        p.scanWhitespace();
        break;
      }
      case '(': {
        const operatorEnd = p.start;
        const location = { ...head.location, end: operatorEnd };
        const call = parseCall(p, { kind: 'ref', head: base, path: fitted(path), location });
        if (call === undefined) return undefined;
        if (p.is('.') || p.is('[')) {
          if (++calls > p.depthLeft) {
            p.error(p.here(), 'too many calls in one reference');
            return undefined;
          }
          base = call;
          path = [];
          break;
        }
        if (p.is('whitespace')) p.scan();
        return call;
      }
      case 'whitespace':
        p.scan();
        return finish();
      default:
        return finish();
    }
  }
};

const parseCall = (p: Parser, operator: RefTerm): Term | undefined => {
  if (!p.enter()) return undefined;
  p.scan();
  const args = p.is(')') ? [] : parseTermList(p, ')', []);
  p.leave();
  if (args === undefined) return undefined;
  const location = p.including(operator.location);
  p.scanWhitespace();
  if (args.length === 0 && operator.head.kind === 'var' && operator.head.name === 'set' && operator.path.length === 0) {
    return { kind: 'set', items: [], location };
  }
  return callTerm(p, operator, args, location);
};

/** A call of what a reference names. */
const callTerm = (p: Parser, operator: RefTerm, args: readonly Term[], location: Location): CallTerm => {
  const { head, path } = operator;
  const names = path.map((part) => (part.kind === 'string' ? part.value : undefined));
  if (head.kind === 'var' && names.every((name) => name !== undefined)) {
    const parts = p.operator([head.name, ...names]);
    return { kind: 'call', operator: parts, operatorLocation: operator.location, args, location };
  }
  return {
    kind: 'call',
    operator: ['?'],
    operatorRef: operator,
    operatorLocation: operator.location,
    args,
    location,
  };
};

const parseArray = (p: Parser): Term | undefined => {
  const start = p.here();
  const located = (): Location => p.including(start);
  p.scan();
  if (p.is(']')) return { kind: 'array', items: [], location: located() };
  let comprehension = true;
  if (p.is(',')) {
    comprehension = false;
    p.scan();
  }
  const before = p.save();
  // First a term without operators: `[a | b]` is a comprehension, not an array with a union.
  const head = parseTerm(p);
  if (head === undefined) return undefined;
  switch (p.kind) {
    case ']':
      return { kind: 'array', items: [head], location: located() };
    case ',': {
      p.scan();
      const items = parseTermList(p, ']', [head]);
      return items && { kind: 'array', items, location: located() };
    }
    case 'or':
      if (comprehension) {
        p.scan();
        const body = p.grammar.parseBody(p, ']');
        if (body !== undefined) return { kind: 'array-comprehension', term: head, body, location: located() };
        if (!p.is(',')) return undefined;
      }
      break;
    default:
  }
  p.restore(before);
  const items = parseTermList(p, ']', []);
  return items && { kind: 'array', items, location: located() };
};

const parseSetOrObject = (p: Parser): Term | undefined => {
  const start = p.here();
  p.scan();
  if (p.is('}')) return { kind: 'object', entries: [], location: p.including(start) };
  let comprehension = true;
  if (p.is(',')) {
    comprehension = false;
    p.scan();
  }
  const before = p.save();
  let head = parseTerm(p);
  if (head === undefined) return undefined;
  switch (p.now()) {
    case 'or':
      if (comprehension) return parseSet(p, start, before, head, true);
      break;
    case '}':
    case ',':
      return parseSet(p, start, before, head, comprehension);
    case ':':
      return parseObject(p, start, head, comprehension);
    default:
  }
  p.restore(before);
  head = parseTermInList(p);
  if (head === undefined) return undefined;
  switch (p.now()) {
    case '}':
    case ',':
      return parseSet(p, start, before, head, false);
    case ':':
      return parseObject(p, start, head, comprehension);
    default:
      p.illegal('non-terminated set');
      return undefined;
  }
};

const parseSet = (
  p: Parser,
  start: Location,
  before: Snapshot,
  head: Term,
  comprehension: boolean,
): Term | undefined => {
  const finish = (items: readonly Term[] | undefined): Term | undefined =>
    items && { kind: 'set', items, location: p.including(start) };
  if (p.is('}')) return finish([head]);
  if (p.is(',')) {
    p.scan();
    return finish(parseTermList(p, '}', [head]));
  }
  if (comprehension) {
    p.scan();
    const body = p.grammar.parseBody(p, '}');
    if (body !== undefined) {
      return { kind: 'set-comprehension', term: head, body, location: p.including(start) };
    }
    if (!p.is(',')) return undefined;
  }
  p.restore(before);
  return finish(parseTermList(p, '}', []));
};

/** The current token is the `:` behind the first key. */
const parseObject = (p: Parser, start: Location, key: Term, comprehension: boolean): Term | undefined => {
  p.scan();
  const before = p.save();
  let value = parseTerm(p);
  if (value === undefined) return undefined;
  if (comprehension) {
    if (p.is('}') || p.is(',')) return parseObjectRest(p, start, key, value);
    if (p.is('or')) {
      p.scan();
      const body = p.grammar.parseBody(p, '}');
      if (body !== undefined) {
        return { kind: 'object-comprehension', key, value, body, location: p.including(start) };
      }
    }
  }
  p.restore(before);
  value = parseTermInList(p);
  if (value === undefined) return undefined;
  if (p.is('}') || p.is(',')) return parseObjectRest(p, start, key, value);
  p.illegal('non-terminated object');
  return undefined;
};

const parseObjectRest = (p: Parser, start: Location, key: Term, value: Term): ObjectTerm | undefined => {
  const entries: [Term, Term][] = [[key, value]];
  while (p.is(',')) {
    p.scan();
    if (p.is('}')) break;
    const nextKey = parseTermInList(p);
    if (nextKey === undefined) return undefined;
    if (!p.is(':')) {
      p.illegal('expected ":"');
      return undefined;
    }
    p.scan();
    const nextValue = parseTermInList(p);
    if (nextValue === undefined) return undefined;
    entries.push([nextKey, nextValue]);
    if (!p.is(',') && !p.is('}')) {
      p.illegal('expected "," or "}"');
      return undefined;
    }
  }
  return { kind: 'object', entries: fitted(entries), location: p.including(start) };
};

/** Terms up to a closing token, which stays the current one. A comma may stand before it. */
const parseTermList = (p: Parser, end: TokenKind, first: readonly Term[]): Term[] | undefined => {
  const terms = [...first];
  while (!p.is(end)) {
    const term = parseTermInList(p);
    if (term === undefined) return undefined;
    terms.push(term);
    if (p.is(end)) break;
    if (!p.is(',')) {
      p.illegal(`expected "," or "${end}"`);
      return undefined;
    }
    p.scan();
  }
  return fitted(terms);
};
