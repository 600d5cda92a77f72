import type { CompileOptions, CompileResult, Program, RegoModule } from './api.ts';
import type { Module, RegoVersion } from './ast.ts';
import { generateProgram } from './codegen/program.ts';
import type { Diagnostic, Location } from './diagnostics.ts';
import { LimitExceeded, MAX_SOURCE_LENGTH, tooMuch } from './limits.ts';
import { parseModule } from './parser/index.ts';
import { annotationProblems } from './passes/attach-annotations.ts';
import { arityOf } from './passes/check-calls.ts';
import { analyzeResolved } from './passes/index.ts';
import { resolveModules, type Resolved, type ResolveOptions } from './passes/resolve.ts';
import type { CompileUnit } from './passes/unit.ts';
import { LoweringError } from './plan/context.ts';
import { bodiesOfUnit, documentPlaces, findReplacements } from './plan/documents.ts';
import type { Plan } from './plan/ir.ts';
import { planUnit, type BuiltinFacts } from './plan/plan.ts';
import { declaration } from './types/builtins.ts';

/** Compiles modules to a {@link Program}. Never throws for anything that module text can cause. */
export const compile = (modules: readonly RegoModule[], options: CompileOptions): CompileResult => {
  const lowered = checkAndLower(modules, options);
  return 'diagnostics' in lowered ? { ok: false, diagnostics: lowered.diagnostics } : generate(lowered);
};

/**
 * A function of its own, so that syntax trees are free while code is generated: V8 keeps alive whatever a frame has held
 * until it is left.
 */
const checkAndLower = (modules: readonly RegoModule[], options: CompileOptions): Lowered | Refused =>
  lower(check(modules, options), options);

interface Lowered {
  readonly plan: Plan;
  readonly replacedData: readonly (readonly string[])[];
  readonly program: Omit<Program, 'code' | 'builtins'>;
  /** Where to point at when the plan turns out to be too much. */
  readonly location: Location;
}

interface Refused {
  readonly diagnostics: readonly Diagnostic[];
}

const lower = ({ unit, diagnostics }: Checked, options: CompileOptions): Lowered | Refused => {
  if (diagnostics.length > 0) return { diagnostics };
  const location = unit.modules[0]?.packageLocation ?? { file: '', row: 1, col: 1, start: 0, end: 0 };
  return refusing(location, () => {
    const documents = options.documents === true ? documentPlaces(unit.ruleTree) : [];
    const asked = documents.flatMap((place) =>
      place.kind === 'function' ? [] : [{ name: place.entrypoint, path: place.path }],
    );
    return {
      plan: planUnit(unit, [...options.entrypoints, ...asked], builtinFacts(unit)),
      replacedData: findReplacements(bodiesOfUnit(unit)).data,
      program: {
        format: 1,
        entrypoints: [...options.entrypoints, ...asked.map(({ name }) => name)],
        ...(options.documents === true ? { documents } : {}),
      },
      location,
    };
  });
};

const generate = ({ plan, replacedData, program, location }: Lowered): CompileResult => {
  const generated = refusing(location, () => generateProgram(plan, replacedData));
  if ('diagnostics' in generated) return { ok: false, diagnostics: generated.diagnostics };
  return { ok: true, program: { ...program, ...generated } };
};

/** A policy that no pass refused and that cannot be lowered must not be served: refuses it, and says why. */
const refusing = <T>(location: Location, run: () => T): T | Refused => {
  try {
    return run();
  } catch (error) {
    if (error instanceof LoweringError) {
      return { diagnostics: [{ code: 'rego_compile_error', message: error.message, location }] };
    }
    if (!(error instanceof LimitExceeded) && !(error instanceof RangeError)) throw error;
    return { diagnostics: [tooMuch(error, { packageLocation: location })] };
  }
};

/** How modules are checked: see `CompileOptions`. */
export interface CheckOptions extends ResolveOptions {
  readonly regoVersion?: RegoVersion | undefined;
}

/** Every problem that keeps modules from loading together. */
export const checkModules = (modules: readonly RegoModule[], options: CheckOptions = {}): readonly Diagnostic[] =>
  check(modules, options).diagnostics;

interface Checked {
  readonly unit: CompileUnit;
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses, resolves, orders and checks modules. The unit is complete only without diagnostics. */
const check = (modules: readonly RegoModule[], options: CheckOptions): Checked =>
  analyzeResolved(resolveSources(modules, options));

const resolveSources = (modules: readonly RegoModule[], options: CheckOptions): Resolved => {
  const long = firstTooLong(modules);
  if (long !== undefined) return { ...resolveModules([], options), diagnostics: [long], fatal: true };
  const parsed = modules.map(({ name, source }) => parseModule(source, name, options.regoVersion ?? 'v1'));
  const trees = parsed.map(({ module }) => module).filter((module) => module !== undefined);
  const annotated = options.annotations === true ? trees.flatMap(annotationProblems) : [];
  const problems = [...parsed.flatMap(({ diagnostics }) => diagnostics), ...annotated];
  if (problems.length === 0) return resolveModules(trees, options);
  return { ...resolveModules([], options), diagnostics: problems, fatal: true };
};

/** The module with which the text of all is longer than it may be. */
const firstTooLong = (modules: readonly RegoModule[]): Diagnostic | undefined => {
  let length = 0;
  for (const { name, source } of modules) {
    length += source.length;
    if (length <= MAX_SOURCE_LENGTH) continue;
    const message = `the modules have more than ${MAX_SOURCE_LENGTH} characters together`;
    return { code: 'rego_parse_error', message, location: { file: name, row: 1, col: 1, start: 0, end: 0 } };
  }
  return undefined;
};

/** Resolves, orders and checks syntax trees. The unit is complete only without diagnostics. */
export const checkTrees = (modules: readonly Module[], options: CheckOptions): Checked =>
  analyzeResolved(resolveModules(modules, options));

/** What the plan has to know of built-ins and functions. */
export const builtinFacts = (unit: CompileUnit): BuiltinFacts => ({
  arityOf: (call) => arityOf(unit.ruleTree, call),
  isRelation: (name) => declaration(name)?.relation === true,
  isVoid: (name) => declaration(name)?.void === true,
});
