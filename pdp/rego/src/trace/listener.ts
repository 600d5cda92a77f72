import type { Value } from '../runtime/value.ts';
import type { TraceEvent } from './places.ts';

/**
 * Told of every step of an instrumented program. `place` is an index into the program's places; `values` are told by the
 * name to show; `input` is the input document that is in force there, which a `with` may have replaced.
 */
export type TraceListener = (
  place: number,
  event: TraceEvent,
  values: readonly (readonly [name: string, value: Value])[],
  input: Value,
) => void;
