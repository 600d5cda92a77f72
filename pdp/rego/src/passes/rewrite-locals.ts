import type { Body, CallTerm, Every, Expr, Logical, RefTerm, SomeDecl, Term, VarTerm, With } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';
import { fitted, NO_WITHS } from '../parser/state.ts';
import { printOperator } from '../print.ts';
import { declaration } from '../types/builtins.ts';
import { unify } from './safety-unify.ts';
import { declaredIn, isAssign } from './names.ts';
import type { Scopes, UniqueNames } from './scope.ts';
import {
  mapEntries,
  mapExprParts,
  mapList,
  mapTerm,
  mapTermParts,
  mapWiths,
  update,
  type Mapper,
} from './transform.ts';
import { safetyFilter, varsOfBody, varsOfTerm } from './vars.ts';

const TRUE = (location: Location): Expr => ({
  kind: 'expr',
  term: { kind: 'boolean', value: true, location },
  negated: false,
  with: NO_WITHS,
  location,
  generated: true,
});

/**
 * Gives declared variables unique names in one body after another, in OPA's order: what is seen before what is declared
 * decides which declarations are errors. One rewriter serves one rule.
 */
export class LocalRewriter implements Mapper {
  readonly #names: UniqueNames;
  readonly #scopes: Scopes;
  readonly #strict: boolean;
  /** What stops compilation. */
  readonly diagnostics: Diagnostic[] = [];
  /** Declarations (where it is strict, assignments too) without use: reported, but later phases still run. */
  readonly unused: Diagnostic[] = [];

  constructor(names: UniqueNames, scopes: Scopes, strict = false) {
    this.#names = names;
    this.#scopes = scopes;
    this.#strict = strict;
  }

