import type { Term } from '../ast.ts';
import { printTerm } from '../print.ts';
import type { ResolvedModule, ResolvedRule, RuleTreeNode } from './unit.ts';

interface MutableNode extends RuleTreeNode {
  readonly rules: ResolvedRule[];
  readonly children: Map<string, MutableNode>;
  readonly otherChildren: Map<string, MutableNode>;
}

const createNode = (path: readonly Term[], hidden: boolean): MutableNode => ({
  path,
  rules: [],
  children: new Map(),
  otherChildren: new Map(),
  hidden,
});

/** The longest start of a reference's path that holds no variable. */
export const groundPrefix = (path: readonly Term[]): readonly Term[] => {
  const end = path.findIndex((part) => part.kind === 'var');
  return end < 0 ? path : path.slice(0, end);
};

/** Puts every rule at the ground prefix of its absolute path. Packages without rules have a node too. */
export const buildRuleTree = (modules: readonly ResolvedModule[]): RuleTreeNode => {
  const root = createNode([], false);
  for (const module of modules) {
    if (module.rules.length === 0) {
      insert(
        root,
        module.package.map((value) => ({ kind: 'string', value, location: module.packageLocation })),
      );
    }
    for (const rule of module.rules) insert(root, groundPrefix(rule.head.ref.path)).rules.push(rule);
  }
  return root;
};

const insert = (root: MutableNode, path: readonly Term[]): MutableNode => {
  let node = root;
  for (const part of path) {
    const [children, key] =
      part.kind === 'string' ? [node.children, part.value] : [node.otherChildren, printTerm(part)];
    let child = children.get(key);
    if (child === undefined) {
      const hidden = node.hidden || (node === root && part.kind === 'string' && part.value === 'system');
      child = createNode([...node.path, part], hidden);
      children.set(key, child);
    }
    node = child;
  }
  return node;
};

/** The child of a node for a constant part of a reference; undefined for others. */
export const childOf = (node: RuleTreeNode, part: Term): RuleTreeNode | undefined =>
  part.kind === 'string' ? node.children.get(part.value) : node.otherChildren.get(printTerm(part));

/** The node at exactly a path of constants, or undefined. */
export const findNode = (root: RuleTreeNode, path: readonly Term[]): RuleTreeNode | undefined => {
  let node: RuleTreeNode | undefined = root;
  for (const part of path) {
    if (part.kind === 'var' || part.kind === 'ref' || part.kind === 'call') return undefined;
    node = childOf(node, part);
    if (node === undefined) return undefined;
  }
  return node;
};

/** All children of a node, those with strings first, each kind in the order of their keys. */
export const childrenOf = (node: RuleTreeNode): RuleTreeNode[] => [
  ...byKey(node.otherChildren),
  ...byKey(node.children),
];

const byKey = (children: ReadonlyMap<string, RuleTreeNode>): RuleTreeNode[] =>
  [...children].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, node]) => node);

/** Calls `visit` for a node and everything below it, parents first. */
export const walkTree = (node: RuleTreeNode, visit: (node: RuleTreeNode) => void): void => {
  const stack = [node];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    visit(next);
    stack.push(...childrenOf(next).reverse());
  }
};
