import { multiplyDecimal } from './rational.ts';
import { compareNumbers, isNumber, toBigInt, toDouble, type RegoNumeric } from '../number.ts';
import { getMember, isPlainObject, objectKeys, type PlainObject, type Value } from '../value.ts';
import { countCodePoints } from './aggregates.ts';
import { formatFloat } from './go-float.ts';
import { comparableJson, type Schema } from './schema-compile.ts';
import { hasFormat } from './schema-formats.ts';

/** One thing that a schema forbids. `field` is a path such as `a.0.b`, or `(root)`. */
export interface Violation {
  readonly type: string;
  readonly field: string;
  readonly description: string;
}

/** Deepest nesting of references and parts that a validation follows. */
export const MAX_VALIDATION_DEPTH = 1_000;

/** All that a schema forbids about a document; undefined if the schema refers to itself without end. */
export function validateSchema(schema: Schema, document: Value): readonly Violation[] | undefined {
  const result = new Result();
  try {
    validate(schema, document, result, '(root)', 0);
  } catch (error) {
    if (error instanceof EndlessSchema) return undefined;
    throw error;
  }
  return result.violations;
}

/** Ends a validation from within; never leaves this file. */
class EndlessSchema extends Error {
  override readonly name = 'EndlessSchema';
}

/** Violations, and a score of how much fitted: the best of several alternatives is the one to report. */
class Result {
  readonly violations: Violation[] = [];
  score = 0;

  get isValid(): boolean {
    return this.violations.length === 0;
  }

  add(type: string, field: string, description: string): void {
    this.violations.push({ type, field: field.replace(/^\(root\)\./, ''), description });
    // A failed check that ends with a point all the same costs one in sum.
    this.score -= 2;
  }

  merge(other: Result): void {
    this.violations.push(...other.violations);
    this.score += other.score;
  }
}

function check(schema: Schema, value: Value, field: string, depth: number): Result {
  const result = new Result();
  validate(schema, value, result, field, depth + 1);
  return result;
}

function validate(schema: Schema, value: Value, result: Result, field: string, depth: number): void {
  if (depth > MAX_VALIDATION_DEPTH) throw new EndlessSchema();
  if (schema.pass !== undefined) {
    if (!schema.pass) result.add('false', field, 'False always fails validation');
    return;
  }
  if (schema.ref !== undefined) {
    validate(schema.ref, value, result, field, depth + 1);
    return;
  }
  const type = jsonType(value);
  if (
    schema.types.length > 0 &&
    !schema.types.includes(type) &&
    !(type === 'integer' && schema.types.includes('number'))
  ) {
    const expected = schema.types.length > 1 ? `[${schema.types.join(',')}]` : (schema.types[0] ?? '');
    result.add('invalid_type', field, `Invalid type. Expected: ${expected}, given: ${type}`);
    return;
  }
  validateCombinations(schema, value, result, field, depth);
  if (isNumber(value)) validateNumber(schema, value, result, field);
  if (Array.isArray(value)) validateArray(schema, value as readonly Value[], result, field, depth);
  if (isPlainObject(value)) validateObject(schema, value, result, field, depth);
  validateCommon(schema, value, result, field);
  if (typeof value === 'string') validateString(schema, value, result, field);
  if (isPlainObject(value)) {
    for (const [name, property] of schema.properties) {
      const member = getMember(value, name);
      if (member !== undefined) validate(property, member, result, `${field}.${name}`, depth + 1);
    }
  }
  result.score++;
}

function jsonType(value: Value): string {
  if (value === null) return 'null';
  if (isNumber(value)) return toBigInt(value) === null ? 'number' : 'integer';
  return Array.isArray(value) ? 'array' : typeof value;
}

function validateCombinations(schema: Schema, value: Value, result: Result, field: string, depth: number): void {
  if (schema.anyOf.length > 0) validateAnyOf(schema.anyOf, value, result, field, depth);
  if (schema.oneOf.length > 0) validateOneOf(schema.oneOf, value, result, field, depth);
  if (schema.allOf.length > 0) {
    const results = schema.allOf.map((each) => check(each, value, field, depth));
    for (const each of results) result.merge(each);
    if (results.some((each) => !each.isValid)) {
      result.add('number_all_of', field, 'Must validate all the schemas (allOf)');
    }
  }
  if (schema.not !== undefined && check(schema.not, value, field, depth).isValid) {
    result.add('number_not', field, 'Must not validate the schema (not)');
  }
  if (isPlainObject(value)) validateDependencies(schema, value, result, field, depth);
  if (schema.if !== undefined) validateCondition(schema, schema.if, value, result, field, depth);
  result.score++;
}

