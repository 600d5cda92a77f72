import type { TokenKind } from '../lexer.ts';
import { tokenWord } from './state.ts';
import type { Parser } from './state.ts';

const RULE_FOLLOWERS: readonly TokenKind[] = ['assign', 'eq', 'if', 'contains', '('];

/** `not (x)` is a negation and `or(x, y)` a call: a parenthesis does not make a rule of them. */
const OPERATOR_FOLLOWERS: readonly TokenKind[] = ['assign', 'eq', 'if', 'contains'];

/** `package contains` and `import if.x` are paths. */
const PATH_FOLLOWERS: readonly TokenKind[] = ['assign', 'eq', '('];

const FOLLOWERS: ReadonlyMap<TokenKind, readonly TokenKind[]> = new Map<TokenKind, readonly TokenKind[]>([
  ['every', RULE_FOLLOWERS],
  ['if', RULE_FOLLOWERS],
  ['in', RULE_FOLLOWERS],
  ['some', RULE_FOLLOWERS],
  ['as', RULE_FOLLOWERS],
  ['package', PATH_FOLLOWERS],
  ['import', PATH_FOLLOWERS],
  ['not', OPERATOR_FOLLOWERS],
  ['and-keyword', OPERATOR_FOLLOWERS],
  ['or-keyword', OPERATOR_FOLLOWERS],
  ['contains', ['if', 'contains']],
]);

/** Reports a keyword in the place of a rule's name (`every := 1`), and says whether it did. `certain`: only a name can stand here. */
export const keywordAsRuleName = (p: Parser, certain: boolean): boolean => {
  const followers = FOLLOWERS.get(p.kind);
  if (followers === undefined) return false;
  if (!certain && !followers.includes(p.peek(true))) return false;
  p.error(p.here(), `${tokenWord(p.kind)} keyword cannot be used for rule name`);
  return true;
};
