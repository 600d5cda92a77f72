import type { Body, CallTerm, Expr, Rule, Term, TemplateString, VarTerm, With } from '../ast.ts';
import type { Location } from '../diagnostics.ts';
import { fitted, NO_WITHS } from '../parser/state.ts';
import { appendToBody, mapBody, mapEntries, mapList, mapTerm, update } from './transform.ts';
import { requiresEvaluation } from './vars.ts';

/**
 * Makes vars that no user can have written: `%0`, `%1`, … unique among the vars of one generator.
 * Rules that share vars (a rule and its `else` chain) share a generator.
 */
export class LocalNames {
  #next = 0;

  fresh(location: Location): VarTerm {
    return { kind: 'var', name: `%${String(this.#next++)}`, location };
  }
}

/** True for vars that a pass made up; diagnostics do not name them. */
export const isGenerated = (name: string): boolean =>
  name.startsWith('%') || name.startsWith('@') || name.startsWith('$');

/** The literal `left = right`. */
const equation = (left: Term, right: Term, withs: readonly With[] = NO_WITHS): Expr => ({
  kind: 'expr',
  term: {
    kind: 'call',
    operator: ['eq'],
    target: 'builtin',
    args: [left, right],
    infix: true,
    location: right.location,
  },
  negated: false,
  with: withs,
  location: right.location,
  generated: true,
});

/** True for unification: the only built-in that the plan does not call. */
export const isEquation = (term: CallTerm): boolean => term.operator[0] === 'eq' && term.operator.length === 1;

/**
 * Brings the bodies of a rule and of its `else` chain to the form that the safety pass reads, as OPA's rewriting stages
 * do: calls stand alone in a literal (with their result as an argument more), heads and comprehension heads hold no
 * refs or comprehensions, template strings are calls of `internal.template_string`, and values of `with` are ground
 * or vars.
 */
export const expandRule = <R extends Rule>(rule: R, names: LocalNames): R => {
  const head = rule.head;
  const support: Expr[] = [];
  const expandHead = (term: Term): Term => expandTerm(term, names, support);
  const args = head.args && mapList(head.args, expandHead);
  const key = head.key === undefined ? undefined : expandHead(head.key);
  const value = head.value === undefined ? undefined : expandHead(head.value);
  const body = expandBody(appendToBody(rule.body, support), names);

  const hoisted: Expr[] = [];
  const hoist = (term: Term): Term => {
    const inner = rewriteComprehensionHeads(term, names);
    if (!requiresEvaluation(inner)) return inner;
    const local = names.fresh(term.location);
    hoisted.push(equation(local, inner));
    return local;
  };
  const newHead = update(head, {
    key: key === undefined ? undefined : hoist(key),
    value: value === undefined ? undefined : hoist(value),
    args: args && mapList(args, hoist),
  });
  const plain = mapBody(appendToBody(body, hoisted), {
    term: (t) => moveComprehensionHead(t, names),
    body: (inner) => hoistWithValues(inner, names),
  });
  const otherwise = rule.else === undefined ? undefined : expandRule(rule.else, names);
  return update<Rule>(rule, { head: newHead, body: plain, else: otherwise }) as R;
};

/** `$"a{x}{f(y)}"` becomes `internal.template_string(["a", {x}, {v | v = f(y)}])`: an undefined part is an empty set. */
const templateCall = (template: TemplateString, names: LocalNames): CallTerm => {
  const { location } = template;
  const items = template.parts.map((part): Term => {
    if (typeof part === 'string') return { kind: 'string', value: part, location };
    if (part.kind === 'var') return { kind: 'set', items: [part], location: part.location };
    const local = names.fresh(part.location);
    if (part.kind !== 'expr') return setOf(local, [equation(local, part)]);
    if (isTerm(part.term)) return setOf(local, [equation(local, part.term, part.with)]);
    // `and`, `or` and improved `not` have no value but true.
    return setOf({ kind: 'boolean', value: true, location: part.location }, [part]);
  });
  const parts: Term = { kind: 'array', items: items.length === 0 ? [emptyText(location)] : items, location };
  return { kind: 'call', operator: ['internal', 'template_string'], target: 'builtin', args: [parts], location };
};

const emptyText = (location: Location): Term => ({ kind: 'string', value: '', location });
const setOf = (term: Term, body: Body): Term => ({ kind: 'set-comprehension', term, body, location: term.location });

/** True where an expression's term has a value: not for `some`, `every`, `and`, `or` and improved `not`. */
export const isTerm = (term: Expr['term']): term is Term =>
  term.kind !== 'some' &&
  term.kind !== 'every' &&
  term.kind !== 'not-body' &&
  term.kind !== 'and' &&
  term.kind !== 'or';

const expandBody = (body: Body, names: LocalNames): Body => flatMapBody(body, (expr) => expandExpr(expr, names));

/** Puts several literals in the place of one; the body itself where every literal stands for itself. */
const flatMapBody = (body: Body, map: (expr: Expr) => readonly Expr[]): Body => {
  const mapped: Expr[] = [];
  for (const expr of body) mapped.push(...map(expr));
  return mapped.length === body.length && mapped.every((expr, index) => expr === body[index]) ? body : fitted(mapped);
};

