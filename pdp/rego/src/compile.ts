import type { CompileOptions, CompileResult, RegoModule } from './api.ts';
import type { Module, RegoVersion } from './ast.ts';
import { generateProgram } from './codegen/program.ts';
import type { Diagnostic } from './diagnostics.ts';
import { parseModule } from './parser/index.ts';
import { arityOf } from './passes/check-calls.ts';
import { analyzeModules } from './passes/index.ts';
import type { CompileUnit } from './passes/unit.ts';
import { LoweringError } from './plan/context.ts';
import { bodiesOfUnit, findReplacements } from './plan/documents.ts';
import { planUnit, type BuiltinFacts } from './plan/plan.ts';
import { declaration } from './types/builtins.ts';

/** Compiles modules to a {@link Program}. Never throws for anything that module text can cause. */
export const compile = (modules: readonly RegoModule[], options: CompileOptions): CompileResult => {
  const checked = check(modules, options);
  if (checked.diagnostics.length > 0) return { ok: false, diagnostics: checked.diagnostics };
  const { unit } = checked;
  try {
    const plan = planUnit(unit, options.entrypoints, builtinFacts(unit));
    const generated = generateProgram(plan, findReplacements(bodiesOfUnit(unit)).data);
    return { ok: true, program: { format: 1, entrypoints: [...options.entrypoints], ...generated } };
  } catch (error) {
    // A policy that no pass refused and that cannot be lowered must not be served: refuse it, and say why.
    if (!(error instanceof LoweringError) && !(error instanceof RangeError)) throw error;
    const location = unit.modules[0]?.packageLocation ?? { file: '', row: 1, col: 1, start: 0, end: 0 };
    return { ok: false, diagnostics: [{ code: 'rego_compile_error', message: error.message, location }] };
  }
};

/** Every problem that keeps one module, taken alone, from loading. Empty when it is accepted. */
export const checkModule = (
  module: RegoModule,
  options: Partial<Pick<CompileOptions, 'regoVersion' | 'unsafeBuiltins'>> = {},
): readonly Diagnostic[] => checkModules([module], options);

/** How modules are checked. */
export interface CheckOptions {
  readonly regoVersion?: RegoVersion | undefined;
  readonly unsafeBuiltins?: readonly string[] | undefined;
}

/** Every problem that keeps modules from loading together. */
export const checkModules = (modules: readonly RegoModule[], options: CheckOptions = {}): readonly Diagnostic[] =>
  check(modules, options).diagnostics;

interface Checked {
  readonly unit: CompileUnit;
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses, resolves, orders and checks modules. The unit is complete only without diagnostics. */
const check = (modules: readonly RegoModule[], options: CheckOptions): Checked => {
  const parsed = modules.map(({ name, source }) => parseModule(source, name, options.regoVersion ?? 'v1'));
  const problems = parsed.flatMap(({ diagnostics }) => diagnostics);
  const trees = parsed.map(({ module }) => module).filter((module) => module !== undefined);
  return problems.length > 0 ? checkTrees([], options, problems) : checkTrees(trees, options);
};

/** {@link check} from syntax trees on. */
export const checkTrees = (
  modules: readonly Module[],
  options: CheckOptions,
  problems: readonly Diagnostic[] = [],
): Checked => {
  const { unsafeBuiltins } = options;
  const analysis = analyzeModules(modules, unsafeBuiltins === undefined ? {} : { unsafeBuiltins });
  return { unit: analysis.unit, diagnostics: [...problems, ...analysis.diagnostics] };
};

/** What the plan has to know of built-ins and functions. */
export const builtinFacts = (unit: CompileUnit): BuiltinFacts => ({
  arityOf: (call) => arityOf(unit.ruleTree, call),
  isRelation: (name) => declaration(name)?.relation === true,
  isVoid: (name) => declaration(name)?.void === true,
});
