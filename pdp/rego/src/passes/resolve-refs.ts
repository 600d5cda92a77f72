import type { Body, CallTerm, Expr, ExprTerm, Head, RefTerm, Rule, Term } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';
import { declaredIn } from './names.ts';
import type { Globals } from './names.ts';
import { varsOfTerm } from './vars.ts';

/** Names that a scope hides from the globals; the innermost scope last. */
type Hidden = readonly ReadonlySet<string>[];

/** What a rule's names mean is settled here, first of all: every later pass relies on it. */
export interface ResolvedRefs {
  readonly rule: Rule;
  readonly diagnostics: readonly Diagnostic[];
}

/** Replaces names of rules and imports by absolute references, in a rule and its `else` chain. */
export const resolveRefs = (rule: Rule, globals: Globals): ResolvedRefs => {
  const diagnostics: Diagnostic[] = [];
  return { rule: resolveRule(rule, globals, diagnostics), diagnostics };
};

const resolveRule = (rule: Rule, globals: Globals, diagnostics: Diagnostic[]): Rule => {
  const root = (rule.head.args ?? []).map(documentIn).find((name) => name !== undefined);
  if (root !== undefined) {
    diagnostics.push({
      code: 'rego_compile_error',
      message: `args must not shadow ${root} (use a different variable name)`,
      location: rule.location,
    });
  }
  const args = new Set<string>();
  for (const arg of rule.head.args ?? []) addPatternVars(arg, args);
  const resolver = new Resolver(globals, [args, declaredIn(rule.body)]);
  const { head } = rule;
  const resolved: Head = {
    ...head,
    ref: { ...head.ref, path: head.ref.path.map((part) => resolver.term(part)) },
    key: head.key && resolver.term(head.key),
    value: head.value && resolver.term(head.value),
  };
  return {
    ...rule,
    head: resolved,
    body: resolver.body(rule.body),
    else: rule.else && resolveRule(rule.else, globals, diagnostics),
  };
};

/** `input` or `data` in the place of an argument. */
const documentIn = (term: Term): string | undefined => {
  switch (term.kind) {
    case 'ref':
      return term.path.length === 0 && term.head.kind === 'var' ? term.head.name : undefined;
    case 'array':
      return term.items.map(documentIn).find((name) => name !== undefined);
    case 'object':
      return term.entries.map(([, value]) => documentIn(value)).find((name) => name !== undefined);
    default:
      return undefined;
  }
};

/** The vars that an argument binds. Keys of objects, sets, comprehensions and calls bind none. */
const addPatternVars = (term: Term, into: Set<string>): void => {
  switch (term.kind) {
    case 'var':
      into.add(term.name);
      return;
    case 'array':
      for (const item of term.items) addPatternVars(item, into);
      return;
    case 'object':
      for (const [, value] of term.entries) addPatternVars(value, into);
      return;
    case 'ref':
      varsOfTerm(term, {}, into);
      return;
    default:
  }
};

/** An absolute path as a reference at a place. */
const absolute = ([root = '', ...rest]: readonly string[], more: readonly Term[], location: Location): RefTerm => ({
  kind: 'ref',
  head: { kind: 'var', name: root, location },
  path: [...rest.map((value): Term => ({ kind: 'string', value, location })), ...more],
  location,
});

class Resolver {
  readonly #globals: Globals;
  readonly #hidden: Hidden;

  constructor(globals: Globals, hidden: Hidden) {
    this.#globals = globals;
    this.#hidden = hidden;
  }

  #hiding(names: ReadonlySet<string>): Resolver {
    return names.size === 0 ? this : new Resolver(this.#globals, [...this.#hidden, names]);
  }

  #global(name: string): readonly string[] | undefined {
    const path = this.#globals.get(name);
    return path === undefined || this.#hidden.some((names) => names.has(name)) ? undefined : path;
  }

  body(body: Body): Body {
    return body.map((expr) => this.expr(expr));
  }

  expr(expr: Expr): Expr {
    return {
      ...expr,
      term: this.#exprTerm(expr.term),
      with:
        expr.with.length === 0
          ? expr.with
          : expr.with.map((w) => ({ ...w, target: this.term(w.target), value: this.term(w.value) })),
    };
  }

  #exprTerm(term: ExprTerm): ExprTerm {
    switch (term.kind) {
      case 'some':
        // `some x` declares; in `some x in xs` the call is resolved, where x is hidden already.
        return {
          ...term,
          symbols: term.symbols.map((symbol) => (symbol.kind === 'call' ? this.term(symbol) : symbol)),
        };
      case 'every': {
        const names = new Set<string>();
        if (term.key !== undefined) varsOfTerm(term.key, {}, names);
        varsOfTerm(term.value, {}, names);
        // OPA hides key and value from the domain too.
        const inner = this.#hiding(names);
        return { ...term, domain: inner.term(term.domain), body: inner.body(term.body) };
      }
      case 'not-body':
        return { ...term, body: this.body(term.body) };
      case 'and':
      case 'or':
        return { ...term, left: this.body(term.left), right: this.body(term.right) };
      default:
        return this.term(term);
    }
  }

  term(term: Term): Term {
    switch (term.kind) {
      case 'null':
      case 'boolean':
      case 'number':
      case 'string':
        return term;
      case 'var': {
        const path = this.#global(term.name);
        return path === undefined ? term : absolute(path, [], term.location);
      }
      case 'ref':
        return this.#ref(term);
      case 'array':
      case 'set':
        return term.items.length === 0 ? term : { ...term, items: this.#terms(term.items) };
      case 'object':
        return { ...term, entries: term.entries.map(([key, value]) => [this.term(key), this.term(value)] as const) };
      case 'array-comprehension':
      case 'set-comprehension': {
        const inner = this.#hiding(declaredIn(term.body));
        return { ...term, term: inner.term(term.term), body: inner.body(term.body) };
      }
      case 'object-comprehension': {
        const inner = this.#hiding(declaredIn(term.body));
        return { ...term, key: inner.term(term.key), value: inner.term(term.value), body: inner.body(term.body) };
      }
      case 'call':
        return this.#call(term);
      case 'template-string':
        return {
          ...term,
          parts: term.parts.map((part) => {
            if (typeof part === 'string') return part;
            return part.kind === 'expr' ? this.expr(part) : this.term(part);
          }),
        };
      default:
        return term satisfies never;
    }
  }

  #terms(terms: readonly Term[]): readonly Term[] {
    return terms.map((term) => this.term(term));
  }

  #ref(term: RefTerm): RefTerm {
    const path = term.path.length === 0 ? term.path : this.#terms(term.path);
    const { head } = term;
    if (head.kind !== 'var') return { ...term, head: this.term(head), path };
    const target = this.#global(head.name);
    if (target === undefined) return { ...term, path };
    return { ...absolute(target, path, head.location), location: term.location };
  }

  #call(term: CallTerm): CallTerm {
    const args = this.#terms(term.args);
    if (term.operatorRef !== undefined) return { ...term, args, operatorRef: this.#ref(term.operatorRef) };
    const [name = '', ...rest] = term.operator;
    const target = this.#global(name);
    if (target === undefined) return { ...term, args };
    // As in OPA a rule may take the name of an operator's built-in, and the operator then calls the rule.
    return { ...term, args, operator: [...target, ...rest], infix: false };
  }
}
