import { toBigInt, toSmallInteger, isNumber } from '../number.ts';
import { isObject, RegoSet, typeOf, type ObjectValue, type Value } from '../value.ts';
import type { BuiltinContext } from './builtin.ts';

/** Fails with a plain message. */
export function builtinError(ctx: BuiltinContext, message: string): undefined {
  return ctx.fail('eval_builtin_error', () => message);
}

/** Fails because of an operand, counted from 1: "operand 1 must be ...". */
export function operandError(ctx: BuiltinContext, position: number, problem: string): undefined {
  return ctx.fail('eval_type_error', () => `operand ${String(position)} ${problem}`);
}

/** Fails because an operand has none of the expected types. */
export function typeError(
  ctx: BuiltinContext,
  position: number,
  got: Value,
  ...expected: readonly string[]
): undefined {
  return ctx.fail('eval_type_error', () => {
    const wanted = expected.length === 1 ? (expected[0] ?? '') : `one of {${expected.join(', ')}}`;
    return `operand ${String(position)} must be ${wanted} but got ${typeOf(got)}`;
  });
}

/** Fails because an operand holds an element of a wrong type. */
export function elementError(
  ctx: BuiltinContext,
  position: number,
  composite: Value,
  got: Value,
  expected: string,
): undefined {
  return ctx.fail('eval_type_error', () => {
    const type = typeOf(composite);
    return `operand ${String(position)} must be ${type} of ${expected}s but got ${type} containing ${typeOf(got)}`;
  });
}

/** The operand as a machine integer, or undefined after failing. */
export function integerOperand(ctx: BuiltinContext, value: Value, position: number): number | undefined {
  const integer = toSmallInteger(value);
  if (integer !== undefined) return integer;
  if (!isNumber(value)) return typeError(ctx, position, value, 'number');
  return operandError(ctx, position, 'must be integer number but got floating-point number');
}

/** The operand as an integer of any size, or undefined after failing. */
export function bigIntOperand(ctx: BuiltinContext, value: Value, position: number): bigint | undefined {
  if (!isNumber(value)) return typeError(ctx, position, value, 'integer');
  const integer = toBigInt(value);
  if (integer !== null) return integer;
  return operandError(ctx, position, 'must be integer number but got floating-point number');
}

/** The operand as an object, or undefined after failing. */
export function objectOperand(ctx: BuiltinContext, value: Value, position: number): ObjectValue | undefined {
  return isObject(value) ? value : typeError(ctx, position, value, 'object');
}

/** The operand as an array, or undefined after failing. */
export function arrayOperand(ctx: BuiltinContext, value: Value, position: number): readonly Value[] | undefined {
  return Array.isArray(value) ? (value as readonly Value[]) : typeError(ctx, position, value, 'array');
}

/** The elements of an array, or the members of a set in Rego order; undefined for everything else. */
export function elementsOf(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value as readonly Value[];
  return value instanceof RegoSet ? value.values() : undefined;
}

/** The strings of an array or a set, or undefined after failing. */
export function stringsOperand(
  ctx: BuiltinContext,
  value: Value,
  position: number,
  ...expected: readonly string[]
): readonly string[] | undefined {
  const elements = elementsOf(value);
  if (elements === undefined) return typeError(ctx, position, value, ...expected);
  for (const element of elements) {
    if (typeof element !== 'string') return elementError(ctx, position, value, element, 'string');
  }
  return elements as readonly string[];
}
