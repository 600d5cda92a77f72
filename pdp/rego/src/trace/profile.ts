import type { TraceListener } from './listener.ts';
import type { TracePlace } from './places.ts';

/** What the literals of one line cost. */
export interface ProfiledLine {
  readonly file: string;
  readonly row: number;
  readonly col: number;
  /** Nanoseconds in them, without the rules that they asked for. */
  readonly totalTimeNs: number;
  /** How often a literal was begun. */
  readonly evaluations: number;
  /** How often one succeeded again, in a further turn of a loop. */
  readonly redos: number;
  /** How many calls inside of them were computed. */
  readonly generated: number;
}

interface LineState {
  readonly place: TracePlace;
  timeMs: number;
  evaluations: number;
  redos: number;
  generated: number;
}

/** Counts the evaluations of literals and the time that they take. `elapsedMs` never goes back. */
export class Profile {
  readonly #elapsedMs: () => number;
  readonly #lines = new Map<string, LineState>();

  constructor(elapsedMs: () => number) {
    this.#elapsedMs = elapsedMs;
  }

  listenTo(places: readonly TracePlace[]): TraceListener {
    const lines = places.map((place) => (place.kind === 'rule' ? undefined : this.#line(place)));
    /** The lines that are being evaluated: one for each document that is. */
    const open: (LineState | undefined)[] = [undefined];
    const succeeded = new Set<number>();
    let last = this.#elapsedMs();
    return (number, event) => {
      const now = this.#elapsedMs();
      const current = open.at(-1);
      if (current !== undefined) current.timeMs += now - last;
      last = now;
      if (event === 'call') open.push(undefined);
      else if (event === 'return') open.pop();
      const line = lines[number];
      if (line === undefined) return;
      if (event === 'eval') {
        line.evaluations++;
        succeeded.delete(number);
      } else if (event === 'note') line.generated++;
      else if (event === 'done') {
        if (succeeded.has(number)) line.redos++;
        succeeded.add(number);
      }
      open[open.length - 1] = event === 'eval' || event === 'note' ? line : undefined;
    };
  }

  /** The lines that took longest, longest first. */
  top(limit: number): readonly ProfiledLine[] {
    return [...this.#lines.values()]
      .filter(({ evaluations }) => evaluations > 0)
      .sort((a, b) => b.timeMs - a.timeMs)
      .slice(0, limit)
      .map(({ place: { location }, timeMs, evaluations, redos, generated }) => ({
        file: location.file,
        row: location.row,
        col: location.col,
        totalTimeNs: Math.round(timeMs * 1e6),
        evaluations,
        redos,
        generated,
      }));
  }

  #line(place: TracePlace): LineState {
    const key = JSON.stringify([place.location.file, place.location.row]);
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = { place, timeMs: 0, evaluations: 0, redos: 0, generated: 0 };
      this.#lines.set(key, line);
    }
    return line;
  }
}
