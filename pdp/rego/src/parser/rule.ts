import type { Body, Expr, Rule, Term } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';
import { V1_KEYWORDS } from '../lexer.ts';
import { MAX_ELSES } from '../limits.ts';
import { finishHead, isGround, parseHead, settlePartialKey } from './head.ts';
import type { HeadDraft } from './head.ts';
import { trueBody } from './state.ts';
import type { Parser } from './state.ts';
import { parseTermInfix, valueName } from './term.ts';
import { keywordAsRuleName } from './keyword-name.ts';

/** A rule while it is parsed, with what v1 wants to know of how it was written. */
export interface RuleDraft {
  readonly head: HeadDraft;
  readonly isDefault: boolean;
  body: Body;
  /** No body was written. */
  generatedBody: boolean;
  location: Location;
  else: RuleDraft | undefined;
}

/**
 * One rule, or several where bodies follow each other (`p { … } { … }`). Undefined where there is no rule; if nothing
 * is reported then, the text may be something else.
 */
export const parseRules = (p: Parser): RuleDraft[] | undefined => {
  const location = p.here();
  p.keywordStartsRef();
  let isDefault = false;
  if (p.is('default')) {
    p.scan();
    isDefault = true;
    p.keywordStartsRef();
  }
  if (!p.is('identifier')) {
    if (isDefault) keywordAsRuleName(p, true);
    return undefined;
  }
  const head = parseHead(p, isDefault);
  if (head === undefined) return undefined;
  const rule: RuleDraft = { head, isDefault, body: [], generatedBody: false, location, else: undefined };
  if (isDefault) {
    if (!checkDefault(p, rule)) return undefined;
    rule.body = trueBody(location);
    rule.location = p.since(location);
    return [rule];
  }
  const hasIf = p.is('if');
  settlePartialKey(head, hasIf);
  head.ifKeyword = hasIf;
  if (!hasIf && !p.is('{') && head.containsKeyword) {
    rule.body = trueBody(location);
    rule.generatedBody = true;
    rule.location = head.location;
    return [rule];
  }
  const body = hasIf ? parseIfBody(p) : parseBraceBody(p);
  if (body === undefined) return undefined;
  rule.body = body;
  if (p.is('else') && !p.keywordStartsRef()) {
    if (!checkElse(p, head)) return undefined;
    rule.else = parseElses(p, head);
    if (rule.else === undefined) return undefined;
  }
  rule.location = p.since(location);
  return parseMoreBodies(p, rule);
};

/** Behind `if`: one literal, or a body in braces where what follows is no literal. */
const parseIfBody = (p: Parser): Body | undefined => {
  p.scan();
  const before = p.save();
  const brace = p.is('{');
  const expr = p.grammar.parseLiteral(p);
  // A set can never be false or undefined: braces that read as one are a body.
  if (expr !== undefined && !(brace && expr.term.kind === 'set')) return [expr];
  if (!brace) return undefined;
  p.restore(before);
  return parseBraceBody(p);
};

const parseBraceBody = (p: Parser): Body | undefined => {
  if (!p.is('{')) return undefined;
  p.scan();
  const body = p.grammar.parseBody(p, '}');
  if (body !== undefined) p.scan();
  return body;
};

const checkElse = (p: Parser, head: HeadDraft): boolean => {
  if (head.ref.length > 1 && !head.ref.slice(1).every(isGround)) {
    p.error(p.here(), 'else keyword cannot be used on rules with variables in head');
    return false;
  }
  if (head.key !== undefined) {
    p.error(p.here(), 'else keyword cannot be used on multi-value rules');
    return false;
  }
  return true;
};

/** A chain of `else`s, parsed in a loop and then linked. */
const parseElses = (p: Parser, head: HeadDraft): RuleDraft | undefined => {
  const chain: RuleDraft[] = [];
  while (p.is('else')) {
    if (chain.length >= MAX_ELSES) {
      p.error(p.here(), `more than ${MAX_ELSES} else branches`);
      return undefined;
    }
    const next = parseElse(p, head);
    if (next === undefined) return undefined;
    chain.push(next);
  }
  return chain.reduceRight<RuleDraft | undefined>((rest, rule) => ({ ...rule, else: rest }), undefined);
};

const parseElse = (p: Parser, head: HeadDraft): RuleDraft | undefined => {
  const location = p.here();
  const own: HeadDraft = {
    ...head,
    args: head.args === undefined ? undefined : freshWildcards(p, head.args),
    generatedValue: false,
    ifKeyword: false,
    location,
  };
  p.scan();
  switch (p.kind) {
    case '{':
    case 'if':
      own.generatedValue = true;
      own.value = { kind: 'boolean', value: true, location };
      break;
    case 'assign':
    case 'eq':
      own.assign = p.is('assign');
      p.scan();
      own.value = parseTermInfix(p);
      if (own.value === undefined) return undefined;
      own.location = p.since(location);
      break;
    default:
      p.illegal('expected else value term or rule body');
      return undefined;
  }
  const rule: RuleDraft = { head: own, isDefault: false, body: [], generatedBody: false, location, else: undefined };
  const body = parseElseBody(p, rule);
  if (body === undefined) return undefined;
  return { ...rule, body, location: p.since(location) };
};

