import type { Term } from '../ast.ts';
import { constantKey } from './constant.ts';
import { exactText } from './print.ts';
import { ANY, NUMBER, STRING, typeOfKey } from './type.ts';
import type { AnyType, ConstantKey, FunctionType, ObjectType, Type } from './type.ts';

type MaybeType = Type | undefined;

const texts = new WeakMap<Type, string>();

/** A text that equal types share, and no others. */
export const typeText = (type: Type): string => {
  const known = texts.get(type);
  if (known !== undefined) return known;
  const text = exactText(type);
  texts.set(type, text);
  return text;
};

/** Whether two types hold the same values. */
export const sameType = (a: MaybeType, b: MaybeType): boolean =>
  a === b || (a !== undefined && b !== undefined && typeText(a) === typeText(b));

/** Whether a type holds all values. */
export const isAnything = (type: Type): boolean => type.kind === 'any' && type.of.length === 0;

const anyContains = (any: AnyType, other: Type): boolean =>
  other.kind !== 'function' && (any.of.length === 0 || any.of.some((type) => sameType(type, other)));

/** A type that holds the values of both. Undefined counts as nothing. */
export const union = (a: MaybeType, b: MaybeType): MaybeType => {
  if (a === undefined) return b;
  if (b === undefined) return a;
  if (a.kind === 'function' && b.kind === 'function') return functionUnion(a, b);
  if (a.kind === 'function' || b.kind === 'function') return undefined;
  if (a.kind === 'any') return extend(a, b.kind === 'any' ? b.of : [b], b);
  if (b.kind === 'any') return extend(b, [a], a);
  return sameType(a, b) ? a : { kind: 'any', of: [a, b].sort(byText) };
};

const byText = (a: Type, b: Type): number => (typeText(a) < typeText(b) ? -1 : 1);

/** How many types a value may be one of before it counts as any. */
const MAX_ALTERNATIVES = 1_000;

const extend = (any: AnyType, more: readonly Type[], other: Type): Type => {
  if (any.of.length === 0) return any;
  if (isAnything(other)) return other;
  const added = more.filter((type) => !anyContains(any, type));
  if (added.length === 0) return any;
  if (any.of.length + added.length > MAX_ALTERNATIVES) return ANY;
  return { kind: 'any', of: [...any.of, ...added].sort(byText) };
};

const functionUnion = (a: FunctionType, b: FunctionType): MaybeType => {
  if (a.args.length !== b.args.length || (a.variadic === undefined) !== (b.variadic === undefined)) return undefined;
  return {
    kind: 'function',
    args: a.args.map((arg, index) => union(arg, b.args[index])),
    variadic: union(a.variadic, b.variadic),
    result: union(a.result, b.result),
  };
};

/** The type of a value that is nothing but known keys would be chosen from: undefined where it has no keys. */
export const keysOf = (type: MaybeType): MaybeType => {
  if (type === undefined) return undefined;
  switch (type.kind) {
    case 'array':
      return NUMBER;
    case 'object': {
      const keys = [...new Set([...type.properties.keys()].map(typeOfKey))];
      return union(keys.reduce<MaybeType>(union, undefined), type.rest?.key);
    }
    case 'set':
      return type.of;
    case 'any':
      return isAnything(type) ? ANY : type.of.reduce<MaybeType>((all, member) => union(keysOf(member), all), undefined);
    default:
      return undefined;
  }
};

/** The type of the values in a collection: undefined where there is none. */
export const valuesOf = (type: MaybeType): MaybeType => {
  if (type === undefined) return undefined;
  switch (type.kind) {
    case 'array':
      return union(type.items.reduce<MaybeType>(union, undefined), type.rest);
    case 'object':
      return union([...type.properties.values()].reduce<MaybeType>(union, undefined), type.rest?.value);
    case 'set':
      return type.of;
    case 'any':
      return isAnything(type)
        ? ANY
        : type.of.reduce<MaybeType>((all, member) => union(valuesOf(member), all), undefined);
    default:
      return undefined;
  }
};

/** Whether a type holds all that another does, by OPA's simple rule: it is the same, or one of an `any`. */
const contains = (type: MaybeType, other: Type): boolean =>
  type?.kind === 'any' ? anyContains(type, other) : sameType(type, other);

const propertyOf = (type: ObjectType, key: ConstantKey): MaybeType => {
  if (type.properties.has(key)) return type.properties.get(key);
  return type.rest !== undefined && contains(type.rest.key, typeOfKey(key)) ? type.rest.value : undefined;
};

