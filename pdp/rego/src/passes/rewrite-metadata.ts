import type { Module, Rule, Term } from '../ast.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { termOfValue, valueOfAnnotation } from './annotations.ts';
import { attachAnnotations, checkDuplicates, type Attached } from './attach-annotations.ts';
import { isMetadataCall } from './features.ts';
import { groundPrefix } from './rule-tree.ts';
import { mapBody, mapTerm } from './transform.ts';
import type { ResolvedModule, ResolvedRule } from './unit.ts';
import { chainOf } from './walk.ts';

/** An annotation of a module whose names are resolved. */
export interface Described extends Attached<ResolvedRule> {
  /** The path that it describes, `data` left out. */
  readonly path: readonly string[];
}

/**
 * Puts annotations in the place of calls of `rego.metadata.chain` and `.rule`, which are constants of the rule that
 * calls them. `asks` says which rules have such calls. Annotations are read only if some rule of the unit asks for them: only then is a malformed one an error.
 */
export const rewriteMetadata = (
  modules: readonly ResolvedModule[],
  asks: (rule: ResolvedRule) => boolean,
): { readonly modules: readonly ResolvedModule[]; readonly diagnostics: readonly Diagnostic[] } => {
  const asking = new Set(modules.flatMap(({ rules }) => rules.flatMap((one) => [...chainOf(one)].filter(asks))));
  if (asking.size === 0) return { modules, diagnostics: [] };
  const diagnostics: Diagnostic[] = [];
  const attached = describedBy(modules, diagnostics);
  const rewrite = (rule: ResolvedRule, module: Module): ResolvedRule => {
    const mapped = asking.has(rule) ? inRule(rule, module, attached) : rule;
    return rule.else === undefined ? mapped : { ...mapped, else: rewrite(rule.else, module) };
  };
  return {
    modules: modules.map((module) => ({ ...module, rules: module.rules.map((rule) => rewrite(rule, module)) })),
    diagnostics,
  };
};

/** The annotations of modules. Diagnostics tell of those that are malformed, misplaced or there twice. */
export const describedBy = (modules: readonly ResolvedModule[], diagnostics: Diagnostic[]): readonly Described[] => {
  const attached = modules.flatMap((module) =>
    attachAnnotations(module, module.importRows, diagnostics).map((one): Described => ({
      ...one,
      path: one.rule === undefined ? module.package : groundPath(one.rule),
    })),
  );
  checkDuplicates(attached, diagnostics);
  return attached;
};

/** The place of a rule below `data`, so far as it is constant. */
export const groundPath = (rule: Rule): readonly string[] =>
  groundPrefix(rule.head.ref.path).map((part) => (part.kind === 'string' ? part.value : ''));

const samePath = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((part, index) => part === b[index]);

const inRule = (rule: ResolvedRule, module: Module, attached: readonly Described[]): ResolvedRule => {
  const own = attached.filter((one) => one.scope === 'rule' && one.rule?.id === rule.id);
  const path = groundPath(rule);
  const link = ({ annotation, scope, path: described }: Described): unknown => ({
    path: described,
    annotations: valueOfAnnotation(annotation, scope),
  });
  // From the closest to the farthest: the rule's own, its document's, its package's, those of packages around it.
  const chain: unknown[] = own.length === 0 ? [{ path }] : own.toReversed().map(link);
  chain.push(...attached.filter((one) => one.scope === 'document' && samePath(one.path, path)).map(link));
  chain.push(...attached.filter((one) => one.scope === 'package' && samePath(one.path, module.package)).map(link));
  const around = attached.filter(
    (one) => one.scope === 'subpackages' && samePath(one.path, module.package.slice(0, one.path.length)),
  );
  chain.push(...around.sort((a, b) => b.path.length - a.path.length).map(link));
  const [first] = own;
  const annotation = first === undefined ? {} : valueOfAnnotation(first.annotation, 'rule');

  const term = (t: Term): Term => {
    if (t.kind !== 'call' || !isMetadataCall(t)) return t;
    const value = termOfValue(t.operator[2] === 'chain' ? chain : annotation, t.location);
    const [output, ...more] = t.args;
    if (output === undefined) return value;
    // What a call names as its result is compared with it.
    return more.length > 0 ? t : { ...t, operator: ['eq'], target: 'builtin', args: [output, value] };
  };
  const { head } = rule;
  const map = (t: Term): Term => mapTerm(t, { term });
  return {
    ...rule,
    head: { ...head, args: head.args?.map(map), key: head.key && map(head.key), value: head.value && map(head.value) },
    body: mapBody(rule.body, { term }),
  };
};
