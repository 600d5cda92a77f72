import type { Diagnostic } from '../diagnostics.ts';
import { TypeChecker } from '../types/check.ts';
import { constantKey } from '../types/constant.ts';
import { declaration } from '../types/builtins.ts';
import { stringKey } from '../types/type.ts';
import { createDependentsFinder } from './dependencies.ts';
import type { DependencyGraph } from './dependencies.ts';
import { dependencyOrder } from './check-recursion.ts';
import { groundPrefix } from './rule-tree.ts';
import type { CompileUnit, ResolvedRule } from './unit.ts';
import { chainOf, forEachCall } from './walk.ts';

/** Types of all rules, in the order of their dependencies. `graph` must be without cycles, bodies in evaluation order. */
export const checkTypes = (unit: CompileUnit, graph: DependencyGraph): Diagnostic[] => {
  const dependents = createDependentsFinder(unit, graph);
  const checker = new TypeChecker(
    (target) =>
      dependents(target).map((rule) => [
        stringKey('data'),
        ...groundPrefix(rule.head.ref.path).map((part) => constantKey(part) ?? ''),
      ]),
    unit.schemaTypes?.input,
  );
  for (const rule of dependencyOrder(graph)) checker.rule(rule, unit.schemaTypes?.ofRule(rule));
  return checker.diagnostics;
};

/** Calls of built-ins that the caller forbids, and in v1 modules (in all where the unit is strict) of deprecated ones. */
export const checkForbiddenBuiltins = (unit: CompileUnit): Diagnostic[] => {
  const diagnostics: Diagnostic[] = [];
  const check = (rule: ResolvedRule): void => {
    forEachCall(rule, (call, place, expr) => {
      const name = call.operator.join('.');
      const location = place === 'literal' ? (expr?.location ?? call.location) : call.location;
      const report = (what: string): void => {
        diagnostics.push({
          code: 'rego_type_error',
          message: `${what} built-in function calls in expression: ${name}`,
          location,
        });
      };
      if (unit.unsafeBuiltins.has(name)) report('unsafe');
      if ((unit.strict || rule.regoVersion === 'v1') && declaration(name)?.deprecated === true) report('deprecated');
    });
  };
  for (const { rules } of unit.modules) for (const rule of rules) for (const one of chainOf(rule)) check(one);
  return diagnostics;
};
