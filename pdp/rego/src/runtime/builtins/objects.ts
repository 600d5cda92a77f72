import {
  buildObject,
  entriesOf,
  equals,
  getIndex,
  getMember,
  isObject,
  isPlainObject,
  keysOf,
  objectSize,
  RegoObject,
  RegoSet,
  setMember,
  type ObjectValue,
  type Value,
} from '../value.ts';
import { visit } from '../visits.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { arrayOperand, elementError, objectOperand, typeError } from './operands.ts';

/** Built-ins on objects. */
export const objects: BuiltinFamily = {
  'object.get': (ctx, object, path, fallback) => {
    if (typeof path === 'string' && isPlainObject(object))
      return getMember(object, path) ?? nullOr(object, path, fallback);
    if (!isObject(object)) return typeError(ctx, 1, object, 'object');
    if (!Array.isArray(path)) return getIndex(object, path) ?? nullOr(object, path, fallback);
    let current: Value | undefined = object;
    for (const key of path as readonly Value[]) {
      current = getIndex(current, key);
      if (current === undefined) return fallback;
    }
    return current;
  },
  'object.keys': (ctx, value) => {
    const object = objectOperand(ctx, value, 1);
    return object === undefined ? undefined : new RegoSet(keysOf(object));
  },
  'object.union': (ctx, a, b) => {
    const first = objectOperand(ctx, a, 1);
    if (first === undefined) return undefined;
    const second = objectOperand(ctx, b, 2);
    return second === undefined ? undefined : merge(first, second);
  },
  'object.union_n': (ctx, value) => {
    const array = arrayOperand(ctx, value, 1);
    if (array === undefined) return undefined;
    let result: ObjectValue = {};
    for (const element of array) {
      if (!isObject(element)) return elementError(ctx, 1, array, element, 'object');
      result = merge(result, element);
    }
    return result;
  },
  'object.remove': (ctx, value, keys) => selectKeys(ctx, value, keys, false),
  'object.filter': (ctx, value, keys) => selectKeys(ctx, value, keys, true),
  'object.subset': (ctx, whole, part) => {
    const answer = isSubset(whole, part);
    if (answer !== undefined) return answer;
    return ctx.fail('eval_type_error', () => 'both arguments object.subset must be of the same type or array and set');
  },
};

/** `null` members are defined: `??` must not replace them. */
function nullOr(object: ObjectValue, key: Value, fallback: Value): Value {
  return getIndex(object, key) === null ? null : fallback;
}

/** The members of both; where both have a key, objects merge and anything else is taken from `b`. */
function merge(a: ObjectValue, b: ObjectValue): ObjectValue {
  if (objectSize(a) === 0) return b;
  if (objectSize(b) === 0) return a;
  visit(objectSize(b));
  if (isPlainObject(a) && isPlainObject(b)) {
    const result: Record<string, Value> = { ...a };
    for (const key of Object.keys(b)) {
      const old = getMember(a, key);
      const value = b[key];
      setMember(result, key, old !== undefined && isObject(old) && isObject(value) ? merge(old, value) : value);
    }
    return result;
  }
  const result = new RegoObject(entriesOf(a));
  for (const [key, value] of entriesOf(b)) {
    const old = result.get(key);
    result.set(key, old !== undefined && isObject(old) && isObject(value) ? merge(old, value) : value);
  }
  return result;
}

function selectKeys(ctx: BuiltinContext, value: Value, keys: Value, keep: boolean): Value | undefined {
  const object = objectOperand(ctx, value, 1);
  if (object === undefined) return undefined;
  let wanted: RegoSet;
  if (Array.isArray(keys)) wanted = new RegoSet(keys as readonly Value[]);
  else if (keys instanceof RegoSet) wanted = keys;
  else if (isObject(keys)) wanted = new RegoSet(keysOf(keys));
  else return typeError(ctx, 2, keys, 'object', 'set', 'array');
  if (!isPlainObject(object)) return buildObject(entriesOf(object).filter(([key]) => wanted.has(key) === keep));
  const result: Record<string, Value> = {};
  for (const key in object) if (wanted.has(key) === keep) setMember(result, key, object[key]);
  return result;
}

/** Whether `part` is contained in `whole`; undefined if their types cannot be compared so. */
function isSubset(whole: Value, part: Value): boolean | undefined {
  if (isObject(whole) && isObject(part)) return isObjectSubset(whole, part);
  if (whole instanceof RegoSet && part instanceof RegoSet) return isSetSubset(whole, part);
  if (!Array.isArray(whole)) return undefined;
  const array = whole as readonly Value[];
  if (Array.isArray(part)) return isArraySubset(array, part as readonly Value[]);
  if (!(part instanceof RegoSet)) return undefined;
  // Counts as OPA does: an element that stands twice in the array counts twice.
  let unmatched = part.size;
  return array.some((element) => {
    if (part.has(element)) unmatched--;
    return unmatched === 0;
  });
}

function isObjectSubset(whole: ObjectValue, part: ObjectValue): boolean {
  return entriesOf(part).every(([key, value]) => {
    const other = getIndex(whole, key);
    if (other === undefined) return false;
    if (equals(value, other)) return true;
    if (isObject(other) && isObject(value)) return isObjectSubset(other, value);
    if (other instanceof RegoSet && value instanceof RegoSet) return isSetSubset(other, value);
    return Array.isArray(other) && Array.isArray(value) && isArraySubset(other as Value[], value as Value[]);
  });
}

function isSetSubset(whole: RegoSet, part: RegoSet): boolean {
  if (part.size > whole.size) return false;
  for (const member of part) if (!whole.has(member)) return false;
  return true;
}

/** Whether `part` stands in `whole` as one run. */
function isArraySubset(whole: readonly Value[], part: readonly Value[]): boolean {
  for (let start = 0; start + part.length <= whole.length; start++) {
    let matched = 0;
    while (matched < part.length && equals(whole[start + matched], part[matched])) matched++;
    if (matched === part.length) return true;
  }
  return false;
}
