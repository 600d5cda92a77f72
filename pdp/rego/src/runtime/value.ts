/**
 * Rego values as the generated code holds them. Input and data are used as `JSON.parse` gives them, without conversion.
 * undefined = JS undefined; null, booleans, strings = JS primitives; arrays = JS arrays;
 * numbers = JS number where the number is exactly what its text says (see number.ts), else `RegoNumber`;
 * objects with string keys only = plain JS objects; other objects = `RegoObject`; sets = `RegoSet`.
 */
export type Value = unknown;
