import {
  buildObject,
  equals,
  getIndex,
  getMember,
  isObject,
  isPlainObject,
  keyOf,
  keysOf as objectKeysOf,
  RegoObject,
  RegoSet,
  setMember,
} from './value.ts';
import { isNumber, numberFromText, numberText } from './number.ts';
import type { ObjectValue, Value } from './value.ts';

/** A key of an object was given two values. `site` says where, by its number in the program. */
export class KeyConflict extends Error {
  override readonly name = 'KeyConflict';
  readonly site: number;

  constructor(site: number) {
    super('object keys must be unique');
    this.site = site;
  }
}

/**
 * Gives an object under construction one member more, and returns the object: another one where a first key that is no
 * string turns a plain object into a `RegoObject`. Throws a {@link KeyConflict} if the key has another value.
 */
export const put = (object: ObjectValue, key: Value, value: Value, site: number): ObjectValue => {
  if (object instanceof RegoObject) {
    const old = object.get(key);
    if (old === undefined) object.set(key, value);
    else if (!equals(old, value)) throw new KeyConflict(site);
    return object;
  }
  if (typeof key === 'string') {
    const old = getMember(object, key);
    if (old === undefined) setMember(object, key, value);
    else if (!equals(old, value)) throw new KeyConflict(site);
    return object;
  }
  return new RegoObject(Object.entries(object)).set(key, value);
};

/** The value that an object under construction has at a path below it; undefined where the path ends early. */
export const walk = (value: Value, path: readonly Value[]): Value => {
  let at: Value = value;
  for (let index = 0; index < path.length && at !== undefined; index++) at = getIndex(at, path[index]);
  return at;
};

/**
 * `value[key]` within the base documents, where OPA takes keys for parts of a storage path: a number finds the member
 * of an object that is written alike, and digits find the element of an array.
 */
export const baseIndex = (value: Value, key: Value): Value => {
  if (typeof key === 'string') {
    if (Array.isArray(value)) return /^[+-]?\d+$/.test(key) ? getIndex(value, Number(key)) : undefined;
  } else if (typeof key === 'number' && value !== undefined && isObject(value)) {
    return getIndex(value, key) ?? getIndex(value, String(key));
  }
  return getIndex(value, key);
};

/** Paths below `data` at which something stands in for the base documents now. */
export type Replaced = readonly (readonly string[])[] | undefined;

/** The base document at a path of strings. */
export const walkBase = (data: Value, path: readonly string[], replaced?: Replaced): Value => {
  let at: Value = data;
  for (let index = 0; index < path.length && at !== undefined; index++) {
    at =
      replaced === undefined ? baseIndex(at, path[index]) : baseMember(at, path[index], replaced, path.slice(0, index));
  }
  return at;
};

/** {@link baseIndex} at a path that may be replaced: what stands in is a value like any other, and no storage. */
export const baseMember = (value: Value, key: Value, replaced: Replaced, path: readonly string[]): Value =>
  replaced?.some((target) => target.length <= path.length && target.every((part, index) => part === path[index])) ===
  true
    ? getIndex(value, key)
    : baseIndex(value, key);

/** Objects with more members than this get an index: JavaScript is slow at finding members by names that it has not seen yet. */
const LARGE_OBJECT = 3;

/** The members of a large plain object by name; undefined for any other value. */
export const index = (document: Value): ReadonlyMap<string, Value> | undefined => {
  if (document === undefined || !isPlainObject(document)) return undefined;
  const entries = Object.entries(document);
  return entries.length > LARGE_OBJECT ? new Map(entries) : undefined;
};

/** {@link baseIndex} with the index of the document. */
export const lookUp = (members: ReadonlyMap<string, Value> | undefined, document: Value, key: Value): Value =>
  members !== undefined && typeof key === 'string' ? members.get(key) : baseIndex(document, key);

