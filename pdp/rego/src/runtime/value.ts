import { visit, VISITS_PER_TEXT } from './visits.ts';
import { compareNumbers, RegoNumber, numberKey, toSmallInteger } from './number.ts';
import { compareStrings, sortBy, sortStrings } from './order-strings.ts';

export { compareStrings, RegoNumber, sortStrings };

/**
 * Rego values as the generated code holds them. Input and data are used as `JSON.parse` gives them, without conversion.
 * undefined = JS undefined; null, booleans, strings = JS primitives; arrays = JS arrays;
 * numbers = JS number where the number is exactly what its text says (see number.ts), else `RegoNumber`;
 * objects with string keys only = plain JS objects; other objects = `RegoObject`; sets = `RegoSet`.
 * Plain objects carry their members as own enumerable properties, whatever these are called.
 */
export type Value = unknown;

/** The names that Rego gives to the types of defined values. */
export type TypeName = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object' | 'set';

/** A Rego object whose keys are all strings. */
export type PlainObject = Readonly<Record<string, Value>>;

/** Any Rego object. */
export type ObjectValue = PlainObject | RegoObject;

/** Sets with more members than this look them up by key. */
const SMALL_SET = 8;

/** Composite members with the same digest beyond which a set tells them apart by their texts. */
const MAX_ALIKE = 16;

/** The members of a set, found by what they are. */
class MemberTable {
  /** Scalars by key; where there are texts, all members. */
  readonly #byKey = new Map<unknown, Value>();
  /** Composite members by digest; undefined once texts tell them apart. */
  #byDigest: Map<number, Value[]> | undefined = new Map();

