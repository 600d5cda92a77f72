import { compileSchema, type Schema } from '../runtime/builtins/schema-compile.ts';
import type { Value } from '../runtime/value.ts';
import { bounded } from './bounded.ts';
import { union } from './operations.ts';
import { ANY, arrayOf, BOOLEAN, NUMBER, STRING, stringKey, tuple } from './type.ts';
import type { Type } from './type.ts';

/** How often a schema that refers to itself is written out: below that, nothing is known. */
export const MAX_SCHEMA_UNROLLING = 4;

/** Schemas inside of one schema, those that it refers to written out: what is beyond is not known. */
export const MAX_SCHEMA_PARTS = 20_000;

/** What reading a schema as a type gives. */
export type SchemaType = { readonly ok: true; readonly type: Type } | { readonly ok: false; readonly message: string };

/**
 * The type of the values that a JSON schema allows, as OPA takes it: of all keywords only `type`, `properties`, `items`,
 * `anyOf`, `allOf` and `$ref` count, and of several types the first in a fixed order.
 */
export const typeOfSchema = (document: Value): SchemaType => {
  const compiled = compileSchema(document);
  if (!compiled.ok) return { ok: false, message: `unable to compile the schema: ${compiled.message}` };
  try {
    return { ok: true, type: new SchemaReader().read(compiled.schema) };
  } catch (error) {
    if (error instanceof SchemaTypeProblem) return { ok: false, message: `type checking: ${error.message}` };
    throw error;
  }
};

/** Ends the reading of a schema from within; never leaves this file. */
class SchemaTypeProblem extends Error {
  override readonly name = 'SchemaTypeProblem';
}

class SchemaReader {
  readonly #open = new Map<Schema, number>();
  #parts = 0;

  read(schema: Schema): Type {
    if (++this.#parts > MAX_SCHEMA_PARTS) return ANY;
    const { ref } = schema;
    if (ref === undefined) return bounded(this.#own(schema));
    const times = this.#open.get(ref) ?? 0;
    if (times >= MAX_SCHEMA_UNROLLING) return ANY;
    this.#open.set(ref, times + 1);
    const type = this.read(ref);
    this.#open.set(ref, times);
    return type;
  }

  #own(schema: Schema): Type {
    if (schema.anyOf.length > 0) return this.#anyOf(schema);
    if (schema.allOf.length > 0) return this.#allOf(schema);
    const types = new Set(typesOf(schema));
    if (types.has('boolean')) return BOOLEAN;
    if (types.has('string')) return STRING;
    if (types.has('integer') || types.has('number')) return NUMBER;
    if (types.has('object')) return this.#object(schema);
    return types.has('array') ? this.#array(schema) : ANY;
  }

  #object({ properties }: Schema): Type {
    if (properties.length === 0) return { kind: 'object', properties: new Map(), rest: { key: ANY, value: ANY } };
    const members = properties.map(([name, schema]) => [stringKey(name), this.read(schema)] as const);
    return { kind: 'object', properties: new Map(members), rest: undefined };
  }

  #array({ items }: Schema): Type {
    if (items === undefined) return arrayOf(ANY);
    if (!isList(items)) return arrayOf(this.read(items));
    return items.length === 0 ? arrayOf(ANY) : tuple(items.map((item) => this.read(item)));
  }

  #anyOf(schema: Schema): Type {
    let type: Type | undefined;
    if (schema.types.length > 0) {
      const core = this.read({ ...schema, anyOf: [] });
      if (core.kind === 'object' && core.properties.size > 0 && core.rest === undefined) type = core;
    }
    for (const each of schema.anyOf) type = union(this.read(each), type);
    return type ?? ANY;
  }

  #allOf(schema: Schema): Type {
    const parts = schema.allOf.map(target).filter((part) => !isAlternativesOnly(part));
    if (parts.length === 0) return ANY;
    const merged = mergeSchemas(parts);
    if (schema.types.length === 0) return this.read(merged);
    const both = (type: string): boolean => schema.types.includes(type) && merged.types.includes(type);
    if (both('object') || both('array')) return this.read(mergeSchemas([merged, { ...schema, allOf: [] }]));
    if (typesText(schema) !== typesText(merged)) throw new SchemaTypeProblem('unable to merge these schemas');
    return this.read(merged);
  }
}

const isList = (items: NonNullable<Schema['items']>): items is readonly Schema[] => Array.isArray(items);

/** What has properties is an object, and what has items an array, if nothing else is said. */
const typesOf = (schema: Schema): readonly string[] => {
  if (schema.types.length > 0) return schema.types;
  if (schema.properties.length > 0) return ['object'];
  return itemsOf(schema).length > 0 ? ['array'] : [];
};

const itemsOf = ({ items }: Schema): readonly Schema[] => (items === undefined ? [] : isList(items) ? items : [items]);

const target = (schema: Schema): Schema => {
  let at = schema;
  for (const seen = new Set<Schema>(); at.ref !== undefined && !seen.has(at); at = at.ref) seen.add(at);
  return at;
};

const isAlternativesOnly = (schema: Schema): boolean => typesOf(schema).length === 0 && schema.anyOf.length > 0;

const typesText = ({ types }: Schema): string => types.toSorted().join();

/** One schema of several that hold together. Types must be equal. */
const mergeSchemas = (schemas: readonly Schema[]): Schema => {
  const [first, ...others] = schemas.map((schema): Schema => ({ ...schema, types: withStructure(schema) }));
  if (first === undefined) throw new SchemaTypeProblem('no schemas to merge');
  let merged = first;
  for (const other of others) {
    if (typesText(merged) !== typesText(other)) {
      throw new SchemaTypeProblem(
        `unable to merge these schemas: type mismatch: ${typesText(merged)} and ${typesText(other)}`,
      );
    }
    if (merged.types.includes('object') && merged.properties.length > 0 && other.properties.length > 0) {
      merged = { ...merged, properties: [...merged.properties, ...other.properties] };
    } else if (merged.types.includes('array') && itemsOf(merged).length > 0 && itemsOf(other).length > 0) {
      merged = { ...merged, items: mergeItems(merged, other) };
    }
  }
  return merged;
};

const withStructure = (schema: Schema): string[] => {
  const structure = schema.properties.length > 0 ? 'object' : itemsOf(schema).length > 0 ? 'array' : undefined;
  return structure === undefined || schema.types.includes(structure) ? schema.types : [...schema.types, structure];
};

const mergeItems = (schema: Schema, other: Schema): Schema | readonly Schema[] => {
  const own = itemsOf(schema);
  const added = itemsOf(other);
  for (const [index, item] of added.entries()) {
    const same = own[index];
    if (same !== undefined && typesText(same) !== typesText(item)) {
      throw new SchemaTypeProblem('unable to merge these schemas');
    }
  }
  if (schema.items !== undefined && !isList(schema.items)) return schema.items;
  return [...own, ...added.slice(own.length)];
};
