import type { Head, RefTerm, Term, VarTerm } from '../ast.ts';
import type { Location } from '../diagnostics.ts';
import type { Parser } from './state.ts';
import { parseHeadName, parseTermInfix } from './term.ts';

/**
 * The head of a rule while it is parsed. `ref` starts with the name. What the head means (`p[x]` may be a set, an
 * object or a reference) depends on what follows it, so that it is only fixed by `finishHead`.
 */
export interface HeadDraft {
  ref: readonly Term[];
  args: readonly Term[] | undefined;
  key: Term | undefined;
  value: Term | undefined;
  assign: boolean;
  /** The value was not written. */
  generatedValue: boolean;
  /** Keywords that were written. */
  ifKeyword: boolean;
  containsKeyword: boolean;
  location: Location;
}

/** A draft with nothing but a name. */
export const draftHead = (ref: readonly Term[], location: Location): HeadDraft => ({
  ref,
  args: undefined,
  key: undefined,
  value: undefined,
  assign: false,
  generatedValue: false,
  ifKeyword: false,
  containsKeyword: false,
  location,
});

/** The parts of a reference, its head first. */
export const refParts = (term: VarTerm | RefTerm): readonly Term[] =>
  term.kind === 'var' ? [term] : [term.head, ...term.path];

/** The operator of a call as the parts of a reference. */
export const operatorParts = (call: Extract<Term, { kind: 'call' }>): readonly Term[] => {
  if (call.operatorRef !== undefined) return refParts(call.operatorRef);
  const location = call.operatorLocation ?? call.location;
  const [name = '', ...rest] = call.operator;
  return [{ kind: 'var', name, location }, ...rest.map((value): Term => ({ kind: 'string', value, location }))];
};

/** The written name of a head, for messages. */
const nameOf = (draft: HeadDraft): string =>
  draft.ref.map((part) => (part.kind === 'var' ? part.name : part.kind === 'string' ? part.value : '_')).join('.');

const TRUE = (location: Location): Term => ({ kind: 'boolean', value: true, location });

/** `name`, `name(args)`, `name[key]`, each with `contains`, `=` or `:=`. The current token is the name. */
export const parseHead = (p: Parser, isDefault: boolean): HeadDraft | undefined => {
  const start = p.here();
  const draft = parseNameAndArgs(p, start);
  if (draft === undefined) return undefined;
  const name = nameOf(draft);
  switch (p.kind) {
    case 'contains':
      if (draft.args !== undefined) {
        p.illegal(
          `the contains keyword can only be used with multi-value rule definitions (e.g., ${name} contains <VALUE> { ... })`,
        );
      }
      p.scan();
      draft.containsKeyword = true;
      draft.key = parseTermInfix(p);
      if (draft.key === undefined) p.illegal(`expected rule key term (e.g., ${name} contains <VALUE> { ... })`);
      draft.location = p.since(start);
      return draft;
    case 'eq':
      p.scan();
      draft.value = parseTermInfix(p);
      if (draft.value === undefined)
        p.illegal(`expected rule value term (e.g., ${name}[%!s(<nil>)] = <VALUE> { ... })`);
      break;
    case 'assign':
      p.scan();
      draft.assign = true;
      draft.value = parseTermInfix(p);
      if (draft.value === undefined) p.illegal(`expected ${missingValue(draft, name, isDefault)}`);
      break;
    default:
  }
  draft.location = p.since(start);
  if (draft.value === undefined && (draft.ref.length !== 2 || (draft.args?.length ?? 0) > 0)) {
    draft.generatedValue = true;
    draft.value = TRUE(draft.location);
  }
  return draft;
};

const missingValue = (draft: HeadDraft, name: string, isDefault: boolean): string => {
  if ((draft.args?.length ?? 0) > 0) return `function value term (e.g., ${name}(...) := <VALUE> { ... })`;
  if (isDefault) return `default rule value term (e.g., default ${name} := <VALUE>)`;
  return `rule value term (e.g., ${name} := <VALUE> { ... })`;
};

const parseNameAndArgs = (p: Parser, start: Location): HeadDraft | undefined => {
  const term = parseHeadName(p);
  if (term === undefined) {
    p.illegal('expected rule head name');
    return undefined;
  }
  if (term.kind === 'var' || term.kind === 'ref') return headVar(refParts(term)) && draftHead(refParts(term), start);
  if (term.kind !== 'call') return undefined;
  const parts = operatorParts(term);
  if (!headVar(parts)) {
    p.illegal('rule head ref invalid');
    return undefined;
  }
  return { ...draftHead(parts, start), args: term.args };
};

const headVar = (parts: readonly Term[]): true | undefined => (parts[0]?.kind === 'var' ? true : undefined);

/** Whether a term holds no variables or references: constants, and composites of them. */
export const isGround = (term: Term): boolean => {
  switch (term.kind) {
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
      return true;
    case 'array':
    case 'set':
      return term.items.every(isGround);
    case 'object':
      return term.entries.every(([key, value]) => isGround(key) && isGround(value));
    case 'ref':
      return isGround(term.head) && term.path.every(isGround);
    default:
      return false;
  }
};

/** Whether a term is a null, boolean, number or string. */
export const isScalar = (term: Term): boolean =>
  term.kind === 'null' || term.kind === 'boolean' || term.kind === 'number' || term.kind === 'string';

/** What `p[x]` means, once it is known whether `if` follows: a set without, a reference with. */
export const settlePartialKey = (draft: HeadDraft, hasIf: boolean): void => {
  const [name, key] = draft.ref;
  if (draft.containsKeyword || draft.ref.length !== 2 || name === undefined || key === undefined) return;
  if (hasIf) {
    if (draft.value === undefined) {
      draft.generatedValue = true;
      draft.value = TRUE(draft.location);
    }
    return;
  }
  if ((draft.args?.length ?? 0) > 0) return;
  draft.key = key;
  if (draft.value === undefined) draft.ref = [name];
};

/** The finished head. */
export const finishHead = (draft: HeadDraft): Head => {
  const [head, ...path] = draft.ref;
  const ref: RefTerm = { kind: 'ref', head: head ?? TRUE(draft.location), path, location: draft.location };
  const { location, assign } = draft;
  // `f()` defines what `f` defines.
  if (draft.args !== undefined && draft.args.length > 0) {
    return { rule: 'function', ref, args: draft.args, key: undefined, value: draft.value, assign, location };
  }
  if (draft.value === undefined) {
    return { rule: 'set', ref, args: undefined, key: draft.key, value: undefined, assign, location };
  }
  const rule = path.every(isScalar) ? 'complete' : 'object';
  return { rule, ref, args: undefined, key: undefined, value: draft.value, assign, location };
};
