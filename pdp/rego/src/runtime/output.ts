import type { EvaluateOptions } from '../api.ts';
import { EvaluationFailure } from './evaluation.ts';
import { RegoNumber, RegoObject, RegoSet } from './value.ts';
import type { PlainObject, Value } from './value.ts';

/** Values and characters that an answer may hold unless its evaluation says otherwise. */
export const DEFAULT_MAX_OUTPUT = 16_777_216;

/** How deep an answer may be unless its evaluation says otherwise: what JSON readers take. */
export const DEFAULT_MAX_DEPTH = 2_000;

/**
 * Throws an `EvaluationFailure` (`eval_cancel_error`) if an answer is larger or deeper than it may be. Counts a value that
 * stands at several places as often as JSON would write it, and looks no further than the limit.
 */
export const checkOutput = (value: Value, limits: Pick<EvaluateOptions, 'maxOutput' | 'maxDepth'>): void => {
  const most = limits.maxOutput ?? DEFAULT_MAX_OUTPUT;
  if (charge(value, most, limits.maxDepth ?? DEFAULT_MAX_DEPTH) < 0) {
    throw new EvaluationFailure('eval_cancel_error', 'the answer is larger than it may be');
  }
};

/** What is left of `room` after a value; negative if there was not enough. */
const charge = (value: Value, room: number, depth: number): number => {
  if (typeof value === 'string') return room - 1 - value.length;
  if (typeof value !== 'object' || value === null) return room - 1;
  if (value instanceof RegoNumber) return room - value.text.length;
  if (depth <= 0) throw new EvaluationFailure('eval_cancel_error', 'the answer is deeper than it may be');
  let left = room - 1;
  if (Array.isArray(value) || value instanceof RegoSet) {
    for (const member of value as Iterable<Value>) {
      left = charge(member, left, depth - 1);
      if (left < 0) return left;
    }
    return left;
  }
  if (value instanceof RegoObject) {
    for (const [key, member] of value) {
      left = charge(member, charge(key, left, depth - 1), depth - 1);
      if (left < 0) return left;
    }
    return left;
  }
  const object = value as PlainObject;
  for (const key in object) {
    left = charge(object[key], left - key.length, depth - 1);
    if (left < 0) return left;
  }
  return left;
};
