import type { Body, RefTerm, Term } from '../ast.ts';
import type { CompileUnit, ResolvedRule, RuleTreeNode } from '../passes/unit.ts';
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
    return { id, path, kind: 'function', arity, rules, fallback: own.find((rule) => rule.default) };
  }
  const all = [...own];
  const collect = (inner: RuleTreeNode): void => {
    for (const child of [...inner.children.values(), ...inner.otherChildren.values()]) {
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
