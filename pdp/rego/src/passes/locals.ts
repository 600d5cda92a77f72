import type { Rule, Term } from '../ast.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { declaration } from '../types/builtins.ts';
import { declaredIn } from './names.ts';
import { LocalRewriter, rename, targetOf } from './rewrite-locals.ts';
import type { UniqueNames } from './scope.ts';
import { Scopes } from './scope.ts';
import { mapEntries, mapList, mapTerm, update } from './transform.ts';
import { varsOfBody, varsOfTerm } from './vars.ts';
import { forEachExpr } from './walk.ts';

/** A rule whose locals have unique names. */
export interface RewrittenRule {
  readonly rule: Rule;
  /** What stops compilation after this phase. */
  readonly diagnostics: readonly Diagnostic[];
  /** What does not. */
  readonly recoverable: readonly Diagnostic[];
}

/**
 * Gives every declared local of a rule and its `else` chain a name of its own, and removes declarations. `strict` also
 * reports assignments and arguments without use.
 */
export const rewriteLocals = (rule: Rule, names: UniqueNames, strict = false): RewrittenRule => {
  const diagnostics: Diagnostic[] = [];
  const recoverable: Diagnostic[] = [];
  const scopes = new Scopes();
  // As in OPA a comprehension in an argument is legal, with locals of its own.
  const nested = new LocalRewriter(names, new Scopes(), strict);
  const renameArg = (arg: Term): Term => rewriteClosures(renameArgument(arg, names, scopes, diagnostics), nested);
  const args = rule.head.args && mapList(rule.head.args, renameArg);
  diagnostics.push(...nested.diagnostics);
  recoverable.push(...nested.unused);
  const unused = new Set<string>();
  if (strict) for (const arg of rule.head.args ?? []) varsOfTerm(arg, {}, unused);
  const rewrite = (current: Rule): Rule => {
    const inside = rule.else === undefined ? scopes : scopes.copy();
    const rewritten = rewriteOne(current, args, { names, scopes: inside, strict }, diagnostics, recoverable);
    const inValue = new Set<string>();
    if (unused.size > 0 && rewritten.head.value !== undefined) varsOfTerm(rewritten.head.value, {}, inValue);
    for (const name of [...unused]) {
      if (inside.isUsed(name) || inValue.has(inside.renamed(name) ?? name)) unused.delete(name);
    }
    return update(rewritten, { else: current.else && rewrite(current.else) });
  };
  const rewritten = rewrite(rule);
  for (const name of [...unused].filter((one) => !one.startsWith('$'))) {
    recoverable.push({
      code: 'rego_compile_error',
      message: `unused argument ${name}. (hint: use _ (wildcard variable) instead)`,
      location: rule.head.location,
    });
  }
  return { rule: rewritten, diagnostics, recoverable };
};

/** Arguments are patterns: their vars get names, keys of objects and members of sets do not count. */
const renameArgument = (term: Term, names: UniqueNames, scopes: Scopes, diagnostics: Diagnostic[]): Term => {
  const again = (inner: Term): Term => renameArgument(inner, names, scopes, diagnostics);
  switch (term.kind) {
    case 'var': {
      const known = scopes.renamed(term.name);
      if (known !== undefined) {
        scopes.use(term.name);
        return rename(term, known);
      }
      const fresh = term.name.startsWith('$') ? term.name : names.fresh(term.name);
      scopes.insert(term.name, fresh, 'argument');
      return rename(term, fresh);
    }
    case 'array':
      return update(term, { items: mapList(term.items, again) });
    case 'object':
      return update(term, { entries: mapEntries(term.entries, (key) => key, again) });
    case 'ref':
      return update(term, { head: again(term.head), path: mapList(term.path, again) });
    case 'call':
      diagnostics.push({
        code: 'rego_compile_error',
        message: 'rule arguments cannot contain calls',
        location: term.location,
      });
      return term;
    default:
      return term;
  }
};