function validateAnyOf(schemas: readonly Schema[], value: Value, result: Result, field: string, depth: number): void {
  let best: Result | undefined;
  for (const schema of schemas) {
    const each = check(schema, value, field, depth);
    if (each.isValid) return;
    if (best === undefined || each.score > best.score) best = each;
  }
  result.add('number_any_of', field, 'Must validate at least one schema (anyOf)');
  if (best !== undefined) result.merge(best);
}

function validateOneOf(schemas: readonly Schema[], value: Value, result: Result, field: string, depth: number): void {
  let count = 0;
  let best: Result | undefined;
  for (const schema of schemas) {
    const each = check(schema, value, field, depth);
    if (each.isValid) count++;
    else if (count === 0 && (best === undefined || each.score > best.score)) best = each;
  }
  if (count === 1) return;
  result.add('number_one_of', field, 'Must validate one and only one schema (oneOf)');
  if (count === 0 && best !== undefined) result.merge(best);
}

function validateDependencies(schema: Schema, value: PlainObject, result: Result, field: string, depth: number): void {
  for (const [key, dependency] of schema.dependencies) {
    if (getMember(value, key) === undefined) continue;
    if (!Array.isArray(dependency)) {
      validate(dependency as Schema, value, result, field, depth + 1);
      continue;
    }
    for (const name of dependency as readonly string[]) {
      if (getMember(value, name) === undefined) result.add('missing_dependency', field, `Has a dependency on ${name}`);
    }
  }
}

function validateCondition(
  schema: Schema,
  condition: Schema,
  value: Value,
  result: Result,
  field: string,
  depth: number,
): void {
  const holds = check(condition, value, field, depth).isValid;
  const branch = holds ? schema.then : schema.else;
  if (branch === undefined) return;
  const taken = check(branch, value, field, depth);
  if (taken.isValid) return;
  if (holds) result.add('condition_then', field, 'Must validate "then" as "if" was valid');
  else result.add('condition_else', field, 'Must validate "else" as "if" was not valid');
  result.merge(taken);
}

function validateCommon(schema: Schema, value: Value, result: Result, field: string): void {
  const shown = field.replace(/^\(root\)\./, '');
  if (schema.const !== undefined && comparableJson(value) !== schema.const) {
    result.add('const', field, `${shown} does not match: ${schema.const}`);
  }
  if (schema.enum !== undefined && !schema.enum.includes(comparableJson(value))) {
    result.add('enum', field, `${shown} must be one of the following: ${schema.enum.join(', ')}`);
  }
  if (schema.format !== undefined && !hasFormat(schema.format, value)) {
    result.add('format', field, `Does not match format '${schema.format}'`);
  }
  result.score++;
}

function validateArray(schema: Schema, value: readonly Value[], result: Result, field: string, depth: number): void {
  const at = (index: number): string => `${field}.${String(index)}`;
  if (Array.isArray(schema.items)) {
    const items = schema.items as readonly Schema[];
    for (const [index, item] of items.entries()) {
      if (index < value.length) result.merge(check(item, value[index], at(index), depth));
    }
    if (items.length > 0 && items.length < value.length) {
      const rest = schema.additionalItems;
      if (rest === false) result.add('array_no_additional_items', field, 'No additional items allowed on array');
      else if (typeof rest === 'object') {
        for (let index = items.length; index < value.length; index++) {
          result.merge(check(rest, value[index], at(index), depth));
        }
      }
    }
  } else if (schema.items !== undefined) {
    const item = schema.items as Schema;
    for (const [index, element] of value.entries()) result.merge(check(item, element, at(index), depth));
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    result.add('array_min_items', field, `Array must have at least ${String(schema.minItems)} items`);
  }
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    result.add('array_max_items', field, `Array must have at most ${String(schema.maxItems)} items`);
  }
  if (schema.uniqueItems === true) validateUnique(value, result, field);
  if (schema.contains !== undefined) validateContains(schema.contains, value, result, field, depth);
  result.score++;
}

