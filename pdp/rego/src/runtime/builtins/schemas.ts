import { isValidJson, parseJson, toJson } from '../json.ts';
import { isObject, type Value } from '../value.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { BuiltinFamily } from './builtin.ts';
import type { Attempt } from './jwt-keys.ts';
import { builtinError } from './operands.ts';
import { compileSchema, type SchemaResult } from './schema-compile.ts';
import { validateSchema } from './schema-validate.ts';

/** How many compiled schemas a process keeps (twice as many for a short time); only those given as text. */
export const SCHEMA_CACHE_SIZE = 100;

/** JSON schemas. */
export const schemas: BuiltinFamily = {
  'json.verify_schema': (_ctx, operand) => {
    const compiled = schemaOperand(operand);
    return compiled.ok ? [true, null] : [false, `jsonschema: ${compiled.message}`];
  },
  'json.match_schema': (ctx, documentOperand, schemaValue) => {
    const document = documentOf(documentOperand);
    if (!document.ok) return builtinError(ctx, document.message);
    const compiled = schemaOperand(schemaValue);
    if (!compiled.ok) return builtinError(ctx, compiled.message);
    const violations = validateSchema(compiled.schema, document.value);
    if (violations === undefined) return builtinError(ctx, 'schema refers to itself without end');
    return [
      violations.length === 0,
      violations.map(({ type, field, description }) => ({
        error: `${field}: ${description}`,
        type,
        field,
        desc: description,
      })),
    ];
  },
};

const cache = new BoundedCache<string, SchemaResult>(SCHEMA_CACHE_SIZE);

function schemaOperand(operand: Value): SchemaResult {
  const known = typeof operand === 'string' ? cache.get(operand) : undefined;
  if (known !== undefined) return known;
  const document = documentOf(operand);
  const result: SchemaResult = document.ok ? compileSchema(document.value) : document;
  if (typeof operand === 'string') cache.set(operand, result);
  return result;
}

/** A document given as JSON text or as a value. */
function documentOf(operand: Value): Attempt<Value> {
  if (typeof operand === 'string') {
    const parsed = parseJson(operand);
    if (parsed.ok) return { ok: true, value: parsed.value };
    return { ok: false, message: isValidJson(operand) ? parsed.problem.message : 'invalid JSON string' };
  }
  if (isObject(operand) || Array.isArray(operand)) return { ok: true, value: toJson(operand) };
  return { ok: false, message: 'wrong type, expected string or object' };
}