const rewriteOne = (
  rule: Rule,
  args: readonly Term[] | undefined,
  { names, scopes, strict }: { readonly names: UniqueNames; readonly scopes: Scopes; readonly strict: boolean },
  diagnostics: Diagnostic[],
  recoverable: Diagnostic[],
): Rule => {
  const { head } = rule;
  // First comprehensions of the head, with scopes of their own: their locals are no concern of the body.
  const nested = new LocalRewriter(names, new Scopes(), strict);
  const closures = (term: Term): Term => rewriteClosures(term, nested);
  const path = mapList(head.ref.path, closures);
  const key = head.key && closures(head.key);
  const value = head.value && closures(head.value);
  diagnostics.push(...nested.diagnostics);
  recoverable.push(...nested.unused);

  const used = new Set<string>();
  for (const term of [...path, ...(key === undefined ? [] : [key]), ...(value === undefined ? [] : [value])]) {
    varsOfTerm(term, {}, used);
  }
  nameBuiltinLookalikes(rule, names, scopes);
  const rewriter = new LocalRewriter(names, scopes, strict);
  const body = rewriter.scopedBody(rule.body, used);
  diagnostics.push(...rewriter.diagnostics);
  recoverable.push(...rewriter.unused);

  const inHead = (term: Term): Term => renameAll(term, scopes);
  const rewritten = update(head, {
    ref: update(head.ref, { path: mapList(path, inHead) }),
    args: head.args && mapList(args ?? head.args, inHead),
    key: key && inHead(key),
    value: value && inHead(value),
  });
  return update(rule, { head: rewritten, body });
};

/** Rewrites comprehensions and template strings, and leaves all else of a head's term alone. */
const rewriteClosures = (term: Term, rewriter: LocalRewriter): Term => {
  const again = (inner: Term): Term => rewriteClosures(inner, rewriter);
  switch (term.kind) {
    case 'array-comprehension':
    case 'set-comprehension':
    case 'object-comprehension':
    case 'template-string':
      return rewriter.term(term);
    case 'array':
    case 'set':
      return update(term, { items: mapList(term.items, again) });
    case 'object':
      return update(term, { entries: mapEntries(term.entries, again, again) });
    case 'ref':
      return update(term, { head: again(term.head), path: mapList(term.path, again) });
    case 'call':
      return update(term, { args: mapList(term.args, again) });
    default:
      return term;
  }
};

const renameAll = (term: Term, scopes: Scopes): Term =>
  mapTerm(term, {
    term: (t) => {
      if (t.kind === 'call') return update(t, { target: targetOf(t) });
      if (t.kind === 'var') return rename(t, scopes.renamedHere(t.name));
      // A local may have taken the name of a document.
      if (t.kind !== 'ref' || t.path.length > 0 || t.head.kind !== 'var' || t.head.original === undefined) return t;
      return t.head;
    },
  });

/** A body's variable with the name of a built-in (`count = 3`) is renamed, so that nothing mistakes it for the built-in. */
const nameBuiltinLookalikes = (rule: Rule, names: UniqueNames, scopes: Scopes): void => {
  const bodyVars = new Set<string>();
  varsOfBody(rule.body, { skipCallHead: true, skipClosures: true }, bodyVars);
  const candidates = [...bodyVars].filter((name) => declaration(name) !== undefined);
  if (candidates.length === 0) return;
  const declared = declaredIn(rule.body);
  const replaced = new Set<string>();
  forEachExpr(rule.body, (expr) => {
    for (const { target, value } of expr.with) {
      varsOfTerm(target, {}, replaced);
      varsOfTerm(value, {}, replaced);
    }
  });
  for (const name of candidates.sort()) {
    if (declared.has(name) || replaced.has(name) || scopes.renamed(name) !== undefined) continue;
    scopes.insert(name, names.fresh(name), 'seen');
  }
};