const expandExpr = (expr: Expr, names: LocalNames): readonly Expr[] => {
  const result: Expr[] = [];
  const withs = mapList(expr.with, (w): With =>
    w.valueKind === undefined || w.valueKind === 'value' ? update(w, { value: expandTerm(w.value, names, result) }) : w,
  );
  const term = expr.term.kind === 'template-string' ? templateCall(expr.term, names) : expr.term;
  switch (term.kind) {
    case 'every': {
      const domain = names.fresh(term.domain.location);
      result.push(...expandExpr(equation(domain, term.domain, withs), names));
      result.push({ ...expr, with: withs, term: { ...term, domain, body: expandBody(term.body, names) } });
      return result;
    }
    case 'not-body':
      result.push(update(expr, { with: withs, term: update(term, { body: expandBody(term.body, names) }) }));
      return result;
    case 'and':
    case 'or':
      result.push(
        update(expr, {
          with: withs,
          term: update(term, { left: expandBody(term.left, names), right: expandBody(term.right, names) }),
        }),
      );
      return result;
    case 'some':
      result.push(expr);
      return result;
    default: {
      const support: Expr[] = [];
      const expanded = term.kind === 'call' ? expandArguments(term, names, support) : expandTerm(term, names, support);
      for (const extra of support) result.push(withs.length === 0 ? extra : { ...extra, with: withs });
      result.push(update(expr, { with: withs, term: expanded }));
      return result;
    }
  }
};

const expandArguments = (call: CallTerm, names: LocalNames, support: Expr[]): CallTerm =>
  update(call, { args: mapList(call.args, (arg) => expandTerm(arg, names, support)) });

/** Moves the calls inside a term into `support`, innermost first, and gives what stands in their place. */
const expandTerm = (term: Term, names: LocalNames, support: Expr[]): Term => {
  const again = (part: Term): Term => expandTerm(part, names, support);
  switch (term.kind) {
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
    case 'var':
      return term;
    case 'template-string':
      return again(templateCall(term, names));
    case 'call': {
      const call = expandArguments(term, names, support);
      const output = names.fresh(term.location);
      support.push({
        kind: 'expr',
        term: { ...call, args: [...call.args, output] },
        negated: false,
        with: NO_WITHS,
        location: term.location,
        generated: true,
      });
      return output;
    }
    case 'ref': {
      let head = expandTerm(term.head, names, support);
      const path = mapList(term.path, again);
      if (head.kind !== 'var') {
        const local = names.fresh(head.location);
        support.push(equation(local, head));
        head = local;
      }
      return update(term, { head, path });
    }
    case 'array':
    case 'set':
      return update(term, { items: mapList(term.items, again) });
    case 'object':
      return update(term, { entries: mapEntries(term.entries, again, again) });
    case 'array-comprehension':
    case 'set-comprehension': {
      const inner: Expr[] = [];
      const head = expandTerm(term.term, names, inner);
      return update(term, { term: head, body: expandBody(appendToBody(term.body, inner), names) });
    }
    case 'object-comprehension': {
      const inner: Expr[] = [];
      const key = expandTerm(term.key, names, inner);
      const value = expandTerm(term.value, names, inner);
      return update(term, { key, value, body: expandBody(appendToBody(term.body, inner), names) });
    }
    default:
      return term satisfies never;
  }
};

const rewriteComprehensionHeads = (term: Term, names: LocalNames): Term =>
  mapTerm(term, { term: (t) => moveComprehensionHead(t, names) });

/** `{x.y | …}` becomes `{v | …; v = x.y}`. */
const moveComprehensionHead = (term: Term, names: LocalNames): Term => {
  const extra: Expr[] = [];
  const move = (part: Term): Term => {
    if (!requiresEvaluation(part)) return part;
    const local = names.fresh(part.location);
    extra.push(equation(local, part));
    return local;
  };
  switch (term.kind) {
    case 'array-comprehension':
    case 'set-comprehension': {
      const head = move(term.term);
      return extra.length === 0 ? term : { ...term, term: head, body: appendToBody(term.body, extra) };
    }
    case 'object-comprehension': {
      const key = move(term.key);
      const value = move(term.value);
      return extra.length === 0 ? term : { ...term, key, value, body: appendToBody(term.body, extra) };
    }
    default:
      return term;
  }
};

/** The value of a `with` is computed outside of it. */
const hoistWithValues = (body: Body, names: LocalNames): Body =>
  flatMapBody(body, (expr) => {
    if (expr.with.length === 0) return [expr];
    const before: Expr[] = [];
    const withs = mapList(expr.with, (w): With => {
      const plain = w.valueKind === undefined || w.valueKind === 'value';
      if (!plain || !requiresEvaluation(w.value)) return w;
      const local = names.fresh(w.value.location);
      before.push(equation(local, w.value));
      return { ...w, value: local };
    });
    return [...before, update(expr, { with: withs })];
  });
