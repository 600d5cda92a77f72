import { compareNumbers, isNumber, toBigInt, toDouble, type RegoNumeric } from '../number.ts';
import { getMember, isPlainObject, objectKeys, type PlainObject, type Value } from '../value.ts';
import { stringify } from '../json.ts';
import { compileRegex } from './regex.ts';

/** A compiled JSON schema (drafts 4, 6 and 7). Keywords that are absent are undefined. */
export interface Schema {
  /** Set for the schemas `true` and `false`, which have nothing else. */
  pass?: boolean;
  ref?: Schema;
  types: string[];
  properties: (readonly [string, Schema])[];
  additionalProperties?: boolean | Schema;
  patternProperties: (readonly [(text: string) => boolean, Schema])[];
  propertyNames?: Schema;
  dependencies: Map<string, readonly string[] | Schema>;
  items?: Schema | readonly Schema[];
  additionalItems?: boolean | Schema;
  contains?: Schema;
  multipleOf?: RegoNumeric;
  minimum?: RegoNumeric;
  exclusiveMinimum?: RegoNumeric;
  maximum?: RegoNumeric;
  exclusiveMaximum?: RegoNumeric;
  minLength?: number;
  maxLength?: number;
  minProperties?: number;
  maxProperties?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  pattern?: { readonly source: string; readonly test: (text: string) => boolean };
  format?: string;
  required: string[];
  const?: string;
  enum?: readonly string[];
  oneOf: readonly Schema[];
  anyOf: readonly Schema[];
  allOf: readonly Schema[];
  not?: Schema;
  if?: Schema;
  then?: Schema;
  else?: Schema;
}

/** Deepest nesting of schemas in a schema. */
export const MAX_SCHEMA_DEPTH = 200;

/** What compiling gives: the schema, or what is wrong with it. */
export type SchemaResult =
  { readonly ok: true; readonly schema: Schema } | { readonly ok: false; readonly message: string };

/** Ends compiling from within; never leaves this file. */
class SchemaProblem extends Error {
  override readonly name = 'SchemaProblem';
}

/** Compiles a schema. References must stay within it: nothing is fetched. */
export function compileSchema(document: Value): SchemaResult {
  try {
    return { ok: true, schema: new Compiler(document).compile() };
  } catch (error) {
    if (error instanceof SchemaProblem) return { ok: false, message: error.message };
    throw error;
  }
}

const TYPES = ['array', 'boolean', 'integer', 'number', 'null', 'object', 'string'];

/** JSON with numbers by value: what `const`, `enum` and `uniqueItems` compare by. */
export function comparableJson(value: Value): string {
  return stringify(normalizeNumbers(value), { escapeHtml: true });
}

function normalizeNumbers(value: Value): Value {
  if (isNumber(value)) return toDouble(value);
  if (Array.isArray(value)) return (value as readonly Value[]).map(normalizeNumbers);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.keys(value).map((key) => [key, normalizeNumbers(value[key])]));
}

class Compiler {
  readonly #root: Value;
  readonly #references = new Map<string, Schema>();
  #depth = 0;

  constructor(root: Value) {
    this.#root = root;
  }

  compile(): Schema {
    const schema = emptySchema();
    this.#references.set('#', schema);
    this.#fill(schema, this.#root);
    return schema;
  }

  #schema(document: Value): Schema {
    const schema = emptySchema();
    if (++this.#depth > MAX_SCHEMA_DEPTH) throw new SchemaProblem('schema is nested too deeply');
    this.#fill(schema, document);
    this.#depth--;
    return schema;
  }

