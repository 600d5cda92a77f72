import type { TraceListener } from './listener.ts';
import type { TracePlace } from './places.ts';

/** A stretch of a policy. Rows and columns count from 1; the end is behind the last character. */
export interface CoveredRange {
  readonly start: { readonly row: number; readonly col: number };
  readonly end: { readonly row: number; readonly col: number };
}

/** What of one file was evaluated. */
export interface FileCoverage {
  readonly covered: readonly CoveredRange[];
  readonly notCovered: readonly CoveredRange[];
  /** Lines on which something was covered. */
  readonly coveredLines: number;
  /** Lines on which nothing was. */
  readonly notCoveredLines: number;
}

interface Entry {
  readonly place: TracePlace;
  covered: boolean;
}

/**
 * Remembers what instrumented programs of the same modules have evaluated: literals that were begun, and heads of rules
 * that succeeded. Several programs may tell one after the other.
 */
export class Coverage {
  readonly #covered = new Map<string, Map<string, Entry>>();

  /** Counts the places of a program as not covered, unless they are, and listens to it. */
  listenTo(places: readonly TracePlace[]): TraceListener {
    const entries = places.map((place) => this.#entry(place));
    return (number, event) => {
      if (event !== 'eval' && event !== 'exit') return;
      const entry = entries[number];
      if (entry !== undefined) entry.covered = true;
    };
  }

  /** By file, those of `sources`, which give the texts. */
  report(sources: ReadonlyMap<string, string>): ReadonlyMap<string, FileCoverage> {
    const files = new Map<string, FileCoverage>();
    for (const [file, source] of sources) {
      const entries = [...(this.#covered.get(file)?.values() ?? [])].sort(
        (a, b) => a.place.location.start - b.place.location.start || a.place.location.end - b.place.location.end,
      );
      const ranges = (wanted: boolean): readonly CoveredRange[] =>
        entries.filter(({ covered }) => covered === wanted).map(({ place }) => rangeOf(place, source));
      const covered = ranges(true);
      const notCovered = ranges(false);
      const lines = new Set(covered.map(({ start }) => start.row));
      const others = new Set(notCovered.map(({ start }) => start.row).filter((row) => !lines.has(row)));
      files.set(file, { covered, notCovered, coveredLines: lines.size, notCoveredLines: others.size });
    }
    return files;
  }

  #entry(place: TracePlace): Entry | undefined {
    if (place.kind === 'query' || place.kind === 'head') return undefined;
    const { file, start, end } = place.location;
    let ofFile = this.#covered.get(file);
    if (ofFile === undefined) {
      ofFile = new Map<string, Entry>();
      this.#covered.set(file, ofFile);
    }
    const key = `${String(start)}-${String(end)}`;
    let entry = ofFile.get(key);
    if (entry === undefined) {
      entry = { place, covered: false };
      ofFile.set(key, entry);
    }
    return entry;
  }
}

/** Lines with something to cover of which something was, in percent; 100 where there is nothing to cover. */
export const percentCovered = (files: Iterable<FileCoverage>): number => {
  let covered = 0;
  let all = 0;
  for (const { coveredLines, notCoveredLines } of files) {
    covered += coveredLines;
    all += coveredLines + notCoveredLines;
  }
  return all === 0 ? 100 : Math.round((covered / all) * 10_000) / 100;
};

const rangeOf = ({ location }: TracePlace, source: string): CoveredRange => {
  const { row, col } = location;
  const lines = source.slice(location.start, location.end).trimEnd().split('\n');
  const last = Array.from(lines.at(-1) ?? '').length;
  const start = { row, col };
  return { start, end: lines.length === 1 ? { row, col: col + last } : { row: row + lines.length - 1, col: 1 + last } };
};
