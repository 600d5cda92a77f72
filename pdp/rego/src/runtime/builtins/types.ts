import { isNumberTooBig, isNumber, numberFromText } from '../number.ts';
import { isObject, RegoSet, typeOf, type Value } from '../value.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { builtinError, elementsOf, typeError } from './operands.ts';
import { quoteText } from './text.ts';

/** Type tests, and conversions between types. */
export const types: BuiltinFamily = {
  is_number: (_ctx, value) => isNumber(value),
  is_string: (_ctx, value) => typeof value === 'string',
  is_boolean: (_ctx, value) => typeof value === 'boolean',
  is_array: (_ctx, value) => Array.isArray(value),
  is_set: (_ctx, value) => value instanceof RegoSet,
  is_object: (_ctx, value) => isObject(value),
  is_null: (_ctx, value) => value === null,
  type_name: (_ctx, value) => typeOf(value),
  to_number: (ctx, value) => {
    if (value === null || value === false) return 0;
    if (value === true) return 1;
    if (isNumber(value)) return value;
    if (typeof value === 'string') return parseNumber(ctx, value);
    return typeError(ctx, 1, value, 'null', 'boolean', 'number', 'string');
  },
  cast_array: (ctx, value) => elementsOf(value) ?? typeError(ctx, 1, value, 'array', 'set'),
  cast_set: (ctx, value) => {
    if (value instanceof RegoSet) return value;
    return Array.isArray(value) ? new RegoSet(value as readonly Value[]) : typeError(ctx, 1, value, 'array', 'set');
  },
  cast_string: (ctx, value) => (typeof value === 'string' ? value : typeError(ctx, 1, value, 'string')),
  cast_boolean: (ctx, value) => (typeof value === 'boolean' ? value : typeError(ctx, 1, value, 'boolean')),
  cast_null: (ctx, value) => (value === null ? null : typeError(ctx, 1, value, 'null')),
  cast_object: (ctx, value) => (isObject(value) ? value : typeError(ctx, 1, value, 'object')),
};

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INFINITE = /^[+-]*(?:inf|infinity|nan)$/i;

/** What Go's ParseFloat takes, kept as text; texts that JSON would not allow are brought into its form. */
function parseNumber(ctx: BuiltinContext, text: string): Value | undefined {
  if (INFINITE.test(text)) return typeError(ctx, 1, text, 'valid number string');
  if (!DECIMAL.test(text)) {
    return builtinError(ctx, `strconv.ParseFloat: parsing ${quoteText(text)}: invalid syntax`);
  }
  if (!Number.isFinite(Number(text))) {
    return builtinError(ctx, `strconv.ParseFloat: parsing ${quoteText(text)}: value out of range`);
  }
  if (isNumberTooBig(text)) return builtinError(ctx, 'invalid number: number too big');
  return numberFromText(jsonNumberText(text));
}

function jsonNumberText(text: string): string {
  const unsigned = text.replace(/^[+-]/, '');
  const padded = unsigned
    .replace(/^0+(?=\d)/, '')
    .replace(/^\./, '0.')
    .replace(/\.(?!\d)/, '');
  return text.startsWith('-') ? `-${padded}` : padded;
}
