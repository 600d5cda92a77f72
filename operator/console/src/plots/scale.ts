/** A place on a plot, in its own units. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** Inner size of a plot. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Lines across a plot: from 0 to at least `max` and 4, at most five, at 1, 2 or 5 times a power of ten. */
export function ticks(max: number): readonly number[] {
  const top = Math.max(max, 4);
  const raw = top / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= raw) ?? raw;
  const count = Math.ceil(top / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => index * step);
}

/** Where each value goes: evenly from left to right in their order, which is that of revisions; 0 is at the bottom. */
export function places(values: readonly number[], top: number, { width, height }: Size): readonly Place[] {
  const gap = values.length > 1 ? width / (values.length - 1) : 0;
  const left = values.length > 1 ? 0 : width / 2;
  return values.map((value, index) => ({ x: round(left + index * gap), y: round(height - (value / top) * height) }));
}

/** The points of a line, for the `points` of an SVG polyline. */
export function line(at: readonly Place[]): string {
  return at.map(({ x, y }) => `${x},${y}`).join(' ');
}

/** The indices that get a label below: both ends, and at most `most` in all, evenly spread. */
export function labelled(count: number, most: number): readonly number[] {
  if (count <= most) return Array.from({ length: count }, (_, index) => index);
  return Array.from({ length: most }, (_, index) => Math.round((index * (count - 1)) / (most - 1)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
