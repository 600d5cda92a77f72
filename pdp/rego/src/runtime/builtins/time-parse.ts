import { daysInMonth, fromCivil } from './civil-time.ts';
import { quoteText } from './text.ts';
import { DAYS, MONTHS, parseLayout, type LayoutElement } from './time-layout.ts';

/** What parsing a time gives: nanoseconds since the epoch, or Go's message. */
export type TimeParse =
  { readonly ok: true; readonly nanoseconds: bigint } | { readonly ok: false; readonly message: string };

/** Parses a text by a Go layout, as `time.Parse` does: without a zone it is UTC, and unknown zone names count as UTC. */
export function parseTime(layout: string, text: string): TimeParse {
  const parser = new TimeParser(text);
  const cannot = (rest: string, element: string): TimeParse => {
    const what = `cannot parse ${quoteText(rest)} as ${quoteText(element)}`;
    return { ok: false, message: `parsing time ${quoteText(text)} as ${quoteText(layout)}: ${what}` };
  };
  const chunks = parseLayout(layout);
  for (const [index, { prefix, element, text: elementText }] of chunks.entries()) {
    if (!parser.skip(prefix)) return cannot(parser.rest, prefix);
    if (element === undefined) break;
    const held = parser.rest;
    const next = chunks[index + 1];
    const hasFraction = next?.prefix === '' && (next.element === 'fraction0' || next.element === 'fraction9');
    const problem = parser.take(element, elementText, hasFraction);
    if (problem === 'bad') return cannot(held, elementText);
    if (problem !== undefined) {
      return { ok: false, message: `parsing time ${quoteText(text)}: ${problem} out of range` };
    }
  }
  if (parser.rest !== '') {
    return { ok: false, message: `parsing time ${quoteText(text)}: extra text: ${quoteText(parser.rest)}` };
  }
  const result = parser.finish();
  if (typeof result === 'bigint') return { ok: true, nanoseconds: result };
  return { ok: false, message: `parsing time ${quoteText(text)}: ${result}` };
}

/** What is wrong with an element: the text does not fit, or a value (named here) is out of range. */
type Problem = 'bad' | (string & {}) | undefined;

class TimeParser {
  rest: string;
  #year = 0;
  #month = -1;
  #day = -1;
  #yearDay = -1;
  #hour = 0;
  #minute = 0;
  #second = 0;
  #nanosecond = 0;
  #half: 'AM' | 'PM' | undefined = undefined;
  #offset = 0;

  constructor(text: string) {
    this.rest = text;
  }

  /** Skips literal text; a space stands for any number of spaces. */
  skip(prefix: string): boolean {
    let wanted = prefix;
    while (wanted !== '') {
      if (wanted.startsWith(' ')) {
        if (this.rest !== '' && !this.rest.startsWith(' ')) return false;
        wanted = wanted.replace(/^ +/, '');
        this.rest = this.rest.replace(/^ +/, '');
        continue;
      }
      if (this.rest === '' || this.rest[0] !== wanted[0]) return false;
      wanted = wanted.slice(1);
      this.rest = this.rest.slice(1);
    }
    return true;
  }