/** A copy of a document in which `value` stands at `path`; what stands in the way and is no object gives way. */
export const setPath = (document: Value, path: readonly string[], value: Value): Value => {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  const old = document !== undefined && isObject(document) ? getIndex(document, first) : undefined;
  const inner = setPath(old, rest, value);
  if (document === undefined || !isObject(document)) return buildObject([[first, inner]]);
  if (document instanceof RegoObject) return new RegoObject(document).set(first, inner);
  const copy: Record<string, Value> = { ...document };
  setMember(copy, first, inner);
  return copy;
};

/**
 * A package's document: the base document with what rules define. Members of both are merged where both are objects;
 * elsewhere the base document wins, as it does in OPA.
 */
export const mergeBase = (base: Value, virtual: Value): Value => {
  if (base === undefined) return virtual;
  if (!isObject(base) || !isObject(virtual)) return base;
  const entries: (readonly [Value, Value])[] = [];
  for (const key of objectKeysOf(base)) {
    const value = getIndex(base, key);
    const other = getIndex(virtual, key);
    entries.push([key, other === undefined ? value : mergeBase(value, other)]);
  }
  for (const key of objectKeysOf(virtual)) {
    if (getIndex(base, key) === undefined) entries.push([key, getIndex(virtual, key)]);
  }
  return buildObject(entries);
};

/** `data` as a whole does not show `data.system`. */
export const withoutSystem = (data: Value): Value => {
  if (!isObject(data) || getIndex(data, 'system') === undefined) return data;
  return buildObject(
    objectKeysOf(data).flatMap((key) => (key === 'system' ? [] : [[key, getIndex(data, key)] as const])),
  );
};

/** A place in the tree of packages, as generated code describes it. */
export interface LazyNode {
  /** The whole document of the place. */
  readonly extent: () => Value;
  /** Places below, and documents that rules define, by strings, booleans and null. */
  readonly children: ReadonlyMap<Value, LazyChild>;
  /** The same by numbers, as they are written. */
  readonly numbers?: ReadonlyMap<string, LazyChild>;
  /** Whether something stands in for the place as a whole now, so that nothing is left but the base document. */
  readonly isReplaced?: () => boolean;
}

type LazyChild = LazyNode | (() => Value);

/** A package that is looked into without being evaluated as a whole. */
export class LazyDocument {
  readonly node: LazyNode;
  /** The base document at the same place. */
  readonly base: Value;

  constructor(node: LazyNode, base: Value) {
    this.node = node;
    this.base = base;
  }
}

export const lazyDocument = (node: LazyNode, base: Value): LazyDocument => new LazyDocument(node, base);

/** `from[key]`, where `from` may be a lazy document; then the result may be one, too. */
export const stepInto = (from: Value, key: Value): Value => {
  if (!(from instanceof LazyDocument)) return getIndex(from, key);
  const { children, numbers } = from.node;
  const child = isNumber(key) ? numbers?.get(numberText(key)) : children.get(key);
  const base = from.base === undefined ? undefined : baseIndex(from.base, key);
  if (child === undefined) return base;
  if (typeof child === 'function') return child();
  return child.isReplaced?.() === true ? base : new LazyDocument(child, base);
};

/** The keys that a loop over a value, or a lazy document, takes in turn. */
export const documentKeys = (from: Value): readonly Value[] => {
  if (!(from instanceof LazyDocument)) return keyList(from);
  const base = keyList(from.base);
  const known = new Set(base);
  const { children, numbers } = from.node;
  const others = numbers === undefined ? [] : [...numbers.keys()].map(numberFromText);
  return [...base, ...others, ...[...children.keys()].filter((key) => !known.has(key))];
};

const keyList = (value: Value): readonly Value[] =>
  keysOf(value) ?? (Array.isArray(value) ? value.map((_, i) => i) : []);

/** Makes a lazy document a value; other values stay as they are. */
export const force = (value: Value): Value => (value instanceof LazyDocument ? value.node.extent() : value);

const noMembers: readonly Value[] = [];

/** The members of a collection in Rego order; none for what is no collection. */
export const valuesOf = (value: Value): readonly Value[] => {
  if (Array.isArray(value)) return value as readonly Value[];
  if (typeof value !== 'object' || value === null) return noMembers;
  if (value instanceof RegoSet) return value.values();
  if (!isObject(value)) return noMembers;
  if (value instanceof RegoObject) return value.entries().map((entry) => entry[1]);
  return objectKeysOf(value).map((key) => value[key as string]);
};

