import type { Body, CallTerm, Expr, RefTerm, Term } from '../ast.ts';
import { LimitExceeded, MAX_DEPENDENCIES } from '../limits.ts';
import { isConstant } from '../types/constant.ts';
import { childOf, childrenOf, walkTree } from './rule-tree.ts';
import type { CompileUnit, ResolvedRule, RuleTreeNode } from './unit.ts';
import { varsOfExpr, varsOfTerm } from './vars.ts';
import { chainOf, headTerms } from './walk.ts';

/** One way in which a rule uses another: certain, or only where a variable happens to have the right value. */
export interface Dependency {
  readonly rule: ResolvedRule;
  readonly certain: boolean;
}

/** What every rule uses; `else`s are rules of their own here. */
export type DependencyGraph = ReadonlyMap<ResolvedRule, ReadonlyMap<ResolvedRule, boolean>>;

/** How many references one reference with variables may stand for before its variables count as unknown. */
const MAX_EXPANSION = 64;

/**
 * Which rules each rule of a unit may use. Variables that can only have few constant values narrow what they select.
 * Throws {@link LimitExceeded}.
 */
export const dependenciesOf = (unit: CompileUnit): DependencyGraph => {
  const graph = new Map<ResolvedRule, Map<ResolvedRule, boolean>>();
  let count = 0;
  for (const module of unit.modules) {
    for (const rule of module.rules.flatMap((r) => [...chainOf(r)])) {
      const used = dependenciesOfRule(unit, rule);
      count += used.size;
      if (count > MAX_DEPENDENCIES) {
        throw new LimitExceeded('the policy is too large: its rules use each other in too many ways', rule.location);
      }
      graph.set(rule, used);
    }
  }
  return graph;
};

const dependenciesOfRule = (unit: CompileUnit, rule: ResolvedRule): Map<ResolvedRule, boolean> => {
  const found = new Map<ResolvedRule, boolean>();
  const known = new Map<string, readonly Term[]>();
  const bound = new Set<string>();
  for (const term of headTerms(rule)) varsOfTerm(term, {}, bound);
  const add = (ref: RefTerm): void => {
    const dynamic = ref.path.some((part) => !isConstant(part));
    const expanded = dynamic ? expand(ref.path, known) : [ref.path];
    const only = expanded.length === 1 ? (expanded[0] ?? ref.path) : ref.path;
    for (const path of expanded) {
      for (const target of rulesSelected(unit.ruleTree, path)) {
        const certain = !dynamic || selectsForSure(only, target, bound);
        for (const one of chainOf(target)) found.set(one, (found.get(one) ?? false) || certain);
      }
    }
  };
  for (const expr of rule.body) {
    forEachDocument([expr], add);
    learnValues(expr, known);
    varsOfExpr(expr, {}, bound);
  }
  for (const term of headTerms(rule)) forEachDocumentInTerm(term, add);
  return found;
};

/** Remembers which constants a literal `x = …` lets a variable be. */
const learnValues = (expr: Expr, known: Map<string, readonly Term[]>): void => {
  const { term } = expr;
  if (term.kind !== 'call' || term.operator.join('.') !== 'eq' || expr.negated || expr.with.length > 0) return;
  const [left, right] = term.args;
  if (left === undefined || right === undefined) return;
  for (const [target, source] of [
    [left, right],
    [right, left],
  ] as const) {
    if (target.kind !== 'var') continue;
    const values = constantsOf(source, known);
    if (values === undefined) continue;
    if (!known.has(target.name)) known.set(target.name, values);
    return;
  }
};

/** The constants that a term can be; undefined where that is not known. */
const constantsOf = (term: Term, known: ReadonlyMap<string, readonly Term[]>): readonly Term[] | undefined => {
  if (term.kind === 'var') return known.get(term.name);
  if (isConstant(term)) return [term];
  if (term.kind !== 'ref') return undefined;
  let values = constantsOf(term.head, known);
  for (const part of term.path) {
    const members: Term[] = [];
    for (const value of values ?? []) {
      const selected = isConstant(part) ? member(value, part) : allMembers(value);
      if (selected === undefined) return undefined;
      members.push(...selected);
    }
    if (values === undefined || members.length > MAX_EXPANSION) return undefined;
    values = members;
  }
  return values;
};

const allMembers = (value: Term): readonly Term[] | undefined => {
  if (value.kind === 'array' || value.kind === 'set') return value.items;
  return value.kind === 'object' ? value.entries.map(([, item]) => item) : undefined;
};

const sameConstant = (a: Term, b: Term): boolean =>
  a.kind === 'string' && b.kind === 'string'
    ? a.value === b.value
    : a.kind === b.kind && JSON.stringify(a, withoutLocation) === JSON.stringify(b, withoutLocation);

const withoutLocation = (key: string, value: unknown): unknown => (key === 'location' ? undefined : value);

const member = (value: Term, key: Term): readonly Term[] => {
  switch (value.kind) {
    case 'array': {
      const item = key.kind === 'number' ? value.items[Number(key.text)] : undefined;
      return item === undefined ? [] : [item];
    }
    case 'object':
      return value.entries.filter(([name]) => sameConstant(name, key)).map(([, item]) => item);
    case 'set':
      return value.items.filter((item) => sameConstant(item, key));
    default:
      return [];
  }
};