function validateUnique(value: readonly Value[], result: Result, field: string): void {
  const seen = new Map<string, number>();
  for (const [index, element] of value.entries()) {
    const text = comparableJson(element);
    const first = seen.get(text);
    if (first !== undefined) {
      result.add('unique', field, `array items[${String(first)},${String(index)}] must be unique`);
    }
    seen.set(text, index);
  }
}

function validateContains(schema: Schema, value: readonly Value[], result: Result, field: string, depth: number): void {
  let best: Result | undefined;
  for (const [index, element] of value.entries()) {
    const each = check(schema, element, `${field}.${String(index)}`, depth);
    if (each.isValid) return;
    if (best === undefined || each.score > best.score) best = each;
  }
  result.add('contains', field, 'At least one of the items must match');
  if (best !== undefined) result.merge(best);
}

function validateObject(schema: Schema, value: PlainObject, result: Result, field: string, depth: number): void {
  const keys = objectKeys(value);
  if (schema.minProperties !== undefined && keys.length < schema.minProperties) {
    result.add('array_min_properties', field, `Must have at least ${String(schema.minProperties)} properties`);
  }
  if (schema.maxProperties !== undefined && keys.length > schema.maxProperties) {
    result.add('array_max_properties', field, `Must have at most ${String(schema.maxProperties)} properties`);
  }
  for (const name of schema.required) {
    if (getMember(value, name) !== undefined) result.score++;
    else result.add('required', field, `${name} is required`);
  }
  const described = new Set(schema.properties.map(([name]) => name));
  for (const key of keys) {
    let isMatched = described.has(key);
    for (const [matches, pattern] of schema.patternProperties) {
      if (!matches(key)) continue;
      isMatched = true;
      result.merge(check(pattern, value[key], `${field}.${key}`, depth));
    }
    if (isMatched) continue;
    const rest = schema.additionalProperties;
    if (rest === false) {
      result.add('additional_property_not_allowed', field, `Additional property ${key} is not allowed`);
    } else if (typeof rest === 'object') result.merge(check(rest, value[key], `${field}.${key}`, depth));
  }
  if (schema.propertyNames !== undefined) {
    for (const key of keys) {
      const each = check(schema.propertyNames, key, field, depth);
      if (each.isValid) continue;
      result.add('invalid_property_name', field, `Property name of "${key}" does not match`);
      result.merge(each);
    }
  }
  result.score++;
}

function validateString(schema: Schema, value: string, result: Result, field: string): void {
  const length = countCodePoints(value);
  if (schema.minLength !== undefined && length < schema.minLength) {
    const text = `String length must be greater than or equal to ${String(schema.minLength)}`;
    result.add('string_gte', field, text);
  }
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    result.add('string_lte', field, `String length must be less than or equal to ${String(schema.maxLength)}`);
  }
  if (schema.pattern !== undefined && !schema.pattern.test(value)) {
    result.add('pattern', field, `Does not match pattern '${schema.pattern.source}'`);
  }
  result.score++;
}

function validateNumber(schema: Schema, value: RegoNumeric, result: Result, field: string): void {
  const { multipleOf, maximum, exclusiveMaximum, minimum, exclusiveMinimum } = schema;
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) {
    result.add('multiple_of', field, `Must be a multiple of ${limitText(multipleOf)}`);
  }
  if (maximum !== undefined && compareNumbers(value, maximum) > 0) {
    result.add('number_lte', field, `Must be less than or equal to ${limitText(maximum)}`);
  }
  if (exclusiveMaximum !== undefined && compareNumbers(value, exclusiveMaximum) >= 0) {
    result.add('number_lt', field, `Must be less than ${limitText(exclusiveMaximum)}`);
  }
  if (minimum !== undefined && compareNumbers(value, minimum) < 0) {
    result.add('number_gte', field, `Must be greater than or equal to ${limitText(minimum)}`);
  }
  if (exclusiveMinimum !== undefined && compareNumbers(value, exclusiveMinimum) <= 0) {
    result.add('number_gt', field, `Must be greater than ${limitText(exclusiveMinimum)}`);
  }
  result.score++;
}

function limitText(limit: RegoNumeric): string {
  return formatFloat(toDouble(limit), 'g', 10);
}

function isMultiple(value: RegoNumeric, divisor: RegoNumeric): boolean {
  const [a, b] = multiplyDecimal(value, divisor);
  return a % b === 0n;
}
