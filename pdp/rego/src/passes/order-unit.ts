import type { Diagnostic } from '../diagnostics.ts';
import { arityOf } from './check-calls.ts';
import { expandRule, LocalNames } from './expand.ts';
import { buildRuleTree } from './rule-tree.ts';
import { checkHeads, orderRule } from './safety.ts';
import type { CompileUnit, ResolvedModule, ResolvedRule } from './unit.ts';

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
  for (const module of expanded) for (const rule of module.rules) diagnostics.push(...checkHeads(rule));
  const arity = (call: Parameters<typeof arityOf>[1]): number | undefined => arityOf(unit.ruleTree, call);
  const modules = expanded.map((module): ResolvedModule => ({
    ...module,
    rules: module.rules.map((rule): ResolvedRule => {
      const ordered = orderRule(rule, arity);
      diagnostics.push(...ordered.diagnostics);
      return ordered.value;
    }),
  }));
  return { unit: { ...unit, modules, ruleTree: buildRuleTree(modules) }, diagnostics };
};
