import type { Value } from '../value.ts';
import type { BuiltinFamily } from './builtin.ts';
import { arrayOperand, integerOperand } from './operands.ts';
import { spendWork } from './work.ts';

/** Built-ins on arrays. */
export const arrays: BuiltinFamily = {
  'array.concat': (ctx, a, b) => {
    const first = arrayOperand(ctx, a, 1);
    if (first === undefined) return undefined;
    const second = arrayOperand(ctx, b, 2);
    if (second === undefined) return undefined;
    if (first.length === 0) return second;
    spendWork(ctx, first.length + second.length);
    return second.length === 0 ? first : first.concat(second);
  },
  'array.flatten': (ctx, value) => {
    const array = arrayOperand(ctx, value, 1);
    if (array === undefined) return undefined;
    return array.some((element) => Array.isArray(element)) ? array.flat(1) : array;
  },
  'array.slice': (ctx, value, from, to) => {
    const array = arrayOperand(ctx, value, 1);
    if (array === undefined) return undefined;
    const start = integerOperand(ctx, from, 2);
    if (start === undefined) return undefined;
    const stop = integerOperand(ctx, to, 3);
    if (stop === undefined) return undefined;
    const end = Math.min(Math.max(stop, 0), array.length);
    const begin = Math.min(Math.max(start, 0), end);
    return begin === 0 && end >= array.length ? array : array.slice(begin, end);
  },
  'array.reverse': (ctx, value): Value | undefined => arrayOperand(ctx, value, 1)?.toReversed(),
};
