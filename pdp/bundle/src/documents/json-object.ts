import { parseJson } from '@edict/rego/values';
import type { Value } from '@edict/rego';

/** Base documents as a tree; members are Rego values, so that every number keeps its text. */
export type JsonObject = { readonly [key: string]: Value };

/** True for objects that JSON text gives; numbers that are boxed to keep their text are none. */
export function isJsonObject(value: Value | undefined): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** An own member, whatever its name. */
export function memberAt(object: JsonObject, key: string): Value | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** The tree of a domain's `data`, which reading has found to be an object. */
export function parseData(data: string): JsonObject {
  const parsed = parseJson(data);
  if (!parsed.ok || !isJsonObject(parsed.value)) throw new Error('the data of a domain is no JSON object');
  return parsed.value;
}