  /** Adds a member unless an equal one is there; tells whether it did. */
  add(value: Value): boolean {
    const alike = this.#alike(value);
    if (alike !== undefined) {
      if (alike.some((member) => equals(member, value))) return false;
      alike.push(value);
      if (alike.length > MAX_ALIKE) this.#useTexts();
      return true;
    }
    const { size } = this.#byKey;
    const key = keyOf(value);
    // Equal strings are the same one: setting it again changes nothing, and tells whether it was there.
    if (typeof value === 'string' || !this.#byKey.has(key)) this.#byKey.set(key, value);
    return this.#byKey.size !== size;
  }

  /** The member equal to a value, or undefined. */
  get(value: Value): Value | undefined {
    if (this.#byDigest === undefined || !isComposite(value)) return this.#byKey.get(keyOf(value));
    return this.#byDigest.get(digestOf(value))?.find((member) => equals(member, value));
  }

  #alike(value: Value): Value[] | undefined {
    if (this.#byDigest === undefined || !isComposite(value)) return undefined;
    const digest = digestOf(value);
    let alike = this.#byDigest.get(digest);
    if (alike === undefined) this.#byDigest.set(digest, (alike = []));
    return alike;
  }

  #useTexts(): void {
    for (const alike of this.#byDigest?.values() ?? [])
      for (const member of alike) this.#byKey.set(keyOf(member), member);
    this.#byDigest = undefined;
  }
}

/**
 * A Rego set: values without duplicates, by Rego equality (the first of equal values stays). Build it with `add`, then
 * treat it as immutable. Iterating it gives insertion order; `values()` gives Rego order.
 */
export class RegoSet implements Iterable<Value> {
  readonly #members: Value[] = [];
  /** The members; small sets have none, for comparing few members is faster. */
  #table: MemberTable | undefined = undefined;
  #sorted: readonly Value[] | undefined = undefined;
  #key: string | undefined = undefined;

  constructor(members?: Iterable<Value>) {
    if (members !== undefined) for (const member of members) this.add(member);
  }

  /** Number of members. */
  get size(): number {
    return this.#members.length;
  }

  /** Adds a member unless an equal one is there. Only for whoever is building the set. */
  add(value: Value): this {
    if (this.#table === undefined && this.#members.length < SMALL_SET) {
      return this.#find(value) >= 0 ? this : this.addNew(value);
    }
    if (this.#tabled().add(value)) {
      this.#members.push(value);
      this.#forget();
    }
    return this;
  }

  /** Adds a member that is known not to be there. Only for whoever is building the set. */
  addNew(value: Value): this {
    this.#members.push(value);
    if (this.#table !== undefined) this.#table.add(value);
    this.#forget();
    return this;
  }

  /** Tells whether an equal value is a member. */
  has(value: Value): boolean {
    return this.#table === undefined && this.#members.length <= SMALL_SET
      ? this.#find(value) >= 0
      : this.#tabled().get(value) !== undefined;
  }

  /** The member equal to `value` (1 for 1.0 if 1 was added), or undefined. */
  get(value: Value): Value | undefined {
    return this.#table === undefined && this.#members.length <= SMALL_SET
      ? this.#members[this.#find(value)]
      : this.#tabled().get(value);
  }

  #tabled(): MemberTable {
    if (this.#table !== undefined) return this.#table;
    const table = new MemberTable();
    for (const member of this.#members) table.add(member);
    this.#table = table;
    return table;
  }

  /** What was computed of the members so far is no longer so. */
  #forget(): void {
    if (this.#sorted === undefined && this.#key === undefined) return;
    this.#sorted = undefined;
    this.#key = undefined;
  }

  /** Position of an equal member, or -1. */
  #find(value: Value): number {
    const members = this.#members;
    if (typeof value === 'string') {
      for (let index = 0; index < members.length; index++) if (members[index] === value) return index;
      return -1;
    }
    for (let index = 0; index < members.length; index++) if (equals(members[index], value)) return index;
    return -1;
  }

  /** The members in insertion order; not to be changed, and only to be used while nothing is added. */
  members(): readonly Value[] {
    return this.#members;
  }

  /** The members in Rego order; sorted on first use and kept. */
  values(): readonly Value[] {
    this.#sorted ??= this.#members.length < 2 ? this.#members : sortValues([...this.#members]);
    return this.#sorted;
  }

  /** The members in insertion order: for whoever does not care about order. */
  [Symbol.iterator](): ArrayIterator<Value> {
    return this.#members.values();
  }

  /** `JSON.stringify` writes the members as an array, in Rego order. */
  toJSON(): readonly Value[] {
    return this.values();
  }

  /** Canonical text, equal for equal sets. */
  get key(): string {
    if (this.#key === undefined) {
      visit(VISITS_PER_TEXT * this.#members.length);
      let text = '\u0000s';
      for (const member of this.values()) text += keyPart(member);
      this.#key = `${text};`;
    }
    return this.#key;
  }
}

/**
 * A Rego object with at least one key that is not a string. Build it with `set`, then treat it as immutable; use
 * `buildObject` where the keys are not known.
 */
export class RegoObject {
  readonly #members = new Map<unknown, readonly [Value, Value]>();
  #sorted: readonly (readonly [Value, Value])[] | undefined = undefined;
  #key: string | undefined = undefined;

  constructor(entries?: Iterable<readonly [Value, Value]>) {
    if (entries !== undefined) for (const [key, value] of entries) this.set(key, value);
  }

  /** Number of keys. */
  get size(): number {
    return this.#members.size;
  }

  /** Sets the value of a key; an equal key that is there stays as it is written. Only for whoever is building it. */
  set(key: Value, value: Value): this {
    const index = keyOf(key);
    const old = this.#members.get(index);
    this.#members.set(index, [old === undefined ? key : old[0], value]);
    this.#sorted = undefined;
    this.#key = undefined;
    return this;
  }

  /** The value at a key, or undefined. */
  get(key: Value): Value | undefined {
    return this.#members.get(keyOf(key))?.[1];
  }

  /** Tells whether a key is there. */
  has(key: Value): boolean {
    return this.#members.has(keyOf(key));
  }

  /** Key and value pairs in Rego order of the keys; sorted on first use and kept. */
  entries(): readonly (readonly [Value, Value])[] {
    this.#sorted ??= sortBy([...this.#members.values()], (a, b) => compare(a[0], b[0]));
    return this.#sorted;
  }

  /** The keys in Rego order. */
  keys(): readonly Value[] {
    return this.entries().map((entry) => entry[0]);
  }

  /** Key and value pairs in insertion order. */
  [Symbol.iterator](): MapIterator<readonly [Value, Value]> {
    return this.#members.values();
  }

  /** `JSON.stringify` writes an object, in which a key that is no string is its JSON text. */
  toJSON(): PlainObject {
    const object: Record<string, Value> = {};
    for (const [key, value] of this.entries())
      setMember(object, typeof key === 'string' ? key : JSON.stringify(key), value);
    return object;
  }

  /** Canonical text, equal for equal objects. */
  get key(): string {
    if (this.#key === undefined) {
      visit(VISITS_PER_TEXT * this.#members.size);
      let text = '\u0000o';
      for (const [key, value] of this.entries()) text += keyPart(key) + keyPart(value);
      this.#key = `${text};`;
    }
    return this.#key;
  }
}

/** Tells whether a value is a plain object: a Rego object with string keys only. */
export function isPlainObject(value: Value): value is PlainObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof RegoSet) &&
    !(value instanceof RegoNumber) &&
    !(value instanceof RegoObject)
  );
}

/** Tells whether a value is a Rego object of either form. */
export function isObject(value: Value): value is ObjectValue {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof RegoSet) &&
    !(value instanceof RegoNumber)
  );
}

