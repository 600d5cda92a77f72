import type { DocumentPlace } from '../api.ts';
import type { Body, RefTerm, Term } from '../ast.ts';
import type { CompileUnit, ResolvedRule, RuleTreeNode } from '../passes/unit.ts';
import { childrenOf } from '../passes/rule-tree.ts';
import { chainOf, forEachExpr } from '../passes/walk.ts';
import { printTerm } from '../print.ts';
import { sortStrings } from '../runtime/value.ts';

/** A part of a place below `data`: a string, or the number, boolean or null that stands in its place (`p[1] := 2`). */
export type PlacePart = string | Exclude<Term, { readonly kind: 'string' }>;

/** A document that rules define, before its bodies are lowered. */
export interface GroupOutline {
  readonly id: number;
  readonly path: readonly PlacePart[];
  readonly kind: 'complete' | 'function' | 'set' | 'object';
  readonly arity: number;
  /** Without `default` rules. */
  readonly rules: readonly ResolvedRule[];
  readonly fallback: ResolvedRule | undefined;
}

export interface TreeOutline {
  readonly id: number;
  readonly path: readonly PlacePart[];
  /** By the {@link partKey} of the next part. */
  readonly children: ReadonlyMap<string, ChildOutline>;
}

export interface ChildOutline {
  readonly part: Term;
  readonly hidden: boolean;
  readonly target: TreeOutline | GroupOutline;
}

/** All documents of a unit: the tree of packages with a group at every place that rules define. */
export interface Documents {
  readonly root: TreeOutline;
  readonly groups: readonly GroupOutline[];
  readonly trees: readonly TreeOutline[];
}

/** The key of a part among others: numbers count as they are written, as in OPA. */
export const partKey = (part: Term): string => printTerm(part);

/** The child of a tree at a constant. */
export const childAt = (tree: TreeOutline, part: Term): ChildOutline | undefined => tree.children.get(partKey(part));

export const isGroup = (target: TreeOutline | GroupOutline): target is GroupOutline => 'rules' in target;

/**
 * Finds the documents of a rule tree. Rules below a place with non-ground rules (`p[x].q`) belong to the document of that
 * place.
 */
export const outlineDocuments = (root: RuleTreeNode): Documents => {
  const groups: GroupOutline[] = [];
  const trees: TreeOutline[] = [];
  // Parts that are no strings are the same object in all places below: paths are compared by `===`.
  const placePath = (node: RuleTreeNode): readonly PlacePart[] =>
    node.path.map((part) => (part.kind === 'string' ? part.value : part));

  const visit = (node: RuleTreeNode): TreeOutline | GroupOutline => {
    if (node.rules.length > 0) {
      const group = outlineGroup(node, groups.length, placePath(node));
      groups.push(group);
      return group;
    }
    const children = new Map<string, ChildOutline>();
    const tree: TreeOutline = { id: trees.length, path: placePath(node), children };
    trees.push(tree);
    const others = [...node.otherChildren.values()];
    const named = sortStrings([...node.children.keys()]).map((name) => node.children.get(name));
    for (const child of [...others, ...named]) {
      const part = child?.path.at(-1);
      if (child !== undefined && part !== undefined) {
        children.set(partKey(part), { part, hidden: child.hidden, target: visit(child) });
      }
    }
    return tree;
  };

  const target = visit(root);
  if (isGroup(target)) throw new Error('rules cannot define data itself');
  return { root: target, groups, trees };
};

const outlineGroup = (node: RuleTreeNode, id: number, path: readonly PlacePart[]): GroupOutline => {
  const own = node.rules;
  const first = own[0];
  const depth = path.length;
  if (first?.head.rule === 'function') {
    const rules = own.filter((rule) => !rule.default);
    const arity = first.head.args?.length ?? 0;
    return { id, path, kind: 'function', arity, rules, fallback: own.find((rule) => rule.default) };
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
  if (partial) return { id, path, kind: 'object', arity: 0, rules, fallback: undefined };
  const kind = first?.head.rule === 'set' ? 'set' : 'complete';
  return { id, path, kind, arity: 0, rules, fallback };
};

/**
 * Every place below `data` that packages and rules make, `data` itself first. What lies below keys that are no strings is
 * found in the document around it.
 */
export const documentPlaces = (root: RuleTreeNode): readonly DocumentPlace[] => {
  const { groups, trees } = outlineDocuments(root);
  const isNamed = (path: readonly PlacePart[]): path is readonly string[] =>
    path.every((part) => typeof part === 'string');
  const closed = trees.filter(({ children }) => [...children.values()].some(({ part }) => part.kind !== 'string'));
  const isOpen = (path: readonly PlacePart[]): boolean =>
    !closed.some((tree) => tree.path.length < path.length && tree.path.every((part, index) => part === path[index]));
  const places: DocumentPlace[] = [];
  for (const tree of trees) {
    const { path } = tree;
    if (!isNamed(path) || !isOpen(path)) continue;
    const kind = closed.includes(tree) ? 'rule' : 'package';
    places.push({ path, kind, entrypoint: JSON.stringify(path) });
  }
  for (const { path, kind } of groups) {
    if (!isNamed(path) || !isOpen(path)) continue;
    places.push(kind === 'function' ? { path, kind } : { path, kind: 'rule', entrypoint: JSON.stringify(path) });
  }
  return places;
};

/** A place as messages name it: `fuzz.p[1]`. */
export const placeName = (path: readonly PlacePart[]): string =>
  path
    .map((part, index) => (typeof part === 'string' ? `${index === 0 ? '' : '.'}${part}` : `[${printTerm(part)}]`))
    .join('');

/** Where base documents of a place are: numbers by their text. Undefined where there can be none. */
export const basePath = (path: readonly PlacePart[]): readonly string[] | undefined => {
  const names: string[] = [];
  for (const part of path) {
    if (typeof part === 'string') names.push(part);
    else if (part.kind === 'number') names.push(part.text);
    else return undefined;
  }
  return names;
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
