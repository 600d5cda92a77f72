import { isMember, valuesOf } from './documents.ts';
import { equals, getIndex, isObject, RegoSet, typeOf, type TypeName, type Value } from './value.ts';

/** What the value of a ref must be for a rule to be tried; see `AdmissionTest` of the plan. `undefined` parts are any. */
export type RuntimeTest =
  | readonly ['type', readonly TypeName[]]
  | readonly ['equal', Value]
  | readonly ['parts', readonly Value[]]
  | readonly ['member', Value]
  | readonly ['prefix' | 'suffix', string]
  | readonly ['glob', delimiters: string, parts: readonly (string | undefined)[]];

/** Whether a value passes one of some tests. Never fails; an undefined value passes none. */
export const admits = (value: Value, tests: readonly RuntimeTest[]): boolean =>
  value !== undefined && tests.some((test) => passes(value, test));

/** Whether a key may be in a collection: only objects and sets are asked. */
export const admitsKey = (collection: Value, key: Value): boolean => {
  if (collection === undefined || key === undefined) return false;
  if (collection instanceof RegoSet) return collection.has(key);
  return !isObject(collection) || getIndex(collection, key) !== undefined;
};

const passes = (value: Value, test: RuntimeTest): boolean => {
  switch (test[0]) {
    case 'type':
      return test[1].includes(typeOf(value));
    case 'equal':
      return equals(value, test[1]);
    case 'parts':
      return hasParts(value, test[1]);
    case 'member':
      return isMember(test[1], value);
    case 'prefix':
    case 'suffix': {
      const fits = (text: Value): boolean =>
        typeof text === 'string' && (test[0] === 'prefix' ? text.startsWith(test[1]) : text.endsWith(test[1]));
      return fits(value) || (typeof value === 'object' && valuesOf(value).some(fits));
    }
    case 'glob':
      return hasParts(typeof value === 'string' ? splitEscaped(value, test[1]) : value, test[2]);
    default:
      return test satisfies never;
  }
};

const hasParts = (value: Value, parts: readonly Value[]): boolean =>
  Array.isArray(value) &&
  value.length === parts.length &&
  parts.every((part, index) => part === undefined || equals(value[index], part));

/** Cuts a text at delimiters that no backslash stands in front of. */
export const splitEscaped = (text: string, delimiters: string): readonly string[] => {
  const parts: string[] = [];
  let last = 0;
  let escaped = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\' || escaped) escaped = !escaped;
    else if (delimiters.includes(text[i] ?? '')) {
      parts.push(text.slice(last, i));
      last = i + 1;
    }
  }
  return [...parts, text.slice(last)];
};
