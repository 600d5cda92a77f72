import { RegoNumber } from '@edict/rego/values';
import { parseData, type JsonObject } from '../documents/json-object.ts';
import { quoteYaml } from '../read/text-edit.ts';
import { ConvertError } from './convert-error.ts';
import type { Value } from '@edict/rego';
import type { JsonValue } from '../read/object-node.ts';

/**
 * Base documents as an object of plain JSON. Decimals lose zeros at their end and digits that a double does not hold.
 * @throws ConvertError for whole numbers that a double does not hold, and those beyond its range
 */
export function objectOfData(data: string): { readonly [key: string]: JsonValue } {
  return members(parseData(data), plain);
}

/**
 * Base documents as block YAML below a key at `indent`, every number with its own text. Every reader of YAML takes it for
 * the same.
 */
export function yamlOfData(data: string, indent: number): string {
  return printValue(parseData(data), indent);
}

function plain(value: Value): JsonValue {
  if (value instanceof RegoNumber) return plainNumber(value.text);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value !== 'object' || value === null) return null;
  return Array.isArray(value) ? value.map((item: Value) => plain(item)) : members(value as JsonObject, plain);
}

function plainNumber(text: string): number {
  const value = Number(text);
  const isExact = Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (isExact) return value;
  throw new ConvertError('integer-too-large', `the data holds the number ${text}, which an object cannot hold exactly`);
}

function members<T>(object: JsonObject, convert: (value: Value) => T): { readonly [key: string]: T } {
  return Object.fromEntries(Object.entries(object).map(([key, member]) => [key, convert(member)]));
}

/** What follows a key or a dash, with the line break that ends it. */
function printValue(value: Value, indent: number): string {
  if (value instanceof RegoNumber) return ` ${value.text}\n`;
  if (typeof value === 'string') return ` ${quoteYaml(value)}\n`;
  if (typeof value !== 'object' || value === null) return ` ${Object.is(value, -0) ? '-0' : String(value)}\n`;
  const margin = ' '.repeat(indent);
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []\n';
    return `\n${value.map((item: Value) => `${margin}-${printValue(item, indent + 2)}`).join('')}`;
  }
  const entries = Object.entries(value as JsonObject);
  if (entries.length === 0) return ' {}\n';
  return `\n${entries.map(([key, member]) => `${margin}${quoteYaml(key)}:${printValue(member, indent + 2)}`).join('')}`;
}
