import type { DocumentPlace } from '../api.ts';
import type { Body, RefTerm, Term } from '../ast.ts';
import type { CompileUnit, ResolvedRule, RuleTreeNode } from '../passes/unit.ts';
import { childrenOf } from '../passes/rule-tree.ts';
import { chainOf, forEachExpr } from '../passes/walk.ts';
import { sortStrings } from '../runtime/value.ts';

/** A document that rules define, before its bodies are lowered. */
export interface GroupOutline {
  readonly id: number;
  readonly path: readonly string[];
  readonly kind: 'complete' | 'function' | 'set' | 'object';
  readonly arity: number;
  /** Without `default` rules. */
  readonly rules: readonly ResolvedRule[];
  readonly fallback: ResolvedRule | undefined;
  /** What is there although no rule may give anything. */
  readonly skeleton: readonly SkeletonPart[];
}

/** An object or set at a path of constants below a document. */
export interface SkeletonPart {
  readonly path: readonly Term[];
  readonly kind: 'object' | 'set';
}

export interface TreeOutline {
  readonly id: number;
  readonly path: readonly string[];
  readonly children: ReadonlyMap<string, ChildOutline>;
}

export interface ChildOutline {
  readonly name: string;
  readonly hidden: boolean;
  readonly target: TreeOutline | GroupOutline;
}

/** All documents of a unit: the tree of packages with a group at every place that rules define. */
export interface Documents {
  readonly root: TreeOutline;
  readonly groups: readonly GroupOutline[];
  readonly trees: readonly TreeOutline[];
}

export const isGroup = (target: TreeOutline | GroupOutline): target is GroupOutline => 'rules' in target;

/**
 * Finds the documents of a rule tree. Rules below a place with non-ground rules (`p[x].q`) or with keys that are not
 * strings (`p[1]`) belong to the document of that place.
 */
export const outlineDocuments = (root: RuleTreeNode): Documents => {
  const groups: GroupOutline[] = [];
  const trees: TreeOutline[] = [];
  const stringPath = (node: RuleTreeNode): readonly string[] =>
    node.path.map((part) => (part.kind === 'string' ? part.value : ''));

  const visit = (node: RuleTreeNode): TreeOutline | GroupOutline => {
    if (node.rules.length > 0 || node.otherChildren.size > 0) {
      const group = outlineGroup(node, groups.length, stringPath(node));
      groups.push(group);
      return group;
    }
    const children = new Map<string, ChildOutline>();
    const tree: TreeOutline = { id: trees.length, path: stringPath(node), children };
    trees.push(tree);
    for (const name of sortStrings([...node.children.keys()])) {
      const child = node.children.get(name);
      if (child === undefined) continue;
      children.set(name, { name, hidden: child.hidden, target: visit(child) });
    }
    return tree;
  };

  const target = visit(root);
  if (isGroup(target)) throw new Error('rules cannot define data itself');
  return { root: target, groups, trees };
};

const outlineGroup = (node: RuleTreeNode, id: number, path: readonly string[]): GroupOutline => {
  const own = node.rules;
  const first = own[0];
  const depth = path.length;
  if (first?.head.rule === 'function') {
    const rules = own.filter((rule) => !rule.default);
    const arity = first.head.args?.length ?? 0;
    return { id, path, kind: 'function', arity, rules, fallback: own.find((rule) => rule.default), skeleton: [] };
  }
  const all = [...own];
  const collect = (inner: RuleTreeNode): void => {
    // As OPA goes through them: of several failures the first counts.
    for (const child of childrenOf(inner)) {
      all.push(...child.rules.filter((rule) => rule.head.rule !== 'function'));
      collect(child);
    }
  };
  collect(node);
  // `head.ref.path` is the package and what was written; what is beyond the node's depth makes it partial.
  const partial = all.some((rule) => rule.head.ref.path.length > depth);
  const rules = all.filter((rule) => !rule.default);
  const fallback = own.find((rule) => rule.default);
  if (partial)
    return { id, path, kind: 'object', arity: 0, rules, fallback: undefined, skeleton: skeletonOf(node, node) };
  const kind = first?.head.rule === 'set' ? 'set' : 'complete';
  return { id, path, kind, arity: 0, rules, fallback, skeleton: [] };
};

/** OPA shows places between rules, and the documents of partial rules, as empty where nothing is in them. */
const skeletonOf = (root: RuleTreeNode, node: RuleTreeNode): readonly SkeletonPart[] => {
  const path = node.path.slice(root.path.length);
  const rules = node.rules.filter((rule) => rule.head.rule !== 'function');
  const isGeneral = rules.some((rule) => rule.head.ref.path.length > node.path.length);
  const isSet = !isGeneral && rules[0]?.head.rule === 'set';
  const isPlace = node.rules.length === 0;
  const own: readonly SkeletonPart[] =
    path.length > 0 && (isGeneral || isSet || isPlace) ? [{ path, kind: isSet ? 'set' : 'object' }] : [];
  return isPlace ? [...own, ...childrenOf(node).flatMap((child) => skeletonOf(root, child))] : own;
};

/** Every place below `data` that packages and rules make, `data` itself first. */
export const documentPlaces = (root: RuleTreeNode): readonly DocumentPlace[] => {
  const { groups, trees } = outlineDocuments(root);
  return [
    ...trees.map(({ path }): DocumentPlace => ({ path, kind: 'package', entrypoint: JSON.stringify(path) })),
    ...groups.map(({ path, kind }): DocumentPlace =>
      kind === 'function' ? { path, kind } : { path, kind: 'rule', entrypoint: JSON.stringify(path) },
    ),
  ];
};

/** What the `with`s of a unit can replace. */
export interface Replacements {
  /** Paths below `data`. */
  readonly data: readonly (readonly string[])[];
  /** Functions and built-ins by dotted name. */
  readonly functions: readonly string[];
}

/** Finds the targets of every `with` in some bodies. */
export const findReplacements = (bodies: Iterable<Body>): Replacements => {
  const data = new Map<string, readonly string[]>();
  const functions = new Set<string>();
  for (const body of bodies) {
    forEachExpr(body, (expr) => {
      for (const w of expr.with) {
        if (w.target.kind !== 'ref') continue;
        const path = constantPath(w.target);
        if (w.targetKind === 'function' || w.targetKind === 'builtin') functions.add(dottedName(w.target));
        else if (w.targetKind === 'data') data.set(JSON.stringify(path), path);
      }
    });
  }
  return { data: [...data.values()], functions: [...functions].sort() };
};

/** The constant strings of a ref's path; what is not a string ends it. */
export const constantPath = (ref: RefTerm): readonly string[] => {
  const path: string[] = [];
  for (const part of ref.path) {
    if (part.kind !== 'string') break;
    path.push(part.value);
  }
  return path;
};

/** The dotted name of a function or built-in that a ref names: `data.f`, `io.jwt.decode`, `count`. */
export const dottedName = (ref: Term): string => {
  if (ref.kind === 'var') return ref.name;
  if (ref.kind !== 'ref' || ref.head.kind !== 'var') return '';
  return [ref.head.name, ...constantPath(ref)].join('.');
};

/** Every body of a rule and of its `else` chain. */
const bodiesOf = function* (rule: ResolvedRule): Iterable<Body> {
  for (const one of chainOf(rule)) yield one.body;
};

/** Every body of every rule of a unit. */
export const bodiesOfUnit = function* (unit: CompileUnit): Iterable<Body> {
  for (const module of unit.modules) for (const rule of module.rules) yield* bodiesOf(rule);
};