/** The type of an array's element. */
export const elementOf = (type: Extract<Type, { kind: 'array' }>, index: number): MaybeType =>
  index >= 0 && index < type.items.length ? type.items[index] : index >= 0 ? type.rest : undefined;

/** The type of what a constant selects; undefined where there can be nothing. */
export const select = (type: MaybeType, constant: Term): MaybeType => {
  if (type === undefined) return undefined;
  switch (type.kind) {
    case 'array': {
      // As in OPA 1.0 is no index.
      const index = constant.kind === 'number' && /^-?\d+$/.test(constant.text) ? BigInt(constant.text) : -1n;
      return index > MAX_INDEX ? undefined : elementOf(type, Number(index));
    }
    case 'object': {
      const key = constantKey(constant);
      return key === undefined ? undefined : propertyOf(type, key);
    }
    case 'set': {
      const key = constantKey(constant);
      if (key === undefined) return undefined;
      const keyType = typeOfKey(key);
      if (sameType(type.of, keyType)) return type.of;
      return type.of?.kind === 'any' && anyContains(type.of, keyType) ? keyType : undefined;
    }
    case 'any':
      return isAnything(type)
        ? ANY
        : type.of.reduce<MaybeType>((all, member) => union(select(member, constant), all), undefined);
    default:
      return undefined;
  }
};

const MAX_INDEX = 2n ** 63n - 1n;

/** Whether something in a type is not known. */
export const isUnknown = (type: MaybeType): boolean => {
  if (type === undefined) return true;
  switch (type.kind) {
    case 'function':
      return type.args.some(isUnknown) || isUnknown(type.result);
    case 'array':
      return type.items.some(isUnknown) || (type.rest !== undefined && isUnknown(type.rest));
    case 'object':
      return (
        [...type.properties.values()].some(isUnknown) ||
        (type.rest !== undefined && (isUnknown(type.rest.key) || isUnknown(type.rest.value)))
      );
    case 'set':
      return isUnknown(type.of);
    default:
      return false;
  }
};

/** Whether a collection type holds nothing at all. */
export const isEmptyCollection = (type: Type): boolean => {
  switch (type.kind) {
    case 'object':
      return type.properties.size === 0 && type.rest === undefined;
    case 'array':
      return type.items.length === 0 && type.rest === undefined;
    case 'set':
      return type.of === undefined;
    default:
      return false;
  }
};

/** Whether some value can be of both types. What is not known unifies with nothing. */
export const unifies = (a: MaybeType, b: MaybeType): boolean => {
  if (a === undefined || b === undefined) return false;
  if (a.kind === 'any' && anyUnifies(a, b)) return true;
  if (b.kind === 'any') return anyUnifies(b, a);
  switch (a.kind) {
    case 'any':
      return false;
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
      return a.kind === b.kind;
    case 'array':
      return (
        b.kind === 'array' &&
        a.items.every((item, index) => unifies(item, elementOf(b, index))) &&
        b.items.every((item, index) => unifies(item, elementOf(a, index))) &&
        (a.rest === undefined || b.rest === undefined || unifies(a.rest, b.rest))
      );
    case 'object':
      return (
        b.kind === 'object' &&
        propertiesUnify(a, b) &&
        propertiesUnify(b, a) &&
        (a.rest?.value === undefined || b.rest?.value === undefined || unifies(a.rest.value, b.rest.value))
      );
    case 'set':
      return b.kind === 'set' && (a.of === undefined || b.of === undefined || unifies(a.of, b.of));
    case 'function':
      return (
        b.kind === 'function' &&
        a.args.length === b.args.length &&
        a.args.every((arg, index) => unifies(arg, b.args[index]))
      );
    default:
      return a satisfies never;
  }
};

const anyUnifies = (any: AnyType, other: Type): boolean =>
  other.kind !== 'function' && (any.of.length === 0 || any.of.some((type) => unifies(type, other)));

const propertiesUnify = (a: ObjectType, b: ObjectType): boolean => {
  for (const [key, type] of a.properties) {
    const other = propertyOf(b, key);
    if (other === undefined) {
      if (a.rest?.value === undefined && b.rest?.value === undefined) return false;
    } else if (!unifies(type, other)) {
      return false;
    }
  }
  return true;
};

/** Strings are the only keys that packages and rules have. */
export const DOCUMENT_KEY: Type = STRING;