  #fill(schema: Schema, document: Value): void {
    if (typeof document === 'boolean') {
      schema.pass = document;
      return;
    }
    if (!isPlainObject(document)) throw new SchemaProblem('Expected: Valid Schema, given: Invalid JSON');
    textOf(document, '$id');
    this.#definitions(document);
    textOf(document, 'title');
    textOf(document, 'description');
    const reference = textOf(document, '$ref');
    if (reference !== undefined) {
      schema.ref = this.#reference(reference);
      return;
    }
    readTypes(schema, document);
    this.#objectKeywords(schema, document);
    this.#arrayKeywords(schema, document);
    readNumbers(schema, document);
    readStrings(schema, document);
    readCounts(schema, document);
    readValues(schema, document);
    this.#combinations(schema, document);
  }

  #definitions(document: PlainObject): void {
    const definitions = getMember(document, 'definitions');
    if (definitions === undefined) return;
    if (!isPlainObject(definitions)) throw invalidType('Array Of Schemas', 'definitions');
    for (const key of objectKeys(definitions)) {
      const definition = definitions[key];
      if (!isSchemaLike(definition)) throw invalidType('Array Of Schemas', 'definitions');
      // Compiled for its errors; references compile it again by their path.
      this.#schema(definition);
    }
  }

  #reference(reference: string): Schema {
    const known = this.#references.get(reference);
    if (known !== undefined) return known;
    const target = this.#find(reference);
    if (!isSchemaLike(target)) throw new SchemaProblem('Valid Schema must be of type object');
    const schema = emptySchema();
    this.#references.set(reference, schema);
    this.#fill(schema, target);
    return schema;
  }

  #find(reference: string): Value {
    const id = isPlainObject(this.#root) ? (getMember(this.#root, '$id') ?? getMember(this.#root, 'id')) : undefined;
    const local = typeof id === 'string' && reference.startsWith(`${id}#`) ? reference.slice(id.length) : reference;
    if (local === '#' || reference === id) return this.#root;
    if (!local.startsWith('#/')) {
      const named = findById(this.#root, local, 0);
      if (named !== undefined) return named;
      throw new SchemaProblem(`remote reference loading disabled: ${reference}`);
    }
    let current: Value | undefined = this.#root;
    for (const segment of local.slice(2).split('/')) {
      const key = decodeSegment(segment);
      if (isPlainObject(current)) current = getMember(current, key);
      else if (Array.isArray(current)) current = (current as readonly Value[])[Number(key)];
      else current = undefined;
      if (current === undefined) throw new SchemaProblem(`Object has no key '${key}'`);
    }
    return current;
  }

  #objectKeywords(schema: Schema, document: PlainObject): void {
    const properties = getMember(document, 'properties');
    if (properties !== undefined) {
      if (!isPlainObject(properties)) throw new SchemaProblem('Properties must be of type object');
      schema.properties = objectKeys(properties).map((key) => [key, this.#schema(properties[key])]);
    }
    const additional = this.#booleanOrSchema(document, 'additionalProperties');
    if (additional !== undefined) schema.additionalProperties = additional;
    const patterns = getMember(document, 'patternProperties');
    if (patterns !== undefined) {
      if (!isPlainObject(patterns)) throw invalidType('Valid Schema', 'patternProperties');
      schema.patternProperties = objectKeys(patterns).map((pattern) => {
        const regex = compileRegex(pattern);
        if (!regex.ok) throw new SchemaProblem(`Invalid regex pattern '${pattern}'`);
        return [regex.test, this.#schema(patterns[pattern])];
      });
    }
    const names = getMember(document, 'propertyNames');
    if (names !== undefined) {
      if (!isSchemaLike(names)) throw invalidType('Valid Schema', 'patternProperties');
      schema.propertyNames = this.#schema(names);
    }
    this.#dependencies(schema, document);
  }

  #dependencies(schema: Schema, document: PlainObject): void {
    const dependencies = getMember(document, 'dependencies');
    if (dependencies === undefined) return;
    if (!isPlainObject(dependencies)) throw new SchemaProblem('dependencies must be of type object');
    for (const key of objectKeys(dependencies)) {
      const dependency = dependencies[key];
      if (Array.isArray(dependency) && (dependency as readonly Value[]).every((name) => typeof name === 'string')) {
        schema.dependencies.set(key, dependency as readonly string[]);
      } else if (isSchemaLike(dependency)) schema.dependencies.set(key, this.#schema(dependency));
      else throw new SchemaProblem('Dependency must be of type Valid Schema or Array Of Strings');
    }
  }

  #arrayKeywords(schema: Schema, document: PlainObject): void {
    const items = getMember(document, 'items');
    if (items !== undefined) {
      if (Array.isArray(items) && (items as readonly Value[]).every(isSchemaLike)) {
        schema.items = (items as readonly Value[]).map((item) => this.#schema(item));
      } else if (isSchemaLike(items)) schema.items = this.#schema(items);
      else throw invalidType('Valid Schema/Array Of Schemas', 'items');
    }
    const additional = this.#booleanOrSchema(document, 'additionalItems');
    if (additional !== undefined) schema.additionalItems = additional;
    const contains = getMember(document, 'contains');
    if (contains !== undefined) schema.contains = this.#schema(contains);
  }

  #booleanOrSchema(document: PlainObject, key: string): boolean | Schema | undefined {
    const value = getMember(document, key);
    if (value === undefined || typeof value === 'boolean') return value;
    if (isPlainObject(value)) return this.#schema(value);
    throw invalidType('boolean/Valid Schema', key);
  }

  #combinations(schema: Schema, document: PlainObject): void {
    for (const key of ['oneOf', 'anyOf', 'allOf'] as const) {
      schema[key] = listOf(document, key)?.map((each) => this.#schema(each)) ?? [];
    }
    for (const key of ['not', 'if', 'then', 'else'] as const) {
      const value = getMember(document, key);
      if (value === undefined) continue;
      if (!isSchemaLike(value)) throw new SchemaProblem(`${key} must be of an object`);
      schema[key] = this.#schema(value);
    }
  }
}

function emptySchema(): Schema {
  return {
    types: [],
    properties: [],
    patternProperties: [],
    dependencies: new Map(),
    required: [],
    oneOf: [],
    anyOf: [],
    allOf: [],
  };
}

function isSchemaLike(value: Value): boolean {
  return typeof value === 'boolean' || isPlainObject(value);
}

function invalidType(expected: string, given: string): SchemaProblem {
  return new SchemaProblem(`Invalid type. Expected: ${expected}, given: ${given}`);
}

function textOf(document: PlainObject, key: string): string | undefined {
  const value = getMember(document, key);
  if (value === undefined || typeof value === 'string') return value;
  throw invalidType('string', key);
}

function listOf(document: PlainObject, key: string): readonly Value[] | undefined {
  const value = getMember(document, key);
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value as readonly Value[];
  throw new SchemaProblem(`${key} must be of an array`);
}

function decodeSegment(segment: string): string {
  let text = segment;
  try {
    text = decodeURIComponent(segment);
  } catch {
    // A stray percent sign stands for itself.
  }
  return text.replaceAll('~1', '/').replaceAll('~0', '~');
}

function findById(value: Value, id: string, depth: number): Value | undefined {
  if (depth > MAX_SCHEMA_DEPTH) return undefined;
  if (isPlainObject(value) && (getMember(value, '$id') === id || getMember(value, 'id') === id)) return value;
  const parts = isPlainObject(value) ? Object.values(value) : Array.isArray(value) ? (value as readonly Value[]) : [];
  for (const part of parts) {
    const found = findById(part, id, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function readTypes(schema: Schema, document: PlainObject): void {
  const type = getMember(document, 'type');
  if (type === undefined) return;
  const names: readonly Value[] = Array.isArray(type) ? (type as readonly Value[]) : [type];
  for (const name of names) {
    if (typeof name !== 'string') throw invalidType('type', 'string/Array Of Strings');
    if (!TYPES.includes(name)) {
      const expected = `Expected valid values are:[${TYPES.join(' ')}]`;
      throw new SchemaProblem(`has a primitive type that is NOT VALID -- given: /${name}/ ${expected}`);
    }
    if (schema.types.includes(name)) throw new SchemaProblem(`${name} type is duplicated`);
    schema.types.push(name);
  }
}

function readNumbers(schema: Schema, document: PlainObject): void {
  const multiple = getMember(document, 'multipleOf');
  if (multiple !== undefined) {
    if (!isNumber(multiple)) throw invalidType('Number', 'multipleOf');
    if (compareNumbers(multiple, 0) <= 0) throw new SchemaProblem('multipleOf must be strictly greater than 0');
    schema.multipleOf = multiple;
  }
  readLimit(schema, document, 'minimum', 'exclusiveMinimum');
  readLimit(schema, document, 'maximum', 'exclusiveMaximum');
}

/** Draft 4 has booleans to make a limit exclusive, later drafts have limits of their own. */
function readLimit(
  schema: Schema,
  document: PlainObject,
  key: 'minimum' | 'maximum',
  exclusiveKey: 'exclusiveMinimum' | 'exclusiveMaximum',
): void {
  const limit = getMember(document, key);
  if (limit !== undefined && !isNumber(limit)) throw new SchemaProblem(`${key} must be of a Number`);
  const exclusive = getMember(document, exclusiveKey) ?? false;
  if (isNumber(exclusive)) schema[exclusiveKey] = exclusive;
  else if (typeof exclusive !== 'boolean') throw invalidType('boolean/number', exclusiveKey);
  else if (exclusive && limit === undefined) {
    throw new SchemaProblem(`${exclusiveKey} cannot be used without ${key}`);
  }
  if (limit !== undefined) schema[exclusive === true ? exclusiveKey : key] = limit;
}

function readStrings(schema: Schema, document: PlainObject): void {
  const pattern = textOf(document, 'pattern');
  if (pattern !== undefined) {
    const regex = compileRegex(pattern);
    if (!regex.ok) throw new SchemaProblem('pattern must be a valid regex');
    schema.pattern = { source: pattern, test: regex.test };
  }
  const format = textOf(document, 'format');
  if (format !== undefined) schema.format = format;
}

const COUNTS = ['minLength', 'maxLength', 'minProperties', 'maxProperties', 'minItems', 'maxItems'] as const;

function readCounts(schema: Schema, document: PlainObject): void {
  for (const key of COUNTS) {
    const value = getMember(document, key);
    if (value === undefined) continue;
    const integer = isNumber(value) ? toBigInt(value) : null;
    if (integer === null) throw new SchemaProblem(`${key} must be of an integer`);
    if (integer < 0n) throw new SchemaProblem(`${key} must be greater than or equal to 0`);
    schema[key] = Number(integer);
  }
  for (const [low, high] of [
    ['minLength', 'maxLength'],
    ['minProperties', 'maxProperties'],
  ] as const) {
    const minimum = schema[low];
    const maximum = schema[high];
    if (minimum !== undefined && maximum !== undefined && minimum > maximum) {
      throw new SchemaProblem(`${low} cannot be greater than ${high}`);
    }
  }
  const unique = getMember(document, 'uniqueItems');
  if (unique === undefined) return;
  if (typeof unique !== 'boolean') throw new SchemaProblem('uniqueItems must be of a boolean');
  schema.uniqueItems = unique;
}

function readValues(schema: Schema, document: PlainObject): void {
  for (const name of listOf(document, 'required') ?? []) {
    if (typeof name !== 'string') throw invalidType('string', 'required');
    if (schema.required.includes(name)) throw new SchemaProblem('required items must be unique');
    schema.required.push(name);
  }
  const constant = getMember(document, 'const');
  if (constant !== undefined) schema.const = comparableJson(constant);
  const values = listOf(document, 'enum')?.map(comparableJson);
  if (values === undefined) return;
  if (new Set(values).size !== values.length) throw new SchemaProblem('enum items must be unique');
  schema.enum = values;
}
