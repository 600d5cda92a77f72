import { RegoNumber } from '../number.ts';
import { isObject, objectSize, RegoSet, type Value } from '../value.ts';
import type { Builtin, BuiltinContext } from './builtin.ts';

/** Characters or members that a built-in goes through for one step of the budget. */
const WORK_PER_STEP = 16;

/** Operands and results that are smaller together cost no step beyond that of the call. */
export const FREE_WORK = 256;

/** Built-ins whose work does not grow with their operands, and those that count their own steps: policies call them most. */
const OTHERWISE_BOUNDED: ReadonlySet<string> = new Set([
  'array.concat',
  'concat',
  'count',
  'endswith',
  'glob.match',
  'graph.reachable',
  'graph.reachable_paths',
  'is_array',
  'is_boolean',
  'is_null',
  'is_number',
  'is_object',
  'is_set',
  'is_string',
  'object.get',
  're_match',
  'regex.match',
  'split',
  'sprintf',
  'startswith',
  'type_name',
  'walk',
]);

/** Takes steps off the budget for so many characters or members. */
export const spendWork = (ctx: BuiltinContext, work: number): void => {
  if (work >= FREE_WORK) ctx.spend?.(Math.floor(work / WORK_PER_STEP));
};

/**
 * A built-in that takes steps off the budget in proportion to the length of its operands and of its result: a call on a
 * text of megabytes is not one step, and the clock is looked at as often as ever.
 */
export const chargeWork = ({ name, evaluate }: Builtin): Builtin['evaluate'] => {
  if (OTHERWISE_BOUNDED.has(name)) return evaluate;
  // One function for each number of operands: rest parameters are slow.
  switch (evaluate.length) {
    case 2:
      return (ctx, a) => {
        spendWork(ctx, sizeOf(a));
        return spent(ctx, evaluate(ctx, a));
      };
    case 3:
      return (ctx, a, b) => {
        spendWork(ctx, sizeOf(a) + sizeOf(b));
        return spent(ctx, evaluate(ctx, a, b));
      };
    case 4:
      return (ctx, a, b, c) => {
        spendWork(ctx, sizeOf(a) + sizeOf(b) + sizeOf(c));
        return spent(ctx, evaluate(ctx, a, b, c));
      };
    default:
      return (ctx, ...operands) => {
        spendWork(
          ctx,
          operands.reduce<number>((sum, operand) => sum + sizeOf(operand), 0),
        );
        return spent(ctx, evaluate(ctx, ...operands));
      };
  }
};

const spent = (ctx: BuiltinContext, result: Value | undefined): Value | undefined => {
  spendWork(ctx, sizeOf(result));
  return result;
};

/** Characters of a string, members of a collection; what is inside of members does not count. */
const sizeOf = (value: Value): number => {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value)) return value.length;
  if (value instanceof RegoSet) return value.size;
  if (value instanceof RegoNumber) return value.text.length;
  return isObject(value) ? objectSize(value) : 0;
};
