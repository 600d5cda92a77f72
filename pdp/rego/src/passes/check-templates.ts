import type { Body, Expr, RefTerm, Rule, Term, TemplateString } from '../ast.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { declaration } from '../types/builtins.ts';
import { arityOf } from './check-calls.ts';
import { findNode } from './rule-tree.ts';
import { outputVarsOfBody } from './safety.ts';
import type { ResolvedModule, ResolvedRule, RuleTreeNode } from './unit.ts';
import { reservedVars, safetyFilter, varsOfTerm } from './vars.ts';
import { chainOf, headTerms } from './walk.ts';

/**
 * Variables in template strings that nothing binds. A template never binds them itself: an undefined part is text, so
 * that this is an error of its own and not one of safety. `holdsTemplate` says which rules need a look.
 */
export const checkTemplates = (
  modules: readonly ResolvedModule[],
  root: RuleTreeNode,
  holdsTemplate: (rule: ResolvedRule) => boolean,
): Diagnostic[] => {
  const checker = new TemplateChecker(root);
  for (const { rules } of modules)
    for (const rule of rules) for (const one of chainOf(rule)) if (holdsTemplate(one)) checker.rule(one);
  return checker.diagnostics;
};

class TemplateChecker {
  readonly diagnostics: Diagnostic[] = [];
  readonly #root: RuleTreeNode;

  constructor(root: RuleTreeNode) {
    this.#root = root;
  }

  rule(rule: Rule): void {
    const safe = new Set(reservedVars);
    for (const arg of rule.head.args ?? []) varsOfTerm(arg, {}, safe);
    const bound = this.#body(rule.body, safe);
    for (const term of headTerms(rule)) this.#term(term, bound);
  }

  /** Checks a body, and says which variables have values behind it. */
  #body(body: Body, safe: ReadonlySet<string>): ReadonlySet<string> {
    const bound = safe.union(outputVarsOfBody(body, (call) => arityOf(this.#root, call), safe));
    for (const expr of body) this.#expr(expr, bound);
    return bound;
  }

  #expr({ term, with: withs }: Expr, safe: ReadonlySet<string>): void {
    switch (term.kind) {
      case 'some':
        break;
      case 'every': {
        this.#term(term.domain, safe);
        const inner = new Set(safe);
        if (term.key !== undefined) varsOfTerm(term.key, {}, inner);
        varsOfTerm(term.value, {}, inner);
        this.#body(term.body, inner);
        break;
      }
      case 'not-body':
        this.#body(term.body, safe);
        break;
      case 'and':
      case 'or':
        this.#body(term.left, safe);
        this.#body(term.right, safe);
        break;
      default:
        this.#term(term, safe);
    }
    for (const { value } of withs) this.#term(value, safe);
  }

  #term(term: Term, safe: ReadonlySet<string>): void {
    const all = (terms: readonly Term[], known = safe): void => {
      for (const inner of terms) this.#term(inner, known);
    };
    switch (term.kind) {
      case 'template-string':
        this.#template(term, safe);
        return;
      case 'ref':
        all([term.head, ...term.path]);
        return;
      case 'array':
      case 'set':
        all(term.items);
        return;
      case 'object':
        all(term.entries.flat());
        return;
      case 'call':
        all(term.args);
        return;
      case 'array-comprehension':
      case 'set-comprehension':
        all([term.term], this.#body(term.body, safe));
        return;
      case 'object-comprehension':
        all([term.key, term.value], this.#body(term.body, safe));
        return;
      default:
    }
  }

  #template(template: TemplateString, safe: ReadonlySet<string>): void {
    for (const part of template.parts) {
      if (typeof part === 'string') continue;
      if (part.kind === 'expr') {
        this.#part(part.term, safe);
        this.#expr(part, safe);
      } else {
        this.#part(part, safe);
        this.#term(part, safe);
      }
    }
  }

  #part(term: Expr['term'], safe: ReadonlySet<string>): void {
    switch (term.kind) {
      case 'some':
      case 'every':
      case 'not-body':
      case 'and':
      case 'or':
        this.#report('unexpected template-string expression type', term.location);
        return;
      case 'var':
        return;
      case 'call':
        if (declaration(term.operator.join('.'))?.relation === true) {
          const name = term.operator.join('.');
          this.#report(`illegal call to relation built-in '${name}' that may cause multiple outputs`, term.location);
          return;
        }
        break;
      case 'ref':
        if (this.#isDefined(term)) return;
        break;
      default:
    }
    const originals = new Map<string, string>();
    collectNames(term, originals);
    const vars = new Set<string>();
    varsOfTerm(term, safetyFilter, vars);
    for (const name of [...vars].filter((v) => !safe.has(v)).sort()) {
      this.#report(`var ${originals.get(name) ?? name} is undeclared`, term.location);
    }
  }

  #report(message: string, location: Diagnostic['location']): void {
    this.diagnostics.push({ code: 'rego_compile_error', message, location });
  }

  /** Whether a reference names a rule that always has a value. */
  #isDefined({ head, path }: RefTerm): boolean {
    if (head.kind !== 'var' || head.name !== 'data') return false;
    const rules = findNode(this.#root, path)?.rules ?? [];
    const [first] = rules;
    if (first === undefined || first.head.rule === 'function') return false;
    return rules.some((rule) => rule.default) || first.head.value === undefined;
  }
}

const collectNames = (term: Term, names: Map<string, string>): void => {
  switch (term.kind) {
    case 'var':
      names.set(term.name, term.original ?? term.name);
      return;
    case 'ref':
      for (const part of [term.head, ...term.path]) collectNames(part, names);
      return;
    case 'array':
    case 'set':
      for (const item of term.items) collectNames(item, names);
      return;
    case 'object':
      for (const part of term.entries.flat()) collectNames(part, names);
      return;
    case 'call':
      for (const arg of term.args) collectNames(arg, names);
      return;
    default:
  }
};
