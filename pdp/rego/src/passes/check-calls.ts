import type { CallTerm } from '../ast.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { printOperator, printTerm } from '../print.ts';
import { declaration } from '../types/builtins.ts';
import { printSignature } from '../types/print.ts';
import { nodeAt } from './unit.ts';
import type { ResolvedModule, ResolvedRule, RuleTreeNode } from './unit.ts';
import { chainOf, forEachCall } from './walk.ts';
import type { CallPlace } from './walk.ts';

/** How many arguments the function of a call takes; undefined where there is no such function. */
export const arityOf = (root: RuleTreeNode, call: CallTerm): number | undefined => {
  if (call.operatorRef !== undefined) return undefined;
  const builtin = declaration(call.operator.join('.'));
  if (builtin !== undefined) return builtin.arity;
  const [base, ...path] = call.operator;
  const rule = base === 'data' ? nodeAt(root, path)?.rules[0] : undefined;
  return rule === undefined ? undefined : (rule.head.args?.length ?? 0);
};

/** Calls of built-ins without a result in a place that wants a value. `hasVoids` says which rules need a look. */
export const checkVoidCalls = (
  modules: readonly ResolvedModule[],
  hasVoids: (rule: ResolvedRule) => boolean,
): Diagnostic[] =>
  callProblems(
    modules,
    (call, place) =>
      place === 'nested' && declaration(call.operator.join('.'))?.void === true
        ? `${printTerm(call)} used as value`
        : undefined,
    hasVoids,
  );

/** Calls of functions that do not exist, or with another number of arguments than they take. */
export const checkFunctions = (modules: readonly ResolvedModule[], root: RuleTreeNode): Diagnostic[] =>
  callProblems(modules, (call, place) => {
    const arity = arityOf(root, call);
    if (arity === undefined) return `undefined function ${printOperator(call)}`;
    const given = call.args.length;
    // A literal may name the variable that takes the result as one argument more.
    if (given === arity || (place === 'literal' && given === arity + 1)) return undefined;
    const builtin = declaration(call.operator.join('.'));
    if (builtin === undefined) {
      return `function ${printOperator(call)} has arity ${arity}, got ${given} argument${given === 1 ? '' : 's'}`;
    }
    if (builtin.type.variadic !== undefined && given >= arity) return undefined;
    // `eq` is checked by the type checker, whichever form it has.
    if (builtin.name === 'eq' && place === 'nested') return undefined;
    return `${builtin.name}: arity mismatch\n\thave: ${printTerm({ ...call, operator: [''] })}\n\twant: ${printSignature(builtin.type)}`;
  });

const callProblems = (
  modules: readonly ResolvedModule[],
  problem: (call: CallTerm, place: CallPlace) => string | undefined,
  among: (rule: ResolvedRule) => boolean = () => true,
): Diagnostic[] => {
  const diagnostics: Diagnostic[] = [];
  for (const { rules } of modules) {
    for (const rule of rules.flatMap((r) => [...chainOf(r)].filter(among))) {
      forEachCall(rule, (call, place, expr) => {
        const message = problem(call, place);
        if (message === undefined) return;
        const location = place === 'literal' ? (expr?.location ?? call.location) : call.location;
        diagnostics.push({ code: 'rego_type_error', message, location });
      });
    }
  }
  return diagnostics;
};