/** The Rego type of a defined value. Throws a TypeError for what is no Rego value (undefined, functions, bigints). */
export function typeOf(value: Value): TypeName {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'boolean';
    case 'number':
      return 'number';
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return 'array';
      if (value instanceof RegoNumber) return 'number';
      return value instanceof RegoSet ? 'set' : 'object';
    default:
      throw new TypeError(`not a Rego value: ${typeof value}`);
  }
}

/**
 * Orders any two values: null < false < true < numbers < strings < arrays < objects < sets. Strings by code point,
 * arrays by element, objects by sorted key and value in turn, sets by sorted member. Negative, 0 or positive.
 */
export function compare(a: Value, b: Value): number {
  if (a === b) return 0;
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const rankA = rank(a);
  const rankB = rank(b);
  if (rankA !== rankB) return rankA - rankB;
  if (rankA === RANK_NUMBER) return compareNumbers(a as number | RegoNumber, b as number | RegoNumber);
  if (rankA === RANK_ARRAY) return compareArrays(a as readonly Value[], b as readonly Value[]);
  if (rankA === RANK_OBJECT) return compareObjects(a as ObjectValue, b as ObjectValue);
  if (rankA === RANK_SET) return compareArrays((a as RegoSet).values(), (b as RegoSet).values());
  return 0;
}

/** Tells whether two values are the same Rego value: 1 and 1.0 are, 1 and "1" are not. */
export function equals(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    if (a instanceof RegoNumber) return typeof b === 'number' && compareNumbers(a, b) === 0;
    return b instanceof RegoNumber && typeof a === 'number' && compareNumbers(a, b) === 0;
  }
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    visit(a.length);
    for (let index = 0; index < a.length; index++) if (!equals(a[index], b[index])) return false;
    return true;
  }
  if (Array.isArray(b)) return false;
  if (a instanceof RegoSet) return b instanceof RegoSet && equalSets(a, b);
  if (a instanceof RegoNumber) return b instanceof RegoNumber && compareNumbers(a, b) === 0;
  if (b instanceof RegoSet || b instanceof RegoNumber) return false;
  if (a instanceof RegoObject || b instanceof RegoObject) return equalObjects(a as ObjectValue, b as ObjectValue);
  return equalPlainObjects(a as PlainObject, b as PlainObject);
}

/**
 * A primitive that is the same for equal values and differs for others: fit as a key of a JS Map. Primitives stand for
 * themselves, so that looking up strings costs nothing.
 */
