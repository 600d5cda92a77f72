import type { Value } from '../runtime/value.ts';
import type { TraceListener } from './listener.ts';
import type { TracePlace } from './places.ts';

/** What happened, in OPA's words. */
export type LoggedOperation = 'Enter' | 'Eval' | 'Redo' | 'Exit' | 'Fail' | 'Note';

/** One event, as OPA's traces list them. */
export interface LoggedEvent {
  readonly operation: LoggedOperation;
  readonly place: TracePlace;
  /** How many documents are being evaluated around it; 0 for the query. */
  readonly depth: number;
  /** The message of a note. */
  readonly message: string | undefined;
  readonly values: readonly (readonly [name: string, value: Value])[];
}

/** Which events to show: all of them, or those of one kind with the rules around them. */
export type EventFilter = 'full' | 'notes' | 'fails';

/** How many events are kept unless the caller says otherwise. */
export const DEFAULT_MAX_EVENTS = 100_000;

/** Writes down what an instrumented program tells. */
export class EventLog {
  readonly #places: readonly TracePlace[];
  readonly #events: LoggedEvent[] = [];
  readonly #maxEvents: number;
  readonly #succeeded = new Set<number>();
  #values = new Map<number, LoggedEvent['values']>();
  #depth = 0;
  #last: TracePlace | undefined;
  #dropped = 0;

  constructor(places: readonly TracePlace[], maxEvents = DEFAULT_MAX_EVENTS) {
    this.#places = places;
    this.#maxEvents = maxEvents;
  }

  /** How many events came after the log was full. */
  get dropped(): number {
    return this.#dropped;
  }

  readonly listener: TraceListener = (number, event, values) => {
    if (event === 'call') this.#depth++;
    else if (event === 'return') this.#depth--;
    const place = this.#places[number];
    if (place === undefined) return;
    this.#last = place;
    switch (event) {
      case 'enter':
        this.#add('Enter', place, values);
        return;
      case 'eval':
        this.#succeeded.delete(number);
        this.#values.set(number, values);
        this.#add('Eval', place, values);
        return;
      case 'done':
        if (this.#succeeded.has(number)) this.#add('Redo', place, values);
        this.#succeeded.add(number);
        return;
      case 'fail':
        // Behind a success this only says that there are no more.
        if (!this.#succeeded.has(number)) this.#add('Fail', place, this.#values.get(number) ?? []);
        return;
      case 'exit':
        this.#add('Exit', place, values);
        return;
      case 'note':
      case 'call':
      case 'return':
        return;
      default:
        event satisfies never;
    }
  };

  /** Takes a message of the policy's `trace`. */
  readonly note = (message: string): void => {
    if (this.#last !== undefined) this.#add('Note', this.#last, [], message);
  };

  events(filter: EventFilter): readonly LoggedEvent[] {
    if (filter === 'full') return this.#events;
    const wanted = filter === 'notes' ? 'Note' : 'Fail';
    const kept: LoggedEvent[] = [];
    /** The rules around an event, and how many of them are listed. */
    let around: LoggedEvent[] = [];
    let listed = 0;
    for (const event of this.#events) {
      if (event.operation === 'Enter') {
        around = [...around.filter(({ depth }) => depth < event.depth), event];
        listed = Math.min(listed, around.length - 1);
      } else if (event.operation === wanted) {
        const needed = around.filter(({ depth }) => depth <= event.depth);
        kept.push(...needed.slice(listed), event);
        listed = needed.length;
        around = needed;
      }
    }
    return kept;
  }

  #add(operation: LoggedOperation, place: TracePlace, values: LoggedEvent['values'], message?: string): void {
    if (this.#events.length >= this.#maxEvents) {
      this.#dropped++;
      return;
    }
    this.#events.push({ operation, place, depth: this.#depth, message, values });
  }
}
