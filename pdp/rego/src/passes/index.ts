import type { RegoModule } from '../api.ts';
import type { Module, RegoVersion } from '../ast.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { parseModule } from '../parser/index.ts';
import { LimitExceeded, tooMuch } from '../limits.ts';
import { annotationProblems } from './attach-annotations.ts';
import { checkRecursion } from './check-recursion.ts';
import { checkForbiddenBuiltins, checkTypes } from './check-types.ts';
import { dependenciesOf } from './dependencies.ts';
import type { DependencyGraph } from './dependencies.ts';
import { orderUnit } from './order-unit.ts';
import { resolveModules } from './resolve.ts';
import type { Resolved, ResolveOptions } from './resolve.ts';
import type { CompileUnit, ResolvedRule } from './unit.ts';

/** What the front end makes of modules. */
export interface Analysis {
  /** In the form of `CompileUnit`, then expanded and ordered. Only to be used where there are no diagnostics. */
  readonly unit: CompileUnit;
  /** Sorted by place, then by text. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Everything between the parser and the plan, in OPA's order; the order is meaning:
 *
 * 1. `resolveModules`: names, then locals, then `with`, conflicts between rules, unknown functions.
 * 2. `orderUnit`: calls out of terms, for safety is defined on that form; then safety and the order of evaluation.
 * 3. `checkRecursion`, before types: inference does not end on rules that use themselves.
 * 4. `checkTypes`, on ordered bodies: a variable has the type that the literal that binds it gives it.
 * 5. `checkForbiddenBuiltins`.
 *
 * A phase with fatal diagnostics is the last, so that users see every problem of one kind and no echoes. Never throws.
 */
export const analyzeModules = (modules: readonly Module[], options: ResolveOptions = {}): Analysis =>
  analyzeResolved(resolveModules(modules, options));

/** {@link analyzeModules} from the second step on. */
export const analyzeResolved = (resolved: Resolved): Analysis => {
  try {
    return analyze(resolved);
  } catch (error) {
    if (!(error instanceof LimitExceeded) && !(error instanceof RangeError)) throw error;
    return { unit: resolved.unit, diagnostics: [...resolved.diagnostics, tooMuch(error, resolved.unit.modules[0])] };
  }
};

const analyze = (resolved: Resolved): Analysis => {
  const { unit } = resolved;
  const diagnostics = [...resolved.diagnostics];
  const stop = (result: CompileUnit, more: readonly Diagnostic[] = []): Analysis => ({
    unit: result,
    diagnostics: [...diagnostics, ...more].sort(byPlace),
  });
  if (resolved.fatal) return stop(unit);
  const graph = dependenciesOf(unit);
  const ordered = orderUnit(unit);
  if (ordered.diagnostics.length > 0) return stop(ordered.unit, ordered.diagnostics);
  return stop(ordered.unit, checkUnit(ordered.unit, graph));
};

/**
 * Recursion, types and forbidden built-ins of a unit whose bodies are expanded and in evaluation order. `graph` says which
 * rules use which; made from the unit where it is not given.
 */
export const checkUnit = (unit: CompileUnit, graph: DependencyGraph = dependenciesOf(unit)): Diagnostic[] => {
  const own = withRulesOf(unit, graph);
  const recursion = checkRecursion(own);
  if (recursion.length > 0) return recursion;
  return [...checkTypes(unit, own), ...checkForbiddenBuiltins(unit)];
};

/** The same graph over the rules of a later form of the unit: rules keep their ids. */
const withRulesOf = (unit: CompileUnit, graph: DependencyGraph): DependencyGraph => {
  const byId = new Map<number, ResolvedRule>();
  const add = (rule: ResolvedRule | undefined): void => {
    for (let one = rule; one !== undefined; one = one.else) byId.set(one.id, one);
  };
  for (const { rules } of unit.modules) for (const rule of rules) add(rule);
  const same = (rule: ResolvedRule): ResolvedRule => byId.get(rule.id) ?? rule;
  return new Map(
    [...graph].map(([rule, used]) => [same(rule), new Map([...used].map(([one, certain]) => [same(one), certain]))]),
  );
};

/** By place; at one place by what is said of it. */
const byPlace = (one: Diagnostic, other: Diagnostic): number => {
  const { location: a } = one;
  const { location: b } = other;
  return (
    byText(a.file, b.file) ||
    a.row - b.row ||
    a.col - b.col ||
    byText(`${one.code}: ${one.message}`, `${other.code}: ${other.message}`)
  );
};

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What the front end says of modules: the stage that stopped, and why. */
export interface Verdict {
  readonly stage: 'ok' | 'parse' | 'compile';
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses and checks modules without generating code. Never throws. */
export const diagnose = (
  modules: readonly RegoModule[],
  version: RegoVersion,
  options: ResolveOptions = {},
): Verdict => {
  const parsed = modules.map(({ name, source }) => parseModule(source, name, version));
  const trees = parsed.map(({ module }) => module).filter((module) => module !== undefined);
  const annotated = options.annotations === true ? trees.flatMap(annotationProblems) : [];
  const problems = [...parsed.flatMap(({ diagnostics }) => diagnostics), ...annotated];
  if (problems.length > 0) return { stage: 'parse', diagnostics: problems };
  const { diagnostics } = analyzeModules(trees, options);
  return { stage: diagnostics.length > 0 ? 'compile' : 'ok', diagnostics };
};
