/** What one element of a Go time layout stands for. */
export type LayoutElement =
  | 'year2'
  | 'year4'
  | 'monthName'
  | 'monthShort'
  | 'month'
  | 'month2'
  | 'dayName'
  | 'dayShort'
  | 'day'
  | 'dayPadded'
  | 'day2'
  | 'yearDayPadded'
  | 'yearDay3'
  | 'hour24'
  | 'hour12'
  | 'hour12Padded'
  | 'minute'
  | 'minute2'
  | 'second'
  | 'second2'
  | 'PM'
  | 'pm'
  | 'zoneName'
  | 'offsetHhmmss'
  | 'offsetHh:mm:ss'
  | 'offsetHhmm'
  | 'offsetHh:mm'
  | 'offsetHh'
  | 'zuluHhmmss'
  | 'zuluHh:mm:ss'
  | 'zuluHhmm'
  | 'zuluHh:mm'
  | 'zuluHh'
  | 'fraction0'
  | 'fraction9';

/** Literal text in front of an element; the last chunk has no element. */
export interface LayoutChunk {
  readonly prefix: string;
  readonly element: LayoutElement | undefined;
  /** The text of the element in the layout. */
  readonly text: string;
}

/** Layouts that OPA knows by name. */
export const namedLayouts: ReadonlyMap<string, string> = new Map([
  ['ANSIC', 'Mon Jan _2 15:04:05 2006'],
  ['UnixDate', 'Mon Jan _2 15:04:05 MST 2006'],
  ['RubyDate', 'Mon Jan 02 15:04:05 -0700 2006'],
  ['RFC822', '02 Jan 06 15:04 MST'],
  ['RFC822Z', '02 Jan 06 15:04 -0700'],
  ['RFC850', 'Monday, 02-Jan-06 15:04:05 MST'],
  ['RFC1123', 'Mon, 02 Jan 2006 15:04:05 MST'],
  ['RFC1123Z', 'Mon, 02 Jan 2006 15:04:05 -0700'],
  ['RFC3339', '2006-01-02T15:04:05Z07:00'],
  ['RFC3339Nano', '2006-01-02T15:04:05.999999999Z07:00'],
]);

/** Names of the months, in full. */
export const MONTHS: readonly string[] = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** Names of the days of the week, in full, from Sunday on. */
export const DAYS: readonly string[] = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** Elements by their text, longer ones first. */
const ELEMENTS: readonly (readonly [string, LayoutElement])[] = [
  ['-07:00:00', 'offsetHh:mm:ss'],
  ['-070000', 'offsetHhmmss'],
  ['-07:00', 'offsetHh:mm'],
  ['-0700', 'offsetHhmm'],
  ['-07', 'offsetHh'],
  ['Z07:00:00', 'zuluHh:mm:ss'],
  ['Z070000', 'zuluHhmmss'],
  ['Z07:00', 'zuluHh:mm'],
  ['Z0700', 'zuluHhmm'],
  ['Z07', 'zuluHh'],
  ['January', 'monthName'],
  ['Jan', 'monthShort'],
  ['Monday', 'dayName'],
  ['Mon', 'dayShort'],
  ['MST', 'zoneName'],
  ['002', 'yearDay3'],
  ['01', 'month2'],
  ['02', 'day2'],
  ['03', 'hour12Padded'],
  ['04', 'minute2'],
  ['05', 'second2'],
  ['06', 'year2'],
  ['15', 'hour24'],
  ['1', 'month'],
  ['2006', 'year4'],
  ['2', 'day'],
  ['__2', 'yearDayPadded'],
  ['_2', 'dayPadded'],
  ['3', 'hour12'],
  ['4', 'minute'],
  ['5', 'second'],
  ['PM', 'PM'],
  ['pm', 'pm'],
];

/** Splits a layout: every chunk but the last ends with an element. */
export function parseLayout(layout: string): readonly LayoutChunk[] {
  const chunks: LayoutChunk[] = [];
  let start = 0;
  let index = 0;
  while (index < layout.length) {
    const found = elementAt(layout, index);
    if (found === undefined) {
      index++;
      continue;
    }
    chunks.push({
      prefix: layout.slice(start, found.start),
      element: found.element,
      text: layout.slice(found.start, found.end),
    });
    index = found.end;
    start = index;
  }
  chunks.push({ prefix: layout.slice(start), element: undefined, text: '' });
  return chunks;
}

interface Found {
  readonly start: number;
  readonly end: number;
  readonly element: LayoutElement;
}

function elementAt(layout: string, index: number): Found | undefined {
  const fraction = /^[.,](0+|9+)(?!\d)/.exec(layout.slice(index, index + 64));
  if (fraction !== null) {
    const element = fraction[1]?.startsWith('0') === true ? 'fraction0' : 'fraction9';
    return { start: index, end: index + fraction[0].length, element };
  }
  // An underscore before a long year is only an underscore.
  if (layout.startsWith('_2006', index)) return { start: index + 1, end: index + 5, element: 'year4' };
  for (const [text, element] of ELEMENTS) {
    if (!layout.startsWith(text, index)) continue;
    const end = index + text.length;
    // "Janet" and "Month" are words, not elements.
    if ((element === 'monthShort' || element === 'dayShort') && /^[a-z]/.test(layout.slice(end))) return undefined;
    return { start: index, end, element };
  }
  return undefined;
}
