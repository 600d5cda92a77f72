import * as numbers from '../number.ts';
import { compare, equals, RegoSet, type Value } from '../value.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { bigIntOperand, builtinError, integerOperand, typeError } from './operands.ts';
import { setDifference } from './sets.ts';

/** Most elements that `numbers.range` and `numbers.range_step` make. */
export const MAX_RANGE_SIZE = 5_000_000;

/** The operators of numbers and of comparison, rounding, and ranges. */
export const arithmetic: BuiltinFamily = {
  plus: (ctx, a, b) => {
    if (!numbers.isNumber(a)) return typeError(ctx, 1, a, 'number');
    return numbers.isNumber(b) ? numbers.add(a, b) : typeError(ctx, 2, b, 'number');
  },
  minus: (ctx, a, b) => {
    if (numbers.isNumber(a)) return numbers.isNumber(b) ? numbers.subtract(a, b) : typeError(ctx, 2, b, 'number');
    if (!(a instanceof RegoSet)) return typeError(ctx, 1, a, 'number', 'set');
    if (b instanceof RegoSet) return setDifference(a, b);
    return typeError(ctx, 2, b, numbers.isNumber(b) ? 'set' : 'number');
  },
  mul: (ctx, a, b) => calculate(ctx, a, b, numbers.multiply),
  div: (ctx, a, b) => calculate(ctx, a, b, numbers.divide),
  rem: (ctx, a, b) => calculate(ctx, a, b, numbers.remainder),
  abs: (ctx, a) => (numbers.isNumber(a) ? numbers.absolute(a) : typeError(ctx, 1, a, 'number')),
  round: (ctx, a) => (numbers.isNumber(a) ? numbers.roundNumber(a, 'round') : typeError(ctx, 1, a, 'number')),
  ceil: (ctx, a) => (numbers.isNumber(a) ? numbers.roundNumber(a, 'ceil') : typeError(ctx, 1, a, 'number')),
  floor: (ctx, a) => (numbers.isNumber(a) ? numbers.roundNumber(a, 'floor') : typeError(ctx, 1, a, 'number')),
  equal: (_ctx, a, b) => equals(a, b),
  neq: (_ctx, a, b) => !equals(a, b),
  lt: (_ctx, a, b) => compare(a, b) < 0,
  lte: (_ctx, a, b) => compare(a, b) <= 0,
  gt: (_ctx, a, b) => compare(a, b) > 0,
  gte: (_ctx, a, b) => compare(a, b) >= 0,
  'numbers.range': (ctx, from, to) => {
    const first = bigIntOperand(ctx, from, 1);
    if (first === undefined) return undefined;
    const last = bigIntOperand(ctx, to, 2);
    return last === undefined ? undefined : range(ctx, first, last, 1n);
  },
  'numbers.range_step': (ctx, from, to, by) => {
    const first = bigIntOperand(ctx, from, 1);
    if (first === undefined) return undefined;
    const last = bigIntOperand(ctx, to, 2);
    if (last === undefined) return undefined;
    const step = bigIntOperand(ctx, by, 3);
    if (step === undefined) return undefined;
    if (step <= 0n) return builtinError(ctx, 'numbers.range_step: step must be a positive integer');
    return range(ctx, first, last, step);
  },
  'rand.intn': (ctx, name, limit) => {
    if (typeof name !== 'string') return typeError(ctx, 1, name, 'string');
    const integer = integerOperand(ctx, limit, 2);
    if (integer === undefined) return undefined;
    const bound = Math.abs(integer);
    if (bound === 0) return 0;
    const key = `rand.intn:${name}-${String(bound)}`;
    const known = ctx.cache.get(key);
    if (known !== undefined) return known;
    const drawn = randomBelow(ctx, bound);
    ctx.cache.set(key, drawn);
    return drawn;
  },
};

function calculate(
  ctx: BuiltinContext,
  a: Value,
  b: Value,
  operation: (a: numbers.RegoNumeric, b: numbers.RegoNumeric) => numbers.RegoNumeric | numbers.ArithmeticError,
): Value | undefined {
  if (!numbers.isNumber(a)) return typeError(ctx, 1, a, 'number');
  if (!numbers.isNumber(b)) return typeError(ctx, 2, b, 'number');
  const result = operation(a, b);
  return typeof result === 'string' ? builtinError(ctx, result) : result;
}

function range(ctx: BuiltinContext, first: bigint, last: bigint, step: bigint): Value | undefined {
  const distance = first <= last ? last - first : first - last;
  if (distance / step >= BigInt(MAX_RANGE_SIZE)) {
    return builtinError(ctx, `range is larger than ${String(MAX_RANGE_SIZE)} numbers`);
  }
  const count = Number(distance / step) + 1;
  ctx.spend?.(count);
  const signed = first <= last ? step : -step;
  const result = new Array<Value>(count);
  const end = first + signed * BigInt(count - 1);
  if (isSafe(first) && isSafe(end)) {
    const start = Number(first);
    const by = Number(signed);
    for (let index = 0; index < count; index++) result[index] = start + index * by;
    return result;
  }
  for (let index = 0; index < count; index++) result[index] = numbers.numberFromBigInt(first + signed * BigInt(index));
  return result;
}

function isSafe(value: bigint): boolean {
  return Number.isSafeInteger(Number(value));
}

/** Uniform below `bound`: draws again rather than fold the uneven rest of the range. */
function randomBelow(ctx: BuiltinContext, bound: number): number {
  const span = BigInt(bound);
  const limit = (1n << 64n) - ((1n << 64n) % span);
  for (;;) {
    let drawn = 0n;
    for (const byte of ctx.randomBytes(8)) drawn = (drawn << 8n) | BigInt(byte);
    if (drawn < limit) return Number(drawn % span);
  }
}