/** The references that a reference with variables can stand for; never none. */
const expand = (path: readonly Term[], known: ReadonlyMap<string, readonly Term[]>): (readonly Term[])[] => {
  let expanded: (readonly Term[])[] = [path];
  path.forEach((part, index) => {
    if (isConstant(part)) return;
    const values = constantsOf(part, known);
    if (values === undefined || values.length === 0 || expanded.length * values.length > MAX_EXPANSION) return;
    expanded = expanded.flatMap((prefix) => values.map((value) => prefix.with(index, value)));
  });
  return expanded;
};

/** The rules that a path below `data` may select: those above, at and below it. */
export const rulesSelected = (root: RuleTreeNode, path: readonly Term[]): ReadonlySet<ResolvedRule> => {
  const selected = new Set<ResolvedRule>();
  const visit = (node: RuleTreeNode, index: number): void => {
    const part = path[index];
    if (part === undefined) {
      walkTree(node, ({ rules }) => {
        for (const rule of rules) selected.add(rule);
      });
      return;
    }
    const child = isConstant(part) ? childOf(node, part) : undefined;
    const next = isConstant(part) ? (child === undefined ? [] : [child]) : childrenOf(node);
    for (const one of next) {
      for (const rule of one.rules) if (mayIntersect(rule, path, index + 1)) selected.add(rule);
      visit(one, index + 1);
    }
  };
  visit(root, 0);
  return selected;
};

const mayIntersect = (rule: ResolvedRule, path: readonly Term[], from: number): boolean => {
  const own = rule.head.ref.path;
  for (let index = from; index < own.length && index < path.length; index++) {
    const [a, b] = [own[index], path[index]];
    if (a !== undefined && b !== undefined && isConstant(a) && isConstant(b) && !sameConstant(a, b)) return false;
  }
  return true;
};

/** Whether a path selects a rule whatever its variables are: unbound variables that occur once select everything. */
const selectsForSure = (path: readonly Term[], rule: ResolvedRule, bound: ReadonlySet<string>): boolean => {
  const own = rule.head.ref.path;
  return own.slice(0, path.length).every((ownPart, index) => {
    const part = path[index];
    if (part === undefined || !isConstant(ownPart)) return true;
    if (part.kind === 'var' && !bound.has(part.name)) {
      return path.filter((other) => other.kind === 'var' && other.name === part.name).length === 1;
    }
    return isConstant(part) && sameConstant(part, ownPart);
  });
};

/** Calls `visit` for every reference below `data` in a body: called functions, and what `with` names, included. */
const forEachDocument = (body: Body, visit: (ref: RefTerm) => void): void => {
  for (const expr of body) {
    const { term } = expr;
    switch (term.kind) {
      case 'some':
        break;
      case 'every':
        forEachDocumentInTerm(term.domain, visit);
        forEachDocument(term.body, visit);
        break;
      case 'not-body':
        forEachDocument(term.body, visit);
        break;
      case 'and':
      case 'or':
        forEachDocument(term.left, visit);
        forEachDocument(term.right, visit);
        break;
      default:
        forEachDocumentInTerm(term, visit);
    }
    for (const { target, value } of expr.with) {
      forEachDocumentInTerm(target, visit);
      forEachDocumentInTerm(value, visit);
    }
  }
};

const forEachDocumentInTerm = (term: Term, visit: (ref: RefTerm) => void): void => {
  const all = (terms: readonly Term[]): void => {
    for (const inner of terms) forEachDocumentInTerm(inner, visit);
  };
  switch (term.kind) {
    case 'ref':
      if (term.head.kind === 'var' && term.head.name === 'data') visit(term);
      all([term.head, ...term.path]);
      return;
    case 'call':
      if (term.operator[0] === 'data') visit(calledFunction(term));
      all(term.args);
      return;
    case 'array':
    case 'set':
      all(term.items);
      return;
    case 'object':
      all(term.entries.flat());
      return;
    case 'array-comprehension':
    case 'set-comprehension':
      all([term.term]);
      forEachDocument(term.body, visit);
      return;
    case 'object-comprehension':
      all([term.key, term.value]);
      forEachDocument(term.body, visit);
      return;
    case 'template-string':
      for (const part of term.parts) {
        if (typeof part === 'string') continue;
        if (part.kind === 'expr') forEachDocument([part], visit);
        else all([part]);
      }
      return;
    default:
  }
};

const calledFunction = ({ operator, location }: CallTerm): RefTerm => {
  const [name = '', ...rest] = operator;
  const path = rest.map((value): Term => ({ kind: 'string', value, location }));
  return { kind: 'ref', head: { kind: 'var', name, location }, path, location };
};

/** Finds the rules that a reference selects, and all that use them, directly or not. */
export const createDependentsFinder = (
  unit: CompileUnit,
  graph: DependencyGraph,
): ((ref: RefTerm) => readonly ResolvedRule[]) => {
  const users = new Map<ResolvedRule, ResolvedRule[]>();
  for (const [rule, dependencies] of graph) {
    for (const used of dependencies.keys()) {
      const known = users.get(used);
      if (known === undefined) users.set(used, [rule]);
      else known.push(rule);
    }
  }
  return (ref) => {
    if (ref.head.kind !== 'var' || ref.head.name !== 'data') return [];
    const found = new Set<ResolvedRule>();
    const open = [...rulesSelected(unit.ruleTree, ref.path)];
    for (let rule = open.pop(); rule !== undefined; rule = open.pop()) {
      if (found.has(rule)) continue;
      found.add(rule);
      open.push(...(users.get(rule) ?? []));
    }
    return [...found];
  };
};
