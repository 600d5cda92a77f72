import type { Body, CallTerm, Expr, Term } from '../ast.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { arityOf } from './check-calls.ts';
import { NO_WITHS } from '../parser/state.ts';
import { isGenerated } from './expand.ts';
import { outputVarsOfBody } from './safety.ts';
import { mapExprParts, mapList, mapTermParts, update, type Mapper } from './transform.ts';
import type { ResolvedRule, RuleTreeNode } from './unit.ts';
import { reservedVars, safetyFilter, varsOfBody, varsOfTerm } from './vars.ts';
import { holdsBody, walkTerm } from './walk.ts';

/**
 * Turns calls of `print` into calls of `internal.print`, whose argument holds a set for every argument of the user's: empty
 * where that is undefined, so that a print never decides what a body gives. As in OPA a `not` or `with` at the call
 * itself is without effect, and what is printed must be bound by literals in front, wherever safety would put them.
 */
export class PrintKeeper {
  /** Variables in arguments that nothing in front declares. */
  readonly diagnostics: Diagnostic[] = [];
  readonly #root: RuleTreeNode;
  #locals = 0;

  constructor(root: RuleTreeNode) {
    this.#root = root;
  }

  /** Rewrites a rule, its `else` chain apart. */
  rule(rule: ResolvedRule): ResolvedRule {
    const safe = new Set(reservedVars);
    for (const arg of rule.head.args ?? []) varsOfTerm(arg, {}, safe);
    const closures = this.#closures(safe);
    const { head } = rule;
    return update(rule, {
      head: update(head, {
        args: head.args && mapList(head.args, (arg) => closures.term(arg)),
        key: head.key && closures.term(head.key),
        value: head.value && closures.term(head.value),
      }),
      body: this.#body(rule.body, safe),
    });
  }

  /** Rewrites the bodies inside of what it maps, in which the variables in `safe` have values. */
  #closures(safe: ReadonlySet<string>): Mapper {
    const mapper: Mapper = {
      term: (term) => mapTermParts(term, mapper),
      body: (body) => this.#body(body, safe),
      expr: (expr) => this.#bodiesOf(expr, safe),
    };
    return mapper;
  }

  #bodiesOf(expr: Expr, safe: ReadonlySet<string>): Expr {
    const { term } = expr;
    if (term.kind !== 'every') return mapExprParts(expr, this.#closures(safe));
    const inner = new Set(safe);
    if (term.key !== undefined) varsOfTerm(term.key, {}, inner);
    varsOfTerm(term.value, {}, inner);
    return mapExprParts(expr, this.#closures(inner));
  }

  #body(body: Body, globals: ReadonlySet<string>): Body {
    let reported = this.diagnostics.length;
    const boundBefore = (index: number): Set<string> => {
      const before = body.slice(0, index);
      const outputs = outputVarsOfBody(before, (call) => arityOf(this.#root, call), globals);
      return outputs.union(globals);
    };
    const inner = mapList(body, (expr, index) => (holdsBody(expr) ? this.#bodiesOf(expr, boundBefore(index)) : expr));
    if (this.diagnostics.length > reported) return body;
    reported = this.diagnostics.length;
    return mapList(inner, (expr, index) => {
      if (this.diagnostics.length > reported || !isPrint(expr)) return expr;
      const safe = boundBefore(index);
      const seen = new Set<string>();
      varsOfBody(body.slice(0, index), {}, seen);
      for (const name of seen) if (isGenerated(name)) safe.add(name);
      return this.#print(expr, expr.term, safe);
    });
  }

  #print(expr: Expr, call: CallTerm, safe: ReadonlySet<string>): Expr {
    for (const arg of call.args) this.#checkDeclared(arg, safe);
    const { location } = expr;
    const items = call.args.map((arg) => this.#captured(arg));
    const print: CallTerm = {
      kind: 'call',
      operator: ['internal', 'print'],
      target: 'builtin',
      args: [{ kind: 'array', items, location }],
      location,
    };
    return { kind: 'expr', term: print, negated: false, with: NO_WITHS, location };
  }

  #checkDeclared(arg: Term, safe: ReadonlySet<string>): void {
    const vars = new Set<string>();
    varsOfTerm(arg, safetyFilter, vars);
    const written = new Map<string, string>();
    walkTerm(arg, (term) => {
      if (term.kind === 'var') written.set(term.name, term.original ?? term.name);
      return true;
    });
    for (const name of [...vars.difference(safe)].sort()) {
      const shown = name.startsWith('$') ? '_' : (written.get(name) ?? name);
      this.diagnostics.push({
        code: 'rego_compile_error',
        message: `var ${shown} is undeclared`,
        location: arg.location,
      });
    }
  }

  /** `{x | x = arg}` */
  #captured(arg: Term): Term {
    const { location } = arg;
    const local: Term = { kind: 'var', name: `@print${String(this.#locals++)}`, location };
    const equation: CallTerm = {
      kind: 'call',
      operator: ['eq'],
      target: 'builtin',
      args: [local, arg],
      infix: true,
      location,
    };
    const body: Body = [{ kind: 'expr', term: equation, negated: false, with: NO_WITHS, location, generated: true }];
    return { kind: 'set-comprehension', term: local, body, location };
  }
}

type PrintExpr = Expr & { readonly term: CallTerm };

const isPrint = (expr: Expr): expr is PrintExpr =>
  expr.term.kind === 'call' && expr.term.operator.length === 1 && expr.term.operator[0] === 'print';