export function keyOf(value: Value): unknown {
  if (typeof value === 'string') return value.charCodeAt(0) === 0 ? `\u0000t${value}` : value;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof RegoNumber) {
    const key = value.key;
    return typeof key === 'number' ? key : `\u0000n${key}`;
  }
  if (value instanceof RegoSet || value instanceof RegoObject) return value.key;
  if (Array.isArray(value)) {
    visit(VISITS_PER_TEXT * value.length);
    let text = '\u0000a';
    for (const element of value) text += keyPart(element);
    return `${text};`;
  }
  const object = value as PlainObject;
  const keys = objectKeys(object);
  visit(VISITS_PER_TEXT * keys.length);
  let text = '\u0000o';
  for (const key of keys) text += keyPart(key) + keyPart(object[key]);
  return `${text};`;
}

/** The keys of a plain object, in Rego order. */
export function objectKeys(object: PlainObject): readonly string[] {
  const keys = Object.keys(object);
  return keys.length > 1 ? sortStrings(keys) : keys;
}

/** The keys of any object, in Rego order. */
export function keysOf(object: ObjectValue): readonly Value[] {
  return object instanceof RegoObject ? object.keys() : objectKeys(object);
}

/** The members of any object, in Rego order of the keys. */
export function entriesOf(object: ObjectValue): readonly (readonly [Value, Value])[] {
  if (object instanceof RegoObject) return object.entries();
  return objectKeys(object).map((key) => [key, object[key]] as const);
}

/** Number of keys of any object. */
export function objectSize(object: ObjectValue): number {
  return object instanceof RegoObject ? object.size : Object.keys(object).length;
}

/**
 * What `value[key]` is in Rego: the element of an array at a whole number, the value of an object at a key, the member
 * of a set equal to the key; undefined if there is none, or if `value` has no parts. Only own properties count.
 */
export function getIndex(value: Value, key: Value): Value | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) {
    const index = typeof key === 'number' ? key : toSmallInteger(key);
    // Fractions and negative numbers are no indexes of JS arrays either.
    return index === undefined || index < 0 ? undefined : (value as readonly Value[])[index];
  }
  if (value instanceof RegoSet) return value.get(key);
  if (value instanceof RegoObject) return value.get(key);
  if (typeof key !== 'string' || value instanceof RegoNumber) return undefined;
  return getMember(value as PlainObject, key);
}

/** The own member of a plain object, or undefined: `__proto__`, `constructor`, `toString` are data like any other. */
export function getMember(object: PlainObject, key: string): Value | undefined {
  const member = object[key];
  // No Rego value is a function, and `__proto__` is the only other thing that every object inherits.
  if (typeof member === 'function' || key === '__proto__') return Object.hasOwn(object, key) ? object[key] : undefined;
  return member;
}

/** Sets an own member of a plain object under construction, whatever its name. */
export function setMember(object: Record<string, Value>, key: string, value: Value): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else object[key] = value;
}

/** Makes the object that has these members (a later value replaces an earlier one of an equal key). */
export function buildObject(entries: Iterable<readonly [Value, Value]>): ObjectValue {
  const plain: Record<string, Value> = {};
  const iterator = entries[Symbol.iterator]();
  for (let step = iterator.next(); step.done !== true; step = iterator.next()) {
    const [key, value] = step.value;
    if (typeof key === 'string') setMember(plain, key, value);
    else {
      const object = new RegoObject(Object.entries(plain));
      object.set(key, value);
      for (let rest = iterator.next(); rest.done !== true; rest = iterator.next())
        object.set(rest.value[0], rest.value[1]);
      return object;
    }
  }
  return plain;
}

/** Sorts values in place, in Rego order, and returns them. */
export function sortValues<T extends Value[]>(values: T): T {
  sortBy(values, compare);
  return values;
}

const RANK_NUMBER = 3;
const RANK_ARRAY = 5;
const RANK_OBJECT = 6;
const RANK_SET = 7;

