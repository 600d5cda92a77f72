import type { Rule, Term } from '../ast.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { printTerm } from '../print.ts';
import { arityOf } from './check-calls.ts';
import { expandRule, LocalNames } from './expand.ts';
import { buildRuleTree, groundPrefix } from './rule-tree.ts';
import { checkHeads, orderRule, type ScopeOf } from './safety.ts';
import type { CompileUnit, ResolvedModule, ResolvedRule } from './unit.ts';
import { chainOf } from './walk.ts';

/** A unit whose bodies can be evaluated from left to right, unless there are diagnostics. */
export interface OrderedUnit {
  readonly unit: CompileUnit;
  /** `rego_unsafe_var_error`s: of heads and bodies. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Expands nested calls and template strings into literals of their own, then orders the literals of every body by
 * safety: see `expand.ts` and `safety.ts`. What comes back has the resolved form of `unit.ts` still, but for nested
 * calls, and with vars called `%<n>` beside the others.
 */
export const orderUnit = (unit: CompileUnit): OrderedUnit => {
  const diagnostics: Diagnostic[] = [];
  const expanded = unit.modules.map((module): ResolvedModule => ({
    ...module,
    rules: module.rules.map((rule) => expandRule(rule, new LocalNames())),
  }));
  const scopes = new Map(expanded.map((module) => [module, ruleScopes(module)]));
  for (const module of expanded) {
    for (const rule of module.rules) diagnostics.push(...checkHeads(rule, scopes.get(module)));
  }
  const arity = (call: Parameters<typeof arityOf>[1]): number | undefined => arityOf(unit.ruleTree, call);
  const modules = expanded.map((module): ResolvedModule => ({
    ...module,
    rules: module.rules.map((rule): ResolvedRule => {
      const ordered = orderRule(rule, arity, scopes.get(module));
      diagnostics.push(...ordered.diagnostics);
      return ordered.value;
    }),
  }));
  return { unit: { ...unit, modules, ruleTree: buildRuleTree(modules) }, diagnostics };
};

/** Names the rule where a line of the module holds rules of several names. */
const ruleScopes = (module: ResolvedModule): ScopeOf => {
  const nameOf = (rule: Rule): string => printTerm({ ...rule.head.ref, path: groundPrefix(rule.head.ref.path) });
  const names = new Map<number, Set<string>>();
  for (const rule of module.rules) {
    for (const one of chainOf<Rule>(rule)) {
      const { row } = one.location;
      names.set(row, (names.get(row) ?? new Set()).add(nameOf(one)));
    }
  }
  // The name as written: without the package, which the resolved form puts in front.
  const written = (rule: Rule): string => {
    const path = groundPrefix(rule.head.ref.path).slice(module.package.length);
    const [first, ...rest] = path;
    if (first?.kind !== 'string') return nameOf(rule);
    const head: Term = { kind: 'var', name: first.value, location: first.location };
    return rest.length === 0 ? first.value : printTerm({ ...rule.head.ref, head, path: rest });
  };
  return (rule) => ((names.get(rule.location.row)?.size ?? 0) > 1 ? ` in rule ${written(rule)}` : '');
};
