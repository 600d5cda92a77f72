import {
  buildObject,
  entriesOf,
  getIndex,
  getMember,
  isObject,
  isPlainObject,
  RegoObject,
  RegoSet,
  setMember,
  typeOf,
  type PlainObject,
  type Value,
} from '../value.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { elementsOf, objectOperand, operandError, typeError } from './operands.ts';

/** Built-ins that take parts of a document by path: `a/b/0`, with ~1 for / and ~0 for ~, or an array of keys. */
export const jsonPaths: BuiltinFamily = {
  'json.filter': (ctx, value, paths) => {
    const object = objectOperand(ctx, value, 1);
    const tree = object === undefined ? undefined : pathsToTree(ctx, paths);
    return tree === undefined ? undefined : filter(object, tree);
  },
  'json.remove': (ctx, value, paths) => {
    const object = objectOperand(ctx, value, 1);
    const tree = object === undefined ? undefined : pathsToTree(ctx, paths);
    return tree === undefined ? undefined : remove(object, tree);
  },
};

/** The segments of a path, or undefined after failing. */
export function parsePath(ctx: BuiltinContext, path: Value): readonly Value[] | undefined {
  if (Array.isArray(path)) return path as readonly Value[];
  if (typeof path !== 'string') {
    const expected = 'must be one of {set, array} containing string paths or array of path segments';
    return operandError(ctx, 2, `${expected} but got ${typeOf(path)}`);
  }
  if (path === '') return [];
  const segments = path.replace(/^\/+/, '').split('/');
  return segments.map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The trees of lists of paths, which most policies hold as constants. Values never change. */
const trees = new WeakMap<object, RegoObject>();

/** The paths as nested objects of their keys; `null` ends a path. */
function pathsToTree(ctx: BuiltinContext, paths: Value): RegoObject | undefined {
  const list = elementsOf(paths);
  if (list === undefined) return typeError(ctx, 2, paths, 'set', 'array');
  const known = trees.get(list);
  if (known !== undefined) return known;
  const root = new RegoObject();
  for (const path of list) {
    const segments = parsePath(ctx, path);
    if (segments === undefined) return undefined;
    insertPath(root, segments);
  }
  trees.set(list, root);
  return root;
}

/** `null` stands for a leaf, which covers whatever is below. */
function insertPath(root: RegoObject, segments: readonly Value[]): void {
  let node = root;
  for (const [index, segment] of segments.entries()) {
    if (index === segments.length - 1) {
      node.set(segment, null);
      return;
    }
    const child = node.get(segment);
    if (child === null) return;
    if (child instanceof RegoObject) node = child;
    else {
      const created = new RegoObject();
      node.set(segment, created);
      node = created;
    }
  }
}

function filter(value: Value, tree: RegoObject): Value {
  const keep = (part: Value, below: Value): Value => (below instanceof RegoObject ? filter(part, below) : part);
  if (Array.isArray(value)) {
    const kept: Value[] = [];
    for (const [index, element] of (value as readonly Value[]).entries()) {
      const below = tree.get(String(index));
      if (below !== undefined) kept.push(keep(element, below));
    }
    return kept;
  }
  if (value instanceof RegoSet) {
    const kept = new RegoSet();
    for (const member of value.values()) {
      const below = tree.get(member);
      if (below !== undefined) kept.add(keep(member, below));
    }
    return kept;
  }
  if (!isObject(value)) return value;
  if (isPlainObject(value)) return filterPlain(value, tree);
  const kept: (readonly [Value, Value])[] = [];
  for (const [key, below] of tree) {
    const member = getIndex(value, key);
    if (member !== undefined) kept.push([key, keep(member, below)]);
  }
  return buildObject(kept);
}

function filterPlain(object: PlainObject, tree: RegoObject): Value {
  const kept: Record<string, Value> = {};
  for (const [key, below] of tree) {
    const member = typeof key === 'string' ? getMember(object, key) : undefined;
    if (member === undefined || typeof key !== 'string') continue;
    setMember(kept, key, below instanceof RegoObject ? filter(member, below) : member);
  }
  return kept;
}

/** The value without what the tree names; array elements move up. */
function remove(value: Value, tree: RegoObject): Value {
  const strip = (part: Value, below: Value): Value | undefined => {
    if (below === null) return undefined;
    return below instanceof RegoObject ? remove(part, below) : part;
  };
  if (Array.isArray(value)) {
    return (value as readonly Value[])
      .map((element, index) => strip(element, tree.get(String(index))))
      .filter((element) => element !== undefined);
  }
  if (value instanceof RegoSet) {
    const members = value.values().map((member) => strip(member, tree.get(member)));
    return new RegoSet(members.filter((member) => member !== undefined));
  }
  if (!isObject(value)) return value;
  if (isPlainObject(value)) {
    const kept: Record<string, Value> = {};
    for (const key in value) {
      const stripped = strip(value[key], tree.get(key));
      if (stripped !== undefined) setMember(kept, key, stripped);
    }
    return kept;
  }
  return buildObject(
    entriesOf(value).flatMap(([key, member]): (readonly [Value, Value])[] => {
      const stripped = strip(member, tree.get(key));
      return stripped === undefined ? [] : [[key, stripped]];
    }),
  );
}