function rank(value: Value): number {
  switch (typeof value) {
    case 'string':
      return 4;
    case 'number':
      return RANK_NUMBER;
    case 'boolean':
      return value ? 2 : 1;
    default:
      if (value === null) return 0;
      if (Array.isArray(value)) return RANK_ARRAY;
      if (value instanceof RegoSet) return RANK_SET;
      return value instanceof RegoNumber ? RANK_NUMBER : RANK_OBJECT;
  }
}

function compareArrays(a: readonly Value[], b: readonly Value[]): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    visit(1);
    const order = compare(a[index], b[index]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareObjects(a: ObjectValue, b: ObjectValue): number {
  const entriesA = entriesOf(a);
  const entriesB = entriesOf(b);
  visit(entriesA.length + entriesB.length);
  const length = Math.min(entriesA.length, entriesB.length);
  for (let index = 0; index < length; index++) {
    const order = compareArrays(entriesA[index] ?? [], entriesB[index] ?? []);
    if (order !== 0) return order;
  }
  return entriesA.length - entriesB.length;
}

function equalSets(a: RegoSet, b: RegoSet): boolean {
  if (a.size !== b.size) return false;
  visit(a.size);
  for (const member of a) if (!b.has(member)) return false;
  return true;
}

function equalPlainObjects(a: PlainObject, b: PlainObject): boolean {
  let more = 0;
  for (const key in a) {
    visit(1);
    const member = getMember(b, key);
    if (member === undefined || !equals(a[key], member)) return false;
    more++;
  }
  for (const _key in b) more--;
  return more === 0;
}

function equalObjects(a: ObjectValue, b: ObjectValue): boolean {
  if (objectSize(a) !== objectSize(b)) return false;
  visit(objectSize(a));
  for (const [key, value] of entriesOf(a)) {
    const other = getIndex(b, key);
    if (other === undefined || !equals(value, other)) return false;
  }
  return true;
}

/** True for arrays, objects and sets. */
function isComposite(value: Value): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof RegoNumber);
}

/** How deep a digest looks, and at how many elements of an array or characters of a string. */
const DIGEST_DEPTH = 2;
const DIGEST_LENGTH = 16;

/** A number that is the same for equal values, and seldom for others. */
function digestOf(value: Value, depth = 0): number {
  if (typeof value === 'string') return digestOfString(value);
  if (typeof value === 'number') return Math.imul(value, 0x9e3779b1) ^ (value * 1024);
  if (typeof value !== 'object' || value === null) return value === true ? 3 : value === false ? 5 : 7;
  if (value instanceof RegoNumber) return digestOf(value.key);
  if (value instanceof RegoSet || value instanceof RegoObject) return value.size + 11;
  let digest = 13;
  if (Array.isArray(value)) {
    const length = depth < DIGEST_DEPTH ? Math.min(value.length, DIGEST_LENGTH) : 0;
    visit(length);
    for (let index = 0; index < length; index++) digest = Math.imul(digest, 31) + digestOf(value[index], depth + 1);
    return digest + value.length;
  }
  if (depth >= DIGEST_DEPTH) return digest;
  const object = value as PlainObject;
  // The order of the members does not count.
  for (const key in object) {
    visit(1);
    digest = (digest + Math.imul((key.charCodeAt(0) + 31 * key.length) | 1, digestOf(object[key], depth + 1) + 17)) | 0;
  }
  return digest;
}

function digestOfString(text: string): number {
  const step = text.length <= DIGEST_LENGTH ? 1 : Math.ceil(text.length / DIGEST_LENGTH);
  let digest = text.length;
  for (let index = 0; index < text.length; index += step) digest = Math.imul(digest, 31) + text.charCodeAt(index);
  return digest;
}

/** A part of a composite's key: self-delimiting, so that ["a", "b"] and ["a,b"] differ. */
function keyPart(value: Value): string {
  switch (typeof value) {
    case 'string':
      return `"${String(value.length)}:${value}`;
    case 'number':
      // -0 and 0 are one number.
      return `#${String(value)},`;
    case 'boolean':
      return value ? 'T' : 'F';
    default:
      if (value === null) return 'N';
      return value instanceof RegoNumber ? `#${String(numberKey(value))},` : String(keyOf(value));
  }
}
