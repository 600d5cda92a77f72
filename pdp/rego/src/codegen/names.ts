import { RegoNumber, RegoObject, RegoSet } from '../runtime/value.ts';

/** Every name that a value which is no plain object answers to in JavaScript. */
const inherited: ReadonlySet<string> = new Set(
  [
    Object.prototype,
    Array.prototype,
    String.prototype,
    Number.prototype,
    Boolean.prototype,
    RegoSet.prototype,
    RegoObject.prototype,
    RegoNumber.prototype,
    new RegoNumber('0'),
    [],
  ].flatMap((object) => Object.getOwnPropertyNames(object)),
);

/**
 * True if `value?.name` in JavaScript is the member called `name` of every plain object, and undefined for every value
 * that has no such member: names that nothing inherits, and that are no array index.
 */
export const isPlainName = (name: string): boolean => !/^-?\d/.test(name) && !inherited.has(name);

/** Reads a member with a plain name: `?.name`, or `?.["other-name"]`. */
export const optionalMember = (name: string): string =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `?.${name}` : `?.[${quote(name)}]`;

/** A JavaScript literal for a string: JSON, which ES2019 made a subset of JavaScript. */
export const quote = (text: string): string => JSON.stringify(text);

/** The name of a member in an object literal. `"__proto__": x` would set the prototype; the other form makes a member of it. */
export const memberName = (literal: string): string => (literal === '"__proto__"' ? `[${literal}]` : literal);
