import { bitLength } from '../big-float.ts';
import { MAX_INTEGER_BITS, numberFromBigInt } from '../number.ts';
import type { Value } from '../value.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { bigIntOperand, builtinError, operandError } from './operands.ts';

/** Bitwise operations on integers of any size, in two's complement. */
export const bits: BuiltinFamily = {
  'bits.and': (ctx, a, b) => combine(ctx, a, b, (x, y) => x & y),
  'bits.or': (ctx, a, b) => combine(ctx, a, b, (x, y) => x | y),
  'bits.xor': (ctx, a, b) => combine(ctx, a, b, (x, y) => x ^ y),
  'bits.negate': (ctx, a) => {
    const x = bigIntOperand(ctx, a, 1);
    return x === undefined ? undefined : numberFromBigInt(~x);
  },
  'bits.lsh': (ctx, a, b) => shift(ctx, a, b, 'left'),
  'bits.rsh': (ctx, a, b) => shift(ctx, a, b, 'right'),
};

function combine(
  ctx: BuiltinContext,
  a: Value,
  b: Value,
  operation: (x: bigint, y: bigint) => bigint,
): Value | undefined {
  const x = bigIntOperand(ctx, a, 1);
  if (x === undefined) return undefined;
  const y = bigIntOperand(ctx, b, 2);
  return y === undefined ? undefined : numberFromBigInt(operation(x, y));
}

function shift(ctx: BuiltinContext, a: Value, b: Value, direction: 'left' | 'right'): Value | undefined {
  const x = bigIntOperand(ctx, a, 1);
  if (x === undefined) return undefined;
  const count = bigIntOperand(ctx, b, 2);
  if (count === undefined) return undefined;
  if (count < 0n) return operandError(ctx, 2, 'must be an unsigned integer number but got a negative integer');
  if (direction === 'right') {
    // Every bit is gone beyond the width of the number: BigInt would refuse huge counts.
    return numberFromBigInt(x >> (count > BigInt(MAX_INTEGER_BITS) ? BigInt(bitLength(x)) : count));
  }
  if (x === 0n) return 0;
  if (count + BigInt(bitLength(x)) > BigInt(MAX_INTEGER_BITS)) return builtinError(ctx, 'number too big');
  return numberFromBigInt(x << count);
}