const parseElseBody = (p: Parser, rule: RuleDraft): Body | undefined => {
  const hasIf = p.is('if');
  if (!hasIf && !p.is('{')) {
    rule.generatedBody = true;
    return trueBody(rule.location);
  }
  if (hasIf) {
    rule.head.ifKeyword = true;
    p.scan();
  }
  if (p.is('{')) return parseBraceBody(p);
  if (p.is('eof')) {
    p.illegal('rule body expected');
    return undefined;
  }
  const expr: Expr | undefined = p.grammar.parseLiteral(p);
  return expr && [expr];
};

/** Every definition has wildcards of its own. */
const freshWildcards = (p: Parser, args: readonly Term[]): readonly Term[] =>
  args.map((arg) => (arg.kind === 'var' && arg.name.startsWith('$') ? { ...arg, name: p.wildcard() } : arg));

/** `p { … } { … }`: every further body is a further definition with the same head. */
const parseMoreBodies = (p: Parser, first: RuleDraft): RuleDraft[] | undefined => {
  const rules = [first];
  while (p.is('{')) {
    if (first.else !== undefined) {
      p.error(p.here(), 'expected else keyword');
      return undefined;
    }
    const start = p.here();
    const body = parseBraceBody(p);
    if (body === undefined) return undefined;
    const location = p.since(start);
    const { head } = first;
    const args = head.args === undefined ? undefined : freshWildcards(p, head.args);
    rules.push({ ...first, head: { ...head, args, location }, body, location });
  }
  return rules;
};

const checkDefault = (p: Parser, rule: RuleDraft): boolean => {
  const { value, args } = rule.head;
  if (value === undefined) {
    p.error(rule.location, 'illegal default rule (must have a value)');
    return false;
  }
  const misfits = valueMisfits(value);
  for (const name of misfits) p.error(rule.location, `illegal default rule (value cannot contain ${name})`);
  if (misfits.length > 0) return false;
  return checkDefaultArgs(p, rule.location, args ?? []);
};

/** What makes a default value depend on evaluation; comprehensions are allowed. */
const valueMisfits = (term: Term): string[] => {
  switch (term.kind) {
    case 'ref':
    case 'var':
    case 'call':
      return [term.kind];
    case 'array':
    case 'set':
      return term.items.flatMap(valueMisfits);
    case 'object':
      return term.entries.flatMap(([key, value]) => [...valueMisfits(key), ...valueMisfits(value)]);
    case 'template-string':
      return term.parts.flatMap((part) =>
        typeof part === 'string' ? [] : part.kind === 'expr' ? ['ref'] : valueMisfits(part),
      );
    default:
      return [];
  }
};

const checkDefaultArgs = (p: Parser, location: Location, args: readonly Term[]): boolean => {
  const seen = new Set<string>();
  let valid = true;
  for (const arg of args) {
    if (arg.kind !== 'var') {
      p.error(location, `illegal default rule (arguments cannot contain ${valueName(arg)})`);
      valid = false;
    } else if (seen.has(arg.name)) {
      p.error(location, `illegal default rule (arguments cannot be repeated ${arg.name})`);
      valid = false;
    } else {
      seen.add(arg.name);
    }
  }
  return valid;
};

/** A draft as a rule of the tree. */
export const finishRule = (draft: RuleDraft): Rule => ({
  kind: 'rule',
  default: draft.isDefault,
  head: finishHead(draft.head),
  body: draft.body,
  else: draft.else === undefined ? undefined : finishRule(draft.else),
  location: draft.location,
});

/** What v1 demands of how a rule is written, `else`s included. */
export const checkV1Rule = (draft: RuleDraft): Diagnostic[] => {
  const diagnostics: Diagnostic[] = [];
  for (let rule: RuleDraft | undefined = draft; rule !== undefined; rule = rule.else) {
    const { head, location } = rule;
    const report = (message: string): void => {
      diagnostics.push({ code: 'rego_parse_error', message, location });
    };
    const kind = (head.args?.length ?? 0) > 0 ? 'function' : 'rule';
    const [name] = head.ref;
    if (head.ref.length < 2 && name?.kind === 'var' && V1_KEYWORDS.has(name.name)) {
      report(`${name.name} keyword cannot be used for rule name`);
    }
    if (rule.generatedBody && head.generatedValue) {
      report(`${kind} must have value assignment and/or body declaration`);
    }
    if (!rule.generatedBody && !head.ifKeyword && !rule.isDefault) {
      report(`\`if\` keyword is required before ${kind} body`);
    }
    if (head.value === undefined && !head.containsKeyword) {
      report('`contains` keyword is required for partial set rules');
    }
  }
  return diagnostics;
};