  take(element: LayoutElement, text: string, fractionFollows: boolean): Problem {
    switch (element) {
      case 'year2':
        return this.#match(/^(?:\d\d|[+-]\d)/, 2, (digits) => {
          const year = Number(digits);
          this.#year = year >= 69 ? year + 1900 : year + 2000;
        });
      case 'year4':
        return this.#match(/^\d{4}/, 4, (digits) => {
          this.#year = Number(digits);
        });
      case 'monthName':
      case 'monthShort':
        return this.#name(element === 'monthName' ? MONTHS : MONTHS.map(short), (index) => {
          this.#month = index + 1;
        });
      case 'month':
      case 'month2':
        return this.#number(element === 'month2', (value) => {
          this.#month = value;
          return value <= 0 || value > 12 ? 'month' : undefined;
        });
      case 'dayName':
      case 'dayShort':
        return this.#name(element === 'dayName' ? DAYS : DAYS.map(short), () => undefined);
      case 'day':
      case 'dayPadded':
      case 'day2':
        if (element === 'dayPadded' && this.rest.startsWith(' ')) this.rest = this.rest.slice(1);
        return this.#number(element === 'day2', (value) => {
          this.#day = value;
          return undefined;
        });
      case 'yearDayPadded':
        this.rest = this.rest.replace(/^ {1,2}/, '');
        return this.#match(/^\d{1,3}/, undefined, (digits) => {
          this.#yearDay = Number(digits);
        });
      case 'yearDay3':
        return this.#match(/^\d{3}/, undefined, (digits) => {
          this.#yearDay = Number(digits);
        });
      case 'hour24':
        return this.#number(false, (value) => {
          this.#hour = value;
          return value >= 24 ? 'hour' : undefined;
        });
      case 'hour12':
      case 'hour12Padded':
        return this.#number(element === 'hour12Padded', (value) => {
          this.#hour = value;
          return value > 12 ? 'hour' : undefined;
        });
      case 'minute':
      case 'minute2':
        return this.#number(element === 'minute2', (value) => {
          this.#minute = value;
          return value >= 60 ? 'minute' : undefined;
        });
      case 'second':
      case 'second2':
        return this.#seconds(element === 'second2', fractionFollows);
      case 'PM':
        return this.#match(/^(?:AM|PM)/, undefined, (half) => {
          this.#half = half === 'PM' ? 'PM' : 'AM';
        });
      case 'pm':
        return this.#match(/^(?:am|pm)/, undefined, (half) => {
          this.#half = half === 'pm' ? 'PM' : 'AM';
        });
      case 'zoneName':
        return this.#zoneName();
      case 'fraction0':
        return this.#match(new RegExp(`^[.,]\\d{${String(text.length - 1)}}`), undefined, (digits) => {
          this.#fraction(digits);
        });
      case 'fraction9':
        if (/^[.,]\d/.test(this.rest)) {
          return this.#match(/^[.,]\d+/, undefined, (digits) => {
            this.#fraction(digits);
          });
        }
        return undefined;
      default:
        return this.#takeOffset(text);
    }
  }

  /** The instant, or what is wrong with the date. */
  finish(): bigint | string {
    let hour = this.#hour;
    if (this.#half === 'PM' && hour < 12) hour += 12;
    else if (this.#half === 'AM' && hour === 12) hour = 0;
    let month = this.#month < 0 ? 1 : this.#month;
    let day = this.#day < 0 ? 1 : this.#day;
    if (this.#yearDay >= 0) {
      const found = this.#fromYearDay();
      if (typeof found === 'string') return found;
      [month, day] = found;
    }
    if (day < 1 || day > daysInMonth(this.#year, month)) return 'day out of range';
    const time = { hour, minute: this.#minute, second: this.#second, nanosecond: this.#nanosecond };
    return fromCivil({ year: this.#year, month, day }, time) - BigInt(this.#offset) * 1_000_000_000n;
  }

  #fromYearDay(): readonly [number, number] | string {
    const isLeap = daysInMonth(this.#year, 2) === 29;
    if (this.#yearDay < 1 || this.#yearDay > (isLeap ? 366 : 365)) return 'day-of-year out of range';
    let month = 1;
    let day = this.#yearDay;
    while (day > daysInMonth(this.#year, month)) {
      day -= daysInMonth(this.#year, month);
      month++;
    }
    if (this.#month >= 0 && this.#month !== month) return 'day-of-year does not match month';
    if (this.#day >= 0 && this.#day !== day) return 'day-of-year does not match day';
    return [month, day];
  }

  #match(pattern: RegExp, length: number | undefined, use: (match: string) => void): Problem {
    const match = pattern.exec(this.rest)?.[0];
    if (match === undefined || (length !== undefined && match.length !== length)) return 'bad';
    this.rest = this.rest.slice(match.length);
    use(match);
    return undefined;
  }

  /** One or two digits; exactly two if `fixed`. */
  #number(fixed: boolean, use: (value: number) => Problem): Problem {
    const match = (fixed ? /^\d\d/ : /^\d\d?/).exec(this.rest)?.[0];
    if (match === undefined) return 'bad';
    this.rest = this.rest.slice(match.length);
    return use(Number(match));
  }

  #name(names: readonly string[], use: (index: number) => void): Problem {
    const index = names.findIndex((name) => this.rest.slice(0, name.length).toLowerCase() === name.toLowerCase());
    const name = names[index];
    if (name === undefined) return 'bad';
    this.rest = this.rest.slice(name.length);
    use(index);
    return undefined;
  }

  /** Seconds may have a fraction even where the layout has none. */
  #seconds(fixed: boolean, fractionFollows: boolean): Problem {
    const problem = this.#number(fixed, (value) => {
      this.#second = value;
      return value >= 60 ? 'second' : undefined;
    });
    if (problem !== undefined || fractionFollows || !/^[.,]\d/.test(this.rest)) return problem;
    return this.#match(/^[.,]\d+/, undefined, (digits) => {
      this.#fraction(digits);
    });
  }

  #fraction(digits: string): void {
    this.#nanosecond = Number(digits.slice(1, 10).padEnd(9, '0'));
  }

  #zoneName(): Problem {
    if (this.rest.startsWith('UTC')) {
      this.rest = this.rest.slice(3);
      return undefined;
    }
    const name = matchZoneName(this.rest);
    if (name === undefined) return 'bad';
    this.rest = this.rest.slice(name.length);
    return undefined;
  }

  #takeOffset(text: string): Problem {
    if (text.startsWith('Z') && this.rest.startsWith('Z')) {
      this.rest = this.rest.slice(1);
      return undefined;
    }
    const shape = text.slice(1).replace(/\d\d/g, '(..)');
    const match = new RegExp(`^(.)${shape}`, 's').exec(this.rest);
    if (match === null) return 'bad';
    const [whole, sign, ...parts] = match;
    if (parts.some((part) => !/^\d\d$/.test(part)) || (sign !== '+' && sign !== '-')) return 'bad';
    const [hours = 0, minutes = 0, seconds = 0] = parts.map(Number);
    this.rest = this.rest.slice(whole.length);
    if (hours > 24) return 'time zone offset hour';
    if (minutes > 60) return 'time zone offset minute';
    if (seconds > 60) return 'time zone offset second';
    const offset = (hours * 60 + minutes) * 60 + seconds;
    this.#offset = sign === '-' ? -offset : offset;
    return undefined;
  }
}

function short(name: string): string {
  return name.slice(0, 3);
}

/** What looks like the name of a zone: three letters, four or five that end in T, GMT with hours, or an offset. */
function matchZoneName(text: string): string | undefined {
  if (/^(?:ChST|MeST)/.test(text)) return text.slice(0, 4);
  const gmt = /^GMT(?:([+-])(\d{1,2}))?/.exec(text);
  if (gmt !== null) return Number(gmt[2] ?? 0) > 23 ? 'GMT' : gmt[0];
  const offset = /^[+-]\d{2}(?!\d)/.exec(text);
  if (offset !== null) return offset[0];
  const letters = /^[A-Z]{0,6}/.exec(text)?.[0] ?? '';
  if (letters.length === 3) return letters;
  if (letters.length === 4 && (letters.endsWith('T') || letters === 'WITA')) return letters;
  return letters.length === 5 && letters.endsWith('T') ? letters : undefined;
}
