import type { Rule, Term } from '../ast.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { printTerm } from '../print.ts';
import { arityOf } from './check-calls.ts';
import { expandRule, LocalNames } from './expand.ts';
import { buildRuleTree, groundPrefix } from './rule-tree.ts';
import { checkHeads, orderRule, type ScopeOf } from './safety.ts';
import { mapList } from './transform.ts';
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
  const arity = (call: Parameters<typeof arityOf>[1]): number | undefined => arityOf(unit.ruleTree, call);
  const modules = mapList(unit.modules, (module): ResolvedModule => {
    const scopes = ruleScopes(module);
    const rules = mapList(module.rules, (rule): ResolvedRule => {
      const expanded = expandRule(rule, new LocalNames());
      const ordered = orderRule(expanded, arity, scopes);
      diagnostics.push(...checkHeads(expanded, scopes), ...ordered.diagnostics);
      return ordered.value;
    });
    return rules === module.rules ? module : { ...module, rules };
  });
  return { unit: { ...unit, modules, ruleTree: buildRuleTree(modules) }, diagnostics };
};

/** Names the rule where a line of the module holds rules of several names. */
const ruleScopes = (module: ResolvedModule): ScopeOf => {
  const nameOf = (rule: Rule): string => printTerm({ ...rule.head.ref, path: groundPrefix(rule.head.ref.path) });
  const namesAt = (row: number): ReadonlySet<string> => {
    const names = new Set<string>();
    for (const rule of module.rules) {
      for (const one of chainOf<Rule>(rule)) if (one.location.row === row) names.add(nameOf(one));
    }
    return names;
  };
  // The name as written: without the package, which the resolved form puts in front.
  const written = (rule: Rule): string => {
    const path = groundPrefix(rule.head.ref.path).slice(module.package.length);
    const [first, ...rest] = path;
    if (first?.kind !== 'string') return nameOf(rule);
    const head: Term = { kind: 'var', name: first.value, location: first.location };
    return rest.length === 0 ? first.value : printTerm({ ...rule.head.ref, head, path: rest });
  };
  return (rule) => (namesAt(rule.location.row).size > 1 ? ` in rule ${written(rule)}` : '');
};