  #report(message: string, location: Location): void {
    this.diagnostics.push({ code: 'rego_compile_error', message, location });
  }

  /** Rewrites a body in the innermost scope. `used` are names that the body's owner uses, as written. */
  scopedBody(body: Body, used: ReadonlySet<string>): Body {
    const rewritten: Expr[] = [];
    for (const expr of body) {
      const result = this.#statement(expr);
      if (result !== undefined) rewritten.push(result);
    }
    const [first] = body;
    if (rewritten.length === 0 && first !== undefined) rewritten.push(TRUE(first.location));
    this.#checkUnused(body, rewritten, used);
    return sameItems(body, rewritten) ? body : fitted(rewritten);
  }

  #statement(expr: Expr): Expr | undefined {
    const { term } = expr;
    switch (term.kind) {
      case 'some':
        return this.#some(expr, term);
      case 'every':
        return this.#every(expr, term);
      case 'not-body':
        return this.#not(expr);
      case 'and':
      case 'or':
        return this.#logical(expr, term);
      default:
        return isAssign(term) ? this.#assignment(expr, term) : this.expr(expr);
    }
  }

  #checkUnused(body: Body, rewritten: Body, used: ReadonlySet<string>): void {
    if (this.diagnostics.length > 0 || this.unused.length > 0) return;
    if (this.#strict) this.#checkAssigned(body, used);
    if (this.unused.length > 0) return;
    const declared = this.#scopes.named('declared');
    if (declared.length === 0) return;
    const present = new Set<string>();
    varsOfBody(rewritten, {}, present);
    for (const name of used) present.add(this.#scopes.renamed(name) ?? name);
    for (const [name, renamed] of declared) {
      if (present.has(renamed) || used.has(renamed)) continue;
      const where = body.find((expr) => declaredIn([expr]).has(name)) ?? body[0];
      if (where === undefined) continue;
      const message = `declared var ${name.startsWith('$') ? '_' : name} unused`;
      this.unused.push({ code: 'rego_compile_error', message, location: where.location });
    }
  }

  /** An assignment must be used in the scope that it is in, or further inside. */
  #checkAssigned(body: Body, used: ReadonlySet<string>): void {
    for (const [name, renamed] of this.#scopes.named('assigned')) {
      if (name.startsWith('$') || this.#scopes.isUsed(name) || used.has(name) || used.has(renamed)) continue;
      const where = body.find((expr) => declaredIn([expr]).has(name)) ?? body[0];
      if (where === undefined) continue;
      const message = `assigned var ${name} unused`;
      this.unused.push({ code: 'rego_compile_error', message, location: where.location });
    }
  }

  /** Declares a name in the innermost scope, and says what it is called. Undefined where that is an error. */
  #declare(name: string, occurrence: 'assigned' | 'declared', location: Location): string | undefined {
    const before = this.#scopes.occurrence(name);
    if (before !== undefined) {
      const shown = name.startsWith('$') ? '_' : name;
      this.#report(
        before === 'argument'
          ? `arg ${shown} redeclared`
          : `var ${shown} ${before === 'seen' ? 'referenced' : before} above`,
        location,
      );
      return undefined;
    }
    const renamed = name.startsWith('$') ? name : this.#names.fresh(name);
    this.#scopes.insert(name, renamed, occurrence);
    return renamed;
  }

  #some(expr: Expr, decl: SomeDecl): Expr | undefined {
    for (const symbol of decl.symbols) {
      if (symbol.kind === 'call') return this.#someIn(expr, decl, symbol);
      if (symbol.kind === 'var' && this.#declare(symbol.name, 'declared', decl.location) === undefined)
        return undefined;
    }
    return undefined;
  }

  /** `some k, v in xs` is `v = xs[k]`. */
  #someIn(expr: Expr, decl: SomeDecl, call: CallTerm): Expr | undefined {
    const keyed = call.args.length === 3;
    const key = keyed ? call.args[0] : this.#generated(call.location);
    const [value, domain] = keyed ? call.args.slice(1) : call.args;
    if (key === undefined || value === undefined || domain === undefined) return undefined;
    const bound = new Set<string>();
    for (const term of [key, value]) {
      varsOfTerm(term, { skipRefHead: true, skipObjectKeys: true, skipClosures: true }, bound);
    }
    const inDomain = new Set<string>();
    varsOfTerm(domain, { skipClosures: true }, inDomain);
    const clashes = [...bound.intersection(inDomain)].filter((name) => !name.startsWith('$')).sort();
    for (const name of clashes) this.#report(`var ${name} assigned before`, decl.location);
    if (clashes.length > 0) return undefined;

    const element: RefTerm =
      domain.kind === 'ref'
        ? { ...domain, path: [...domain.path, key] }
        : { kind: 'ref', head: domain, path: [key], location: domain.location };
    for (const name of declaredBySome(value, element, domain)) {
      if (this.#declare(name, 'declared', decl.location) === undefined) return undefined;
    }
    const term: CallTerm = {
      kind: 'call',
      operator: ['eq'],
      target: 'builtin',
      args: [value, element],
      infix: true,
      location: decl.location,
    };
    return this.expr({ ...expr, term });
  }

  #generated(location: Location): VarTerm {
    return { kind: 'var', name: this.#names.fresh(), location };
  }

  #every(expr: Expr, every: Every): Expr | undefined {
    const domain = this.term(every.domain);
    this.#scopes.push();
    const result = this.#everyInScope(expr, every, domain);
    this.#scopes.pop();
    return result;
  }

  #everyInScope(expr: Expr, every: Every, domain: Term): Expr | undefined {
    const key = every.key === undefined ? undefined : this.#everyVar(every.key, every.location);
    if (every.key !== undefined && key === undefined) return undefined;
    const value = this.#everyVar(every.value, every.location);
    if (value === undefined) return undefined;
    const body = this.scopedBody(every.body, new Set());
    // As in OPA the domain sees key and value where no body around declares those names.
    const term: Every = { ...every, key, value, domain: this.#seeingBound(domain), body };
    return { ...expr, term, with: mapWiths(expr.with, this) };
  }

  /** A term that was rewritten outside of the innermost scope, with the names that this scope declared since. */
  #seeingBound(term: Term): Term {
    const declared = new Map(this.#scopes.named('declared'));
    const names = new Set<string>();
    varsOfTerm(term, {}, names);
    if (names.isDisjointFrom(declared)) return term;
    // Not rewritten once more: domains nest, and every level would double the work of the next.
    return mapTerm(term, { term: (t) => (t.kind === 'var' ? rename(t, declared.get(t.name) ?? t.name) : t) });
  }

  #everyVar(term: Term, location: Location): VarTerm | undefined {
    if (term.kind !== 'var') return undefined;
    if (term.name.startsWith('$')) return term;
    const name = this.#declare(term.name, 'declared', location);
    return name === undefined ? undefined : rename(term, name);
  }

  #not(expr: Expr): Expr {
    const { term } = expr;
    if (term.kind !== 'not-body') return expr;
    if (term.implicit === true) {
      const body = this.#implicit(term.body, 'negated expression');
      return update(expr, { term: update(term, { body }), with: mapWiths(expr.with, this) });
    }
    this.#scopes.push();
    const body = this.scopedBody(term.body, new Set());
    const withs = mapWiths(expr.with, this);
    this.#scopes.pop();
    return update(expr, { term: update(term, { body }), with: withs });
  }

  #logical(expr: Expr, term: Logical): Expr {
    const operand = (body: Body, implicit: boolean | undefined): Body => {
      if (implicit === true) return this.#implicit(body, `implicit ${term.kind} operand`);
      this.#scopes.push();
      const rewritten = this.scopedBody(body, new Set());
      this.#scopes.pop();
      return rewritten;
    };
    const left = operand(term.left, term.implicitLeft);
    const right = operand(term.right, term.implicitRight);
    // What an operand's own body saw has been seen here too.
    if (term.implicitLeft !== true) this.#see(left);
    if (term.implicitRight !== true) this.#see(right);
    return update(expr, { term: update(term, { left, right }), with: mapWiths(expr.with, this) });
  }

  #see(body: Body): void {
    const names = new Set<string>();
    varsOfBody(body, safetyFilter, names);
    for (const name of names) this.#name(name);
  }

  /** Operands without braces bind nothing for the body around them, so that an assignment there is a mistake. */
  #implicit(body: Body, place: string): Body {
    return mapList(body, (expr) => {
      if (isAssign(expr.term)) {
        this.#report(`cannot assign vars inside ${place}`, expr.location);
        return expr;
      }
      if (expr.term.kind === 'not-body') return this.#not(expr);
      if (expr.term.kind === 'and' || expr.term.kind === 'or') return this.#logical(expr, expr.term);
      return this.expr(expr);
    });
  }

  #assignment(expr: Expr, call: CallTerm): Expr {
    if (expr.negated) {
      this.#report('cannot assign vars inside negated expression', expr.location);
      return expr;
    }
    const [target, source] = call.args;
    if (target === undefined || source === undefined) return expr;
    const before = this.diagnostics.length;
    const right = this.term(source);
    const withs = mapList(expr.with, (w): With => update(w, { value: this.term(w.value) }));
    const left = this.#assignTarget(target);
    if (this.diagnostics.length > before) return { ...expr, with: withs };
    const term: CallTerm = { ...call, operator: ['eq'], target: 'builtin', args: [left, right] };
    return { ...expr, term, with: withs, assignment: true };
  }

  #assignTarget(target: Term): Term {
    switch (target.kind) {
      case 'var':
        return rename(target, this.#declare(target.name, 'assigned', target.location) ?? target.name);
      case 'array':
        return update(target, { items: mapList(target.items, (item) => this.#assignTarget(item)) });
      case 'object':
        return update(target, {
          entries: mapEntries(
            target.entries,
            (key) => key,
            (value) => this.#assignTarget(value),
          ),
        });
      case 'ref':
        if (target.path.length === 0 && target.head.kind === 'var') {
          const { name } = target.head;
          return rename(target.head, this.#declare(name, 'assigned', target.location) ?? name);
        }
        break;
      default:
    }
    this.#report(`cannot assign to ${assignableName(target)}`, target.location);
    return target;
  }

  /** Rewrites everything in an expression in the innermost scope; comprehensions have scopes of their own. */
  expr(expr: Expr): Expr {
    const { term } = expr;
    if (term.kind === 'some') return update(expr, { with: mapWiths(expr.with, this) });
    if (term.kind !== 'call') return mapExprParts(expr, this);
    return update(expr, { term: this.#call(term, false), with: mapWiths(expr.with, this) });
  }

  /** A body without a scope of its own. */
  body(body: Body): Body {
    return mapList(body, (expr) => this.expr(expr));
  }

  /** `with input as …` means the document even where a local is called `input`. */
  withTarget(target: Term): Term {
    if (target.kind !== 'ref' || target.head.kind !== 'var') return this.term(target);
    const path = this.#terms(target.path);
    if (target.head.name === 'input') return update(target, { path });
    return update(target, { head: this.term(target.head), path });
  }

  #terms(terms: readonly Term[]): readonly Term[] {
    return mapList(terms, (term) => this.term(term));
  }

  /** What a name is called here; an unknown one is known as seen from now on. */
  #name(name: string): string {
    const renamed = this.#scopes.renamed(name);
    if (renamed === undefined) {
      this.#scopes.insert(name, name, 'seen');
      return name;
    }
    if (this.#strict) this.#scopes.use(name);
    return renamed;
  }

  #var(term: VarTerm): VarTerm {
    return rename(term, this.#name(term.name));
  }

  term(term: Term): Term {
    switch (term.kind) {
      case 'var':
        return this.#var(term);
      case 'ref':
        return this.#ref(term);
      case 'array-comprehension':
      case 'set-comprehension':
        return this.#closure([term.term], term.body, ([head = term.term], body) => update(term, { term: head, body }));
      case 'object-comprehension':
        return this.#closure([term.key, term.value], term.body, ([key = term.key, value = term.value], body) =>
          update(term, { key, value, body }),
        );
      case 'call':
        return this.#call(term, true);
      default:
        return mapTermParts(term, this);
    }
  }

  #closure(heads: readonly Term[], body: Body, make: (heads: readonly Term[], body: Body) => Term): Term {
    const used = new Set<string>();
    for (const head of heads) varsOfTerm(head, {}, used);
    this.#scopes.push();
    const rewritten = this.scopedBody(body, used);
    const result = make(this.#terms(heads), rewritten);
    this.#scopes.pop();
    return result;
  }

  #ref(term: RefTerm): Term {
    const { head, path } = term;
    if (head.kind === 'var' && path.length === 0) {
      // `input` or `data` alone are documents, except where a local took the name.
      const occurrence = this.#scopes.anyOccurrence(head.name);
      if (occurrence === undefined || occurrence === 'seen') return term;
      // No use of it, as in OPA: such a local is a mistake anyway.
      return rename(head, this.#scopes.renamed(head.name) ?? head.name);
    }
    return update(term, { head: this.term(head), path: this.#terms(path) });
  }

  /** Functions are no values: a local that took a function's name is an error, one way or another. */
  #call(term: CallTerm, nested: boolean): CallTerm {
    const args = (): readonly Term[] => this.#terms(term.args);
    if (term.operatorRef !== undefined) {
      const operatorRef = this.#ref(term.operatorRef);
      return update(term, { args: args(), ...(operatorRef.kind === 'ref' ? { operatorRef } : {}) });
    }
    const [name = ''] = term.operator;
    const known = this.#scopes.renamed(name);
    if (known === undefined) {
      this.#scopes.insert(name, name, 'seen');
    } else if (known !== name) {
      this.#scopes.use(name);
      if (nested) this.#report(`called function ${printOperator(term)} shadowed`, term.location);
      const location = term.operatorLocation ?? term.location;
      const head: VarTerm = { kind: 'var', name: known, original: name, location };
      const path = term.operator.slice(1).map((value): Term => ({ kind: 'string', value, location }));
      return { ...term, args: args(), operatorRef: { kind: 'ref', head, path, location } };
    }
    return update(term, { args: args(), target: targetOf(term) });
  }
}

const sameItems = (a: Body, b: Body): boolean => a.length === b.length && a.every((item, index) => item === b[index]);

/** Whether a call is of a built-in or of a function; both may not exist. */
export const targetOf = ({ operator }: CallTerm): 'builtin' | 'function' =>
  operator[0] !== 'data' && declaration(operator.join('.')) !== undefined ? 'builtin' : 'function';

/** The same variable under another name. */
export const rename = (term: VarTerm, name: string): VarTerm =>
  name === term.name ? term : { ...term, name, original: term.original ?? term.name };

const assignableName = (term: Term): string =>
  term.kind.endsWith('comprehension') || term.kind === 'template-string' ? term.kind.replace('-', '') : term.kind;

/** The variables that `some … in domain` declares: those that `value = domain[key]` binds. */
const declaredBySome = (value: Term, element: RefTerm, domain: Term): string[] => {
  const safe = new Set<string>();
  varsOfTerm(domain, {}, safe);
  const outputs = new Set<string>();
  addRefOutputs(value, safe, outputs);
  addRefOutputs(element, safe, outputs);
  const known = safe.union(outputs);
  return [...outputs.union(unify(known, value, element)).difference(safe)].sort();
};

/** Variables in the paths of references whose heads are known: evaluating the reference binds them. */
const addRefOutputs = (term: Term, safe: ReadonlySet<string>, into: Set<string>): void => {
  switch (term.kind) {
    case 'ref':
      if (term.head.kind === 'var' && !safe.has(term.head.name) && !['data', 'input'].includes(term.head.name)) return;
      for (const part of term.path) varsOfTerm(part, { skipRefHead: true }, into);
      return;
    case 'array':
    case 'set':
      for (const item of term.items) addRefOutputs(item, safe, into);
      return;
    case 'object':
      for (const [key, item] of term.entries) {
        addRefOutputs(key, safe, into);
        addRefOutputs(item, safe, into);
      }
      return;
    case 'call':
      for (const argument of term.args) addRefOutputs(argument, safe, into);
      return;
    default:
  }
};
