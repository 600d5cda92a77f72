import type { Module, Term } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';
import { readAnnotation, termOfValue, valueOfAnnotation } from './annotations.ts';
import type { Annotation, Scope } from './annotations.ts';
import { isMetadataCall } from './features.ts';
import { groundPrefix } from './rule-tree.ts';
import { mapBody, mapTerm } from './transform.ts';
import type { ResolvedModule, ResolvedRule } from './unit.ts';
import { chainOf } from './walk.ts';

interface Attached {
  readonly annotation: Annotation;
  readonly scope: Scope;
  /** The path that it describes, `data` left out. */
  readonly path: readonly string[];
  /** The rule behind it, for the scopes `rule` and `document`. */
  readonly rule: ResolvedRule | undefined;
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
  const attached = modules.flatMap((module) => attach(module, diagnostics));
  checkDuplicates(attached, diagnostics);
  const rewrite = (rule: ResolvedRule, module: Module): ResolvedRule => {
    const mapped = asking.has(rule) ? inRule(rule, module, attached) : rule;
    return rule.else === undefined ? mapped : { ...mapped, else: rewrite(rule.else, module) };
  };
  return {
    modules: modules.map((module) => ({ ...module, rules: module.rules.map((rule) => rewrite(rule, module)) })),
    diagnostics,
  };
};

/** Reads a module's blocks, and finds what each describes: the statement that follows it. */
const attach = (module: ResolvedModule, diagnostics: Diagnostic[]): Attached[] => {
  const found: Attached[] = [];
  const statements: { row: number; rule: ResolvedRule | 'package' | 'import' }[] = [
    { row: module.packageLocation.row, rule: 'package' as const },
    ...module.importRows.map((row) => ({ row, rule: 'import' as const })),
    ...module.rules.map((rule) => ({ row: rule.location.row, rule })),
  ];
  statements.sort((a, b) => a.row - b.row);
  for (const block of module.metadata ?? []) {
    const annotation = readAnnotation(block);
    if ('code' in annotation) {
      diagnostics.push(annotation);
      continue;
    }
    const target = statements.find(({ row }) => row > annotation.location.row)?.rule;
    const rule = typeof target === 'object' ? target : undefined;
    const scope = annotation.scope ?? defaultScope(annotation, target);
    const problem = misplaced(annotation, scope, target);
    if (problem !== undefined) {
      diagnostics.push({ code: 'rego_parse_error', message: problem, location: annotation.location });
      continue;
    }
    const path = rule === undefined ? module.package : groundPath(rule);
    found.push({ annotation, scope: scope as Scope, path, rule });
  }
  return found;
};

const defaultScope = (annotation: Annotation, target: ResolvedRule | string | undefined): string => {
  if (typeof target === 'object') return annotation.entrypoint ? 'document' : 'rule';
  return target ?? '';
};

const misplaced = (
  annotation: Annotation,
  scope: string,
  target: ResolvedRule | string | undefined,
): string | undefined => {
  if (scope !== 'rule' && scope !== 'document' && scope !== 'package' && scope !== 'subpackages') {
    return `invalid annotation scope '${scope}'. Use one of 'rule', 'document', 'package', or 'subpackages'`;
  }
  const wanted = scope === 'rule' || scope === 'document' ? 'rule' : 'package';
  const have = typeof target === 'object' ? 'rule' : target;
  if (have !== wanted) {
    return `annotation scope '${scope}' must be applied to ${wanted}${have === undefined ? '' : ` (have ${have})`}`;
  }
  return annotation.entrypoint && scope !== 'document' && scope !== 'package'
    ? `annotation entrypoint applied to non-document or package scope '${scope}'`
    : undefined;
};

/** A document, a package and a tree of packages have one annotation each. */
const checkDuplicates = (attached: readonly Attached[], diagnostics: Diagnostic[]): void => {
  const seen = new Map<string, Location>();
  for (const { annotation, scope, path } of attached) {
    if (scope === 'rule') continue;
    const key = JSON.stringify([scope, path]);
    const other = seen.get(key);
    if (other === undefined) {
      seen.set(key, annotation.location);
      continue;
    }
    const message = `${scope} annotation redeclared: ${other.file}:${other.row}`;
    diagnostics.push({ code: 'rego_type_error', message, location: annotation.location });
  }
};

const groundPath = (rule: ResolvedRule): readonly string[] =>
  groundPrefix(rule.head.ref.path).map((part) => (part.kind === 'string' ? part.value : ''));

const samePath = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((part, index) => part === b[index]);

const inRule = (rule: ResolvedRule, module: Module, attached: readonly Attached[]): ResolvedRule => {
  const own = attached.filter((one) => one.scope === 'rule' && one.rule?.id === rule.id);
  const path = groundPath(rule);
  const link = ({ annotation, scope, path: described }: Attached): unknown => ({
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
