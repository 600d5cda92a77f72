import { add, fromBigFloat, isNumber, numberFromBigInt, toBigFloat, toBigInt } from '../number.ts';
import { addBigFloats, multiplyBigFloats, bitLength } from '../big-float.ts';
import { MAX_INTEGER_BITS, type RegoNumeric } from '../number.ts';
import { compare, equals, isObject, objectSize, RegoSet, getIndex, keysOf, sortValues, type Value } from '../value.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { builtinError, elementError, elementsOf, typeError } from './operands.ts';
import { spendWork } from './work.ts';

/** Counting, summing, extremes, sorting and membership. */
export const aggregates: BuiltinFamily = {
  count: (ctx, value) => {
    if (typeof value === 'string') {
      spendWork(ctx, value.length);
      return countCodePoints(value);
    }
    if (Array.isArray(value)) return value.length;
    if (value instanceof RegoSet) return value.size;
    if (isObject(value)) return objectSize(value);
    return typeError(ctx, 1, value, 'array', 'object', 'set', 'string');
  },
  sum: (ctx, value) => {
    const elements = elementsOf(value);
    if (elements === undefined) return typeError(ctx, 1, value, 'set', 'array');
    const quick = sumOfSmall(elements);
    if (quick !== undefined) return quick;
    if (!allIntegers(elements)) return foldFloats(ctx, value, elements, '0', addBigFloats);
    let total: RegoNumeric = 0;
    for (const element of elements) total = add(total, element as RegoNumeric);
    return total;
  },
  product: (ctx, value) => {
    const elements = elementsOf(value);
    if (elements === undefined) return typeError(ctx, 1, value, 'set', 'array');
    if (!allIntegers(elements)) return foldFloats(ctx, value, elements, '1', multiplyBigFloats);
    let total = 1n;
    for (const element of elements) {
      total *= toBigInt(element as RegoNumeric) ?? 1n;
      if (bitLength(total) > MAX_INTEGER_BITS) return builtinError(ctx, 'number too big');
    }
    return numberFromBigInt(total);
  },
  max: (ctx, value) => {
    const elements = elementsOf(value);
    if (elements === undefined) return typeError(ctx, 1, value, 'set', 'array');
    let best = elements[0];
    for (let index = 1; index < elements.length; index++)
      if (compare(best, elements[index]) <= 0) best = elements[index];
    return best;
  },
  min: (ctx, value) => {
    const elements = elementsOf(value);
    if (elements === undefined) return typeError(ctx, 1, value, 'set', 'array');
    let best = elements[0];
    for (let index = 1; index < elements.length; index++)
      if (compare(best, elements[index]) >= 0) best = elements[index];
    return best;
  },
  sort: (ctx, value) => {
    if (value instanceof RegoSet) return value.values();
    if (!Array.isArray(value)) return typeError(ctx, 1, value, 'set', 'array');
    return sortValues((value as readonly Value[]).slice());
  },
  all: (ctx, value) => {
    const elements = elementsOf(value);
    return elements === undefined ? typeError(ctx, 1, value, 'array', 'set') : elements.every((each) => each === true);
  },
  any: (ctx, value) => {
    const elements = elementsOf(value);
    return elements === undefined ? typeError(ctx, 1, value, 'array', 'set') : elements.includes(true);
  },
  'internal.member_2': (_ctx, member, collection) => isMember(member, collection),
  'internal.member_3': (_ctx, key, member, collection) => {
    if (collection instanceof RegoSet) return collection.has(key) && equals(key, member);
    const value = getIndex(collection, key);
    return value !== undefined && equals(value, member);
  },
};

/** Number of code points of a string. */
export function countCodePoints(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length - 1; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const next = text.charCodeAt(index + 1);
      if (next >= 0xdc00 && next <= 0xdfff) {
        count--;
        index++;
      }
    }
  }
  return count;
}

/** What `member in collection` is. */
export function isMember(member: Value, collection: Value): boolean {
  if (typeof collection !== 'object' || collection === null) return false;
  if (Array.isArray(collection)) {
    for (const element of collection as readonly Value[]) if (equals(element, member)) return true;
    return false;
  }
  if (collection instanceof RegoSet) return collection.has(member);
  if (!isObject(collection)) return false;
  return keysOf(collection).some((key) => equals(getIndex(collection, key), member));
}

/** The sum of integers that are all safe, as is every sum on the way. */
function sumOfSmall(elements: readonly Value[]): number | undefined {
  let total = 0;
  for (const element of elements) {
    if (typeof element !== 'number' || !Number.isInteger(element)) return undefined;
    total += element;
    if (!Number.isSafeInteger(total)) return undefined;
  }
  return total;
}

function allIntegers(elements: readonly Value[]): boolean {
  return elements.every((element) =>
    typeof element === 'number' ? Number.isInteger(element) : isNumber(element) && toBigInt(element) !== null,
  );
}

function foldFloats(
  ctx: BuiltinContext,
  operand: Value,
  elements: readonly Value[],
  start: '0' | '1',
  operation: typeof addBigFloats,
): Value | undefined {
  let total = toBigFloat(Number(start));
  for (const element of elements) {
    if (!isNumber(element)) return elementError(ctx, 1, operand, element, 'number');
    total = operation(total, toBigFloat(element));
    if (Math.abs(total.exponent) > MAX_INTEGER_BITS) return builtinError(ctx, 'number too big');
  }
  return fromBigFloat(total);
}
