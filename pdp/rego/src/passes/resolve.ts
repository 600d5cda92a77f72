import type { SchemaDocument } from '../api.ts';
import type { Module, Term } from '../ast.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { checkFunctions, checkVoidCalls } from './check-calls.ts';
import { checkConflicts } from './check-conflicts.ts';
import { checkTemplates } from './check-templates.ts';
import { erasePrint } from './erase-print.ts';
import { featuresOf, type Features } from './features.ts';
import { PrintKeeper } from './keep-print.ts';
import { mapRules, resolveNames } from './resolve-names.ts';
import { WithResolver } from './resolve-with.ts';
import { describedBy, rewriteMetadata } from './rewrite-metadata.ts';
import { buildRuleTree } from './rule-tree.ts';
import type { SchemaTypes } from '../types/document-type.ts';
import { schemaTypesOf } from './schema-types.ts';
import { mapList, update } from './transform.ts';
import type { CompileUnit, ResolvedModule, ResolvedRule } from './unit.ts';
import { chainOf } from './walk.ts';

export interface ResolveOptions {
  /** Built-ins that count as unknown. Default none. */
  readonly unsafeBuiltins?: readonly string[] | undefined;
  /** What becomes of calls of `print`. Default `erase`. */
  readonly print?: 'erase' | 'keep' | undefined;
  /** Also reports what is legal and most likely a mistake: see `CompileOptions`. Default false. */
  readonly strict?: boolean | undefined;
  /** Whether annotations count, beyond what rules ask of them: see `CompileOptions`. Default false. */
  readonly annotations?: boolean | undefined;
  /** Schemas by name: see `CompileOptions`. */
  readonly schemas?: readonly SchemaDocument[] | undefined;
}

/** Modules with all names resolved. */
export interface Resolved {
  /** Complete only where `fatal` is false. */
  readonly unit: CompileUnit;
  /** A unit with any diagnostic must not be used to evaluate anything. */
  readonly diagnostics: readonly Diagnostic[];
  /** True where later phases must not run: what they would find are echoes. */
  readonly fatal: boolean;
}

/**
 * Resolves the names of modules that are compiled together, and checks all that can be checked before the order of
 * evaluation is known. Phases run in OPA's order; the first one with a fatal diagnostic is the last. Never throws.
 */
export const resolveModules = (modules: readonly Module[], options: ResolveOptions = {}): Resolved => {
  const unsafeBuiltins = new Set(options.unsafeBuiltins);
  const strict = options.strict === true;
  const named = resolveNames(modules, strict);
  const unit = (
    resolved: readonly ResolvedModule[],
    ruleTree = buildRuleTree(resolved),
    schemaTypes?: SchemaTypes,
  ): CompileUnit => ({
    modules: resolved,
    ruleTree,
    unsafeBuiltins,
    strict,
    schemaTypes,
  });
  const stop = (fatal: readonly Diagnostic[]): Resolved => ({
    unit: unit([]),
    diagnostics: [...named.recoverable, ...fatal],
    fatal: true,
  });
  if (named.fatal.length > 0) return stop(named.fatal);

  let resolved = named.modules;
  const has = featuresIn(resolved);
  if (has.some('templates')) {
    const templates = checkTemplates(resolved, buildRuleTree(resolved), has.in('templates'));
    if (templates.length > 0) return stop(templates);
  }
  if (has.some('voids')) {
    const voids = checkVoidCalls(resolved, has.in('voids'));
    if (voids.length > 0) return stop(voids);
    const prints = options.print === 'keep' ? new PrintKeeper(buildRuleTree(resolved)) : undefined;
    const settlePrint = (rule: ResolvedRule): ResolvedRule => prints?.rule(rule) ?? erasePrint(rule);
    resolved = mapRules(resolved, (rule) => (has.in('voids')(rule) ? settlePrint(rule) : rule));
    if (prints !== undefined && prints.diagnostics.length > 0) return stop(prints.diagnostics);
  }
  const problems: Diagnostic[] = [];
  const described = options.annotations === true ? describedBy(resolved, problems) : [];
  if (problems.length > 0) return stop(problems);
  if (has.some('metadata')) {
    const metadata = rewriteMetadata(resolved, has.in('metadata'));
    if (metadata.diagnostics.length > 0) return stop(metadata.diagnostics);
    resolved = metadata.modules;
  }
  if (has.some('withs')) {
    const withs = new WithResolver(buildRuleTree(resolved), unsafeBuiltins);
    resolved = mapRules(resolved, (rule) => (has.in('withs')(rule) ? resolveWiths(rule, withs) : rule));
    if (withs.diagnostics.length > 0) return stop(withs.diagnostics);
  }

  const ruleTree = buildRuleTree(resolved);
  const conflicts = checkConflicts(resolved, ruleTree);
  if (conflicts.length > 0) return stop(conflicts);
  const functions = checkFunctions(resolved, ruleTree);
  if (functions.length > 0) return stop(functions);
  if (options.schemas === undefined && described.length === 0) {
    return { unit: unit(resolved, ruleTree), diagnostics: named.recoverable, fatal: false };
  }
  const schemas = schemaTypesOf(options.schemas, resolved, described);
  const diagnostics = [...named.recoverable, ...schemas.diagnostics];
  return { unit: unit(resolved, ruleTree, schemas.types), diagnostics, fatal: false };
};

/** Which rules hold what some passes look for. */
const featuresIn = (modules: readonly ResolvedModule[]) => {
  const holders: Readonly<Record<keyof Features, Set<number>>> = {
    templates: new Set(),
    voids: new Set(),
    metadata: new Set(),
    withs: new Set(),
  };
  for (const { rules } of modules) {
    for (const rule of rules) {
      for (const one of chainOf(rule)) {
        const features = featuresOf(one);
        if (features.templates) holders.templates.add(one.id);
        if (features.voids) holders.voids.add(one.id);
        if (features.metadata) holders.metadata.add(one.id);
        if (features.withs) holders.withs.add(one.id);
      }
    }
  }
  return {
    some: (feature: keyof Features): boolean => holders[feature].size > 0,
    in:
      (feature: keyof Features) =>
      ({ id }: ResolvedRule): boolean =>
        holders[feature].has(id),
  };
};

const resolveWiths = (rule: ResolvedRule, withs: WithResolver): ResolvedRule => {
  const term = (inner: Term): Term => withs.term(inner);
  const { head } = rule;
  return update(rule, {
    head: update(head, {
      args: head.args && mapList(head.args, term),
      key: head.key && term(head.key),
      value: head.value && term(head.value),
    }),
    body: withs.body(rule.body),
  });
};
