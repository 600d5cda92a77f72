import type { Module, Rule, Term } from '../ast.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { checkFunctions, checkVoidCalls } from './check-calls.ts';
import { checkConflicts } from './check-conflicts.ts';
import { checkDocumentNames, checkImports } from './check-overrides.ts';
import { checkTemplates } from './check-templates.ts';
import { erasePrint } from './erase-print.ts';
import { featuresOf } from './features.ts';
import type { Features } from './features.ts';
import { rewriteHeadRef } from './head-refs.ts';
import { rewriteLocals } from './locals.ts';
import { globalsOf } from './names.ts';
import { resolveRefs } from './resolve-refs.ts';
import { rewriteMetadata } from './rewrite-metadata.ts';
import { WithResolver } from './resolve-with.ts';
import { buildRuleTree } from './rule-tree.ts';
import { UniqueNames } from './scope.ts';
import { needsUnboundGenerated, neverDefined } from './unbound-heads.ts';
import type { CompileUnit, ResolvedModule, ResolvedRule } from './unit.ts';
import { chainOf } from './walk.ts';

export interface ResolveOptions {
  /** Built-ins that count as unknown. Default none. */
  readonly unsafeBuiltins?: readonly string[];
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
  const recoverable: Diagnostic[] = [];
  const stop = (fatal: readonly Diagnostic[], resolved: readonly ResolvedModule[] = []): Resolved => ({
    unit: { modules: resolved, ruleTree: buildRuleTree(resolved), unsafeBuiltins },
    diagnostics: [...recoverable, ...fatal],
    fatal: fatal.length > 0,
  });

  const refs = resolveAllRefs(modules);
  if (refs.diagnostics.length > 0) return stop(refs.diagnostics);
  for (const module of modules) if (module.regoVersion === 'v1') recoverable.push(...checkImports(module));

  const locals: Diagnostic[] = [];
  let id = 0;
  let resolved: readonly ResolvedModule[] = modules.map((module, index): ResolvedModule => {
    const rules = refs.rules[index] ?? [];
    if (module.regoVersion === 'v1') recoverable.push(...checkDocumentNames(rules));
    const rewritten = rules.map((rule) => {
      const names = new UniqueNames();
      const result = rewriteLocals(
        mapChain(rule, (one) => rewriteHeadRef(one, module.package, names)),
        names,
      );
      locals.push(...result.diagnostics);
      recoverable.push(...result.recoverable);
      return mapChain(result.rule, (one) => (needsUnboundGenerated(one) ? neverDefined(one) : one));
    });
    const numbered = (rule: Rule): ResolvedRule => ({
      ...rule,
      id: id++,
      regoVersion: module.regoVersion,
      else: rule.else && numbered(rule.else),
    });
    return {
      ...module,
      imports: [],
      importRows: module.imports.map(({ location }) => location.row),
      rules: rewritten.map(numbered),
    };
  });
  if (locals.length > 0) return stop(locals);

  const features = new Map<number, Features>();
  for (const { rules } of resolved) {
    for (const rule of rules) for (const one of chainOf(rule)) features.set(one.id, featuresOf(one));
  }
  const has =
    (feature: keyof Features) =>
    ({ id: rule }: ResolvedRule): boolean =>
      features.get(rule)?.[feature] === true;
  const templates = checkTemplates(resolved, buildRuleTree(resolved), has('templates'));
  if (templates.length > 0) return stop(templates);
  const voids = checkVoidCalls(resolved, has('voids'));
  if (voids.length > 0) return stop(voids);
  resolved = mapRules(resolved, (rule) => (has('voids')(rule) ? erasePrint(rule) : rule));

  const metadata = rewriteMetadata(resolved, has('metadata'));
  if (metadata.diagnostics.length > 0) return stop(metadata.diagnostics);
  resolved = metadata.modules;

  const withs = new WithResolver(buildRuleTree(resolved), unsafeBuiltins);
  resolved = mapRules(resolved, (rule) => (has('withs')(rule) ? resolveWiths(rule, withs) : rule));
  if (withs.diagnostics.length > 0) return stop(withs.diagnostics);

  const ruleTree = buildRuleTree(resolved);
  const conflicts = checkConflicts(resolved, ruleTree);
  if (conflicts.length > 0) return stop(conflicts);
  const functions = checkFunctions(resolved, ruleTree);
  if (functions.length > 0) return stop(functions);
  return stop([], resolved);
};

const resolveAllRefs = (modules: readonly Module[]): { rules: Rule[][]; diagnostics: Diagnostic[] } => {
  const names = new Map<string, Set<string>>();
  for (const module of modules) {
    const key = JSON.stringify(module.package);
    const known = names.get(key) ?? new Set();
    for (const { head } of module.rules) if (head.ref.head.kind === 'var') known.add(head.ref.head.name);
    names.set(key, known);
  }
  const diagnostics: Diagnostic[] = [];
  const rules = modules.map((module) => {
    const globals = globalsOf(module, names.get(JSON.stringify(module.package)) ?? []);
    return module.rules.map((rule) => {
      const resolved = resolveRefs(rule, globals);
      diagnostics.push(...resolved.diagnostics);
      return resolved.rule;
    });
  });
  return { rules, diagnostics };
};

/** Maps a rule and each of its `else`s alone. */
const mapChain = <R extends Rule>(rule: R, map: (rule: R) => R): R => {
  const mapped = map(rule);
  return rule.else === undefined ? mapped : { ...mapped, else: mapChain(rule.else as R, map) };
};

const mapRules = (
  modules: readonly ResolvedModule[],
  map: (rule: ResolvedRule) => ResolvedRule,
): readonly ResolvedModule[] =>
  modules.map((module) => ({ ...module, rules: module.rules.map((rule) => mapChain(rule, map)) }));

const mapTerms = (rule: ResolvedRule, term: (term: Term) => Term): ResolvedRule['head'] => {
  const { head } = rule;
  return {
    ...head,
    args: head.args?.map(term),
    key: head.key && term(head.key),
    value: head.value && term(head.value),
  };
};

const resolveWiths = (rule: ResolvedRule, withs: WithResolver): ResolvedRule => ({
  ...rule,
  head: mapTerms(rule, (term) => withs.term(term)),
  body: withs.body(rule.body),
});
