import type { Body, CallTerm, Expr, RefTerm, Rule, Term } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';
import { declaredIn } from './names.ts';
import type { Globals } from './names.ts';
import { mapExprParts, mapList, mapTermParts, mapWiths, update, type Mapper } from './transform.ts';
import { varsOfTerm } from './vars.ts';

/** Names that a scope hides from the globals; the innermost scope last. */
type Hidden = readonly ReadonlySet<string>[];

/** What a rule's names mean is settled here, first of all: every later pass relies on it. */
export interface ResolvedRefs {
  readonly rule: Rule;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Replaces names of rules and imports by absolute references, in a rule and its `else` chain. The names that it finds a
 * use of are added to `used`.
 */
export const resolveRefs = (rule: Rule, globals: Globals, used: Set<string> = new Set()): ResolvedRefs => {
  const diagnostics: Diagnostic[] = [];
  return { rule: resolveRule(rule, { globals, used }, diagnostics), diagnostics };
};

interface Names {
  readonly globals: Globals;
  readonly used: Set<string>;
}

const resolveRule = (rule: Rule, names: Names, diagnostics: Diagnostic[]): Rule => {
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
  const resolver = new Resolver(names, [args, declaredIn(rule.body)]);
  const { head } = rule;
  return update(rule, {
    head: update(head, {
      ref: update(head.ref, { path: resolver.terms(head.ref.path) }),
      key: head.key && resolver.term(head.key),
      value: head.value && resolver.term(head.value),
    }),
    body: resolver.body(rule.body),
    else: rule.else && resolveRule(rule.else, names, diagnostics),
  });
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

class Resolver implements Mapper {
  readonly #names: Names;
  readonly #hidden: Hidden;

  constructor(names: Names, hidden: Hidden) {
    this.#names = names;
    this.#hidden = hidden;
  }

  #hiding(names: ReadonlySet<string>): Resolver {
    return names.size === 0 ? this : new Resolver(this.#names, [...this.#hidden, names]);
  }

  #global(name: string): readonly string[] | undefined {
    const path = this.#names.globals.get(name);
    if (path === undefined || this.#hidden.some((names) => names.has(name))) return undefined;
    this.#names.used.add(name);
    return path;
  }

  body(body: Body): Body {
    return mapList(body, (expr) => this.expr(expr));
  }

  terms(terms: readonly Term[]): readonly Term[] {
    return mapList(terms, (term) => this.term(term));
  }

  withTarget(target: Term): Term {
    return this.term(target);
  }

  expr(expr: Expr): Expr {
    const { term } = expr;
    switch (term.kind) {
      case 'some':
        // `some x` declares; in `some x in xs` the call is resolved, where x is hidden already.
        return update(expr, {
          term: update(term, {
            symbols: mapList(term.symbols, (symbol) => (symbol.kind === 'call' ? this.term(symbol) : symbol)),
          }),
          with: mapWiths(expr.with, this),
        });
      case 'every': {
        const names = new Set<string>();
        if (term.key !== undefined) varsOfTerm(term.key, {}, names);
        varsOfTerm(term.value, {}, names);
        // OPA hides key and value from the domain too.
        const inner = this.#hiding(names);
        return update(expr, {
          term: update(term, { domain: inner.term(term.domain), body: inner.body(term.body) }),
          with: mapWiths(expr.with, this),
        });
      }
      default:
        return mapExprParts(expr, this);
    }
  }

  term(term: Term): Term {
    switch (term.kind) {
      case 'var': {
        const path = this.#global(term.name);
        return path === undefined ? term : absolute(path, [], term.location);
      }
      case 'ref':
        return this.#ref(term);
      case 'array-comprehension':
      case 'set-comprehension':
      case 'object-comprehension':
        return mapTermParts(term, this.#hiding(declaredIn(term.body)));
      case 'call':
        return this.#call(term);
      default:
        return mapTermParts(term, this);
    }
  }

  #ref(term: RefTerm): RefTerm {
    const path = this.terms(term.path);
    const { head } = term;
    if (head.kind !== 'var') return update(term, { head: this.term(head), path });
    const target = this.#global(head.name);
    if (target === undefined) return update(term, { path });
    return { ...absolute(target, path, head.location), location: term.location };
  }

  #call(term: CallTerm): CallTerm {
    const args = this.terms(term.args);
    if (term.operatorRef !== undefined) return update(term, { args, operatorRef: this.#ref(term.operatorRef) });
    const [name = '', ...rest] = term.operator;
    const target = this.#global(name);
    if (target === undefined) return update(term, { args });
    // As in OPA a rule may take the name of an operator's built-in, and the operator then calls the rule.
    return { ...term, args, operator: [...target, ...rest], infix: false };
  }
}
