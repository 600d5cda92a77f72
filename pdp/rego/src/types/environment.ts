import type { RefTerm, Term } from '../ast.ts';
import { isScalar } from '../parser/head.ts';
import { constantKey } from './constant.ts';
import { DOCUMENT_KEY, keysOf, select, union, valuesOf } from './operations.ts';
import { ANY, stringKey, typeOfKey } from './type.ts';
import type { ConstantKey, ObjectType, Type } from './type.ts';

type MaybeType = Type | undefined;

/** Types of documents and rules by path, as a tree. */
export class TypeTree {
  type: MaybeType;
  readonly children = new Map<ConstantKey, TypeTree>();

  /** Whether a type is known right here, and not only below. */
  get isLeaf(): boolean {
    return this.type !== undefined;
  }

  /** Sets the type at a path. */
  put(path: readonly ConstantKey[], type: Type): void {
    descend(this, path).type = type;
  }

  /**
   * Adds a type at a path to what is there: several rules may define one document. Objects on the way learn of the new
   * key, and an object put above others learns of theirs.
   */
  insert(path: readonly ConstantKey[], type: Type): void {
    path.slice(0, -1).forEach((_, index) => {
      const above = descend(this, path.slice(0, index + 1));
      if (above.type?.kind === 'object') above.type = insertIntoObject(above.type, path.slice(index + 1), type);
    });
    const node = descend(this, path);
    const merged = merge(node.type, type);
    node.type = merged;
    if (type.kind !== 'object' || merged.kind !== 'object') return;
    let whole: ObjectType = merged;
    for (const [leafPath, leaf] of node.#leaves([])) whole = insertIntoObject(whole, leafPath, leaf);
    node.type = whole;
  }

  *#leaves(path: readonly ConstantKey[]): Iterable<[readonly ConstantKey[], Type]> {
    for (const [key, child] of this.children) {
      if (child.type !== undefined) yield [[...path, key], child.type];
      else yield* child.#leaves([...path, key]);
    }
  }

  /** The type of the keys that select something here. */
  keyType(): MaybeType {
    if (this.type !== undefined) return keysOf(this.type);
    const kinds = new Set([...this.children.keys()].filter(isListed).map(typeOfKey));
    return [...kinds].reduce<MaybeType>(union, DOCUMENT_KEY);
  }

  /** The type of everything at and below this place. What is below may have other keys too: base documents. */
  extent(): Type {
    if (this.type !== undefined) return this.type;
    const properties = new Map<ConstantKey, Type>();
    for (const [key, child] of this.children) {
      if (isListed(key)) properties.set(key, child.extent());
    }
    return { kind: 'object', properties, rest: { key: DOCUMENT_KEY, value: ANY } };
  }
}

/** As in OPA the extent of a document does not tell of children under other keys. */
const isListed = (key: ConstantKey): boolean => !key.startsWith('null:') && !key.startsWith('json:');

/** The node at a path, made where it is missing. */
const descend = (root: TypeTree, path: readonly ConstantKey[]): TypeTree => {
  let node = root;
  for (const key of path) {
    let child = node.children.get(key);
    if (child === undefined) {
      child = new TypeTree();
      node.children.set(key, child);
    }
    node = child;
  }
  return node;
};

const insertIntoObject = (object: ObjectType, path: readonly ConstantKey[], type: Type): ObjectType => {
  const [key, ...tail] = path;
  if (key === undefined) return object;
  const value = tail.length === 0 ? type : insertIntoObject(EMPTY_OBJECT, tail, type);
  const rest = {
    key: union(object.rest?.key, typeOfKey(key)),
    value: union(object.rest?.value, value),
  };
  return { ...object, rest };
};

const EMPTY_OBJECT: ObjectType = { kind: 'object', properties: new Map(), rest: undefined };

/** The type of a document that several rules define. */
const merge = (a: MaybeType, b: Type): Type => {
  if (a === undefined) return b;
  if (a.kind === 'object' && b.kind === 'object' && a.properties.size === 0 && b.properties.size === 0) {
    if (a.rest === undefined) return b;
    if (b.rest === undefined) return a;
    const value = b.rest.value === undefined ? a.rest.value : merge(a.rest.value, b.rest.value);
    return { kind: 'object', properties: new Map(), rest: { key: union(a.rest.key, b.rest.key), value } };
  }
  if (a.kind === 'set' && b.kind === 'set') return { kind: 'set', of: union(a.of, b.of) };
  return union(a, b) ?? a;
};

/** The type of what a path selects in a value of a type. Variable parts select any member. */
export const selectPath = (type: MaybeType, path: readonly Term[]): MaybeType => {
  let selected = type;
  for (const part of path) {
    if (selected === undefined) return undefined;
    selected = isScalar(part) ? select(selected, part) : valuesOf(selected);
  }
  return selected;
};

/** What is known of variables and documents at a place. Later layers hide earlier ones. */
export class TypeEnvironment {
  readonly documents: TypeTree;
  /** Undefined: it was met where nothing could be learnt of it. */
  readonly vars: Map<string, MaybeType>;
  readonly next: TypeEnvironment | undefined;

  constructor(next?: TypeEnvironment, vars = new Map<string, MaybeType>()) {
    this.documents = new TypeTree();
    this.vars = vars;
    this.next = next;
  }

  /** A layer for a body: what it learns of variables does not reach this one. */
  wrap(): TypeEnvironment {
    return new TypeEnvironment(this);
  }

  /** A layer for a literal with modifiers: documents differ, but what it learns of variables is learnt here. */
  wrapWith(): TypeEnvironment {
    return new TypeEnvironment(this, this.vars);
  }

  varType(name: string): MaybeType {
    return this.vars.has(name) ? this.vars.get(name) : this.next?.varType(name);
  }

  /** The type of what a reference selects: anything where nothing is known of a document. */
  refType(ref: RefTerm): MaybeType {
    const { head, path } = ref;
    if (head.kind !== 'var') return undefined;
    if (this.vars.has(head.name)) return selectPath(this.vars.get(head.name), path);
    const root = this.documents.children.get(stringKey(head.name));
    const found = root === undefined ? NOT_HERE : findType(root, path);
    if (found !== NOT_HERE) return found;
    if (this.next !== undefined) return this.next.refType(ref);
    return head.name === 'data' || head.name === 'input' ? ANY : undefined;
  }
}

const NOT_HERE = Symbol('not here');

const findType = (root: TypeTree, path: readonly Term[]): MaybeType | typeof NOT_HERE => {
  let node = root;
  for (let index = 0; index < path.length; index++) {
    const part = path[index];
    if (part === undefined) break;
    const key = constantKey(part);
    const child = key === undefined ? undefined : node.children.get(key);
    if (node.isLeaf) {
      if (child === undefined) return selectPath(node.type, path.slice(index));
    } else if (key === undefined) {
      return selectPath(node.extent(), path.slice(index));
    }
    if (child === undefined) return NOT_HERE;
    node = child;
  }
  return node.extent();
};