/** The keys that belong to {@link valuesOf}, or undefined for arrays, whose keys are the indexes. */
export const keysOf = (value: Value): readonly Value[] | undefined => {
  if (Array.isArray(value)) return undefined;
  if (typeof value !== 'object' || value === null) return noMembers;
  if (value instanceof RegoSet) return value.values();
  return isObject(value) ? objectKeysOf(value) : noMembers;
};

/** {@link valuesOf} in any order, the same as that of {@link anyKeysOf}. */
export const anyValuesOf = (value: Value): readonly Value[] => {
  if (Array.isArray(value)) return value as readonly Value[];
  if (value instanceof RegoSet) return value.members();
  return value !== undefined && isPlainObject(value) ? Object.values(value) : valuesOf(value);
};

/** {@link keysOf} in any order. */
export const anyKeysOf = (value: Value): readonly Value[] | undefined => {
  if (Array.isArray(value)) return undefined;
  if (value instanceof RegoSet) return value.members();
  return value !== undefined && isPlainObject(value) ? Object.keys(value) : keysOf(value);
};

/** `value in collection`: an element, a member, or the value at some key. */
export const isMember = (value: Value, collection: Value): boolean => {
  if (Array.isArray(collection)) {
    // Only numbers and composites have equals that are not identical.
    if (typeof value === 'string') return collection.includes(value);
    for (let index = 0; index < collection.length; index++) if (equals(value, collection[index])) return true;
    return false;
  }
  if (collection instanceof RegoSet) return collection.has(value);
  for (const member of anyValuesOf(collection)) if (equals(value, member)) return true;
  return false;
};

/** True for arrays, objects and sets. */
export const isCollection = (value: Value): boolean =>
  Array.isArray(value) || value instanceof RegoSet || (value !== undefined && isObject(value));

/** Number of members of an object; -1 for what is none. */
export const sizeOf = (value: Value): number => {
  if (value === undefined || !isObject(value)) return -1;
  return value instanceof RegoObject ? value.size : Object.keys(value).length;
};

/** True for sets. */
export const isSet = (value: Value): boolean => value instanceof RegoSet;

/** Positions of members by what stands at a certain place in them. */
export type MemberIndex = ReadonlyMap<unknown, readonly number[]>;

/** Collections with fewer members are gone through faster than looked up. */
export const SMALL_COLLECTION = 16;

/** Makes the index of members by the value at `path` below each; undefined for small collections, and where none has one. */
export const indexMembers = (values: readonly Value[], path: readonly Value[]): MemberIndex | undefined => {
  if (values.length < SMALL_COLLECTION) return undefined;
  const positions = new Map<unknown, number[]>();
  values.forEach((value, position) => {
    const part = walk(value, path);
    if (part === undefined) return;
    const key = keyOf(part);
    const known = positions.get(key);
    if (known === undefined) positions.set(key, [position]);
    else known.push(position);
  });
  return positions.size === 0 ? undefined : positions;
};

const nowhere: readonly number[] = [];

/** The positions of the members that an index has for a value. */
export const probe = (members: MemberIndex, value: Value): readonly number[] =>
  value === undefined ? nowhere : (members.get(keyOf(value)) ?? nowhere);

/** The numbers of the rules that can succeed, by the value that tells them apart. */
export interface RuleTable {
  readonly rules: ReadonlyMap<unknown, readonly number[]>;
  /** For values that no rule names, and for none. */
  readonly others: readonly number[];
}

/** Makes the table that {@link rulesFor} looks into. */
export const ruleTable = (
  entries: readonly (readonly [Value, readonly number[]])[],
  others: readonly number[],
): RuleTable => ({ rules: new Map(entries.map(([value, rules]) => [keyOf(value), rules])), others });

/** The rules that can succeed for a value, in order. */
export const rulesFor = ({ rules, others }: RuleTable, value: Value): readonly number[] =>
  value === undefined ? others : (rules.get(keyOf(value)) ?? others);
