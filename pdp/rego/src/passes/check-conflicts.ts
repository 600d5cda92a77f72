import type { Diagnostic, Location } from '../diagnostics.ts';
import { MAX_LISTED } from '../limits.ts';
import { printPath, printTerm } from '../print.ts';
import { childrenOf, groundPrefix, walkTree } from './rule-tree.ts';
import type { ResolvedModule, ResolvedRule, RuleTreeNode } from './unit.ts';

/** Rules that cannot stand beside each other, and rules that stand where a package is. */
export const checkConflicts = (modules: readonly ResolvedModule[], root: RuleTreeNode): Diagnostic[] => {
  const diagnostics: Diagnostic[] = [];
  const packages = new Map(modules.map((module) => [module.file, module.packageLocation]));
  walkTree(root, (node) => {
    const problem = node.rules.length === 0 ? undefined : conflictAt(node, packages);
    if (problem !== undefined) diagnostics.push(problem);
  });
  return [...diagnostics, ...packageConflicts(modules)];
};

const typeError = (message: string, location: Location): Diagnostic => ({ code: 'rego_type_error', message, location });

const isGroundRef = (rule: ResolvedRule): boolean =>
  groundPrefix(rule.head.ref.path).length === rule.head.ref.path.length;

/** A rule that gives one value, and not the elements of a set. */
const isSingleValue = (rule: ResolvedRule): boolean => rule.head.value !== undefined;

const at = ({ file, row }: Location): string => `${file}:${row}`;

const conflictAt = (node: RuleTreeNode, packages: ReadonlyMap<string, Location>): Diagnostic | undefined => {
  const { rules } = node;
  const [first] = rules;
  if (first === undefined) return undefined;
  const name = (): string => printTerm((rules.at(-1) ?? first).head.ref);
  const below = conflictsBelow(node);
  if (below.length > 0) {
    const lines = below.map((rule) => `\n  rule ${printTerm(rule.head.ref)} at ${at(rule.location)}`);
    return typeError(`rule ${name()} conflicts with:${lines.join('')}`, first.location);
  }
  if (rules.length === 1) return undefined;
  const kinds = new Set(rules.map(isSingleValue));
  const arities = new Set(rules.map(({ head }) => head.args?.length ?? 0));
  const complete = new Set(rules.map((rule) => isSingleValue(rule) && isGroundRef(rule)));
  const sets = new Set(rules.filter((rule) => !isSingleValue(rule)).map(isGroundRef));
  if (kinds.size > 1 || arities.size > 1 || complete.size > 1 || sets.size > 1) {
    return typeError(`conflicting rules ${name()} found`, first.location);
  }
  const defaults = rules.filter((rule) => rule.default);
  const [defaultRule] = defaults;
  if (defaults.length < 2 || defaultRule === undefined) return undefined;
  return typeError(
    `multiple default rules ${name()} found at ${defaults.map(({ location }) => at(location)).join(', ')}`,
    packages.get(defaultRule.location.file) ?? defaultRule.location,
  );
};

/** Rules with one value own all below them; functions cannot stand inside what another rule generates. Some, where there are many. */
const conflictsBelow = (node: RuleTreeNode): readonly ResolvedRule[] => {
  const children = childrenOf(node);
  if (children.length === 0) return [];
  const onlyFunctions = !node.rules.some(isGroundRef);
  const found: ResolvedRule[] = [];
  for (const child of children) {
    walkTree(child, ({ rules }) => {
      if (found.length >= MAX_LISTED) return;
      const candidates = rules.filter((rule) => !onlyFunctions || rule.head.rule === 'function');
      for (const rule of candidates) {
        if (found.length < MAX_LISTED && !found.some((other) => isBelow(rule, other))) found.push(rule);
      }
    });
  }
  return found;
};

/** Whether one rule's path starts with another's, so that naming the other is enough. */
const isBelow = (rule: ResolvedRule, other: ResolvedRule): boolean => {
  const [a, b] = [rule.head.ref.path, other.head.ref.path];
  return b.length <= a.length && b.every((part, index) => printTerm(part) === printTerm(a[index] ?? part));
};

const packageConflicts = (modules: readonly ResolvedModule[]): Diagnostic[] => {
  const byPackage = Map.groupBy(modules, (module) => printPath(['data', ...module.package]));
  return modules.flatMap((module) =>
    module.rules.filter(isGroundRef).flatMap((rule) => {
      const others = byPackage.get(printTerm(rule.head.ref)) ?? [];
      return others
        .filter((other) => other !== module)
        .map((other) =>
          typeError(
            `package ${printPath(other.package)} conflicts with rule ${printTerm(rule.head.ref)} defined at ${at(rule.location)}`,
            module.packageLocation,
          ),
        );
    }),
  );
};
