import { isNumber, numberFromBigInt, RegoNumber, toBigFloat, type RegoNumeric } from '../number.ts';
import type { Value } from '../value.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { daysFromCivil, fromCivil, toCivil, type CivilTime } from './civil-time.ts';
import { parseDuration } from './durations.ts';
import { builtinError, integerOperand, typeError } from './operands.ts';
import { formatTime } from './time-format.ts';
import { DAYS, namedLayouts } from './time-layout.ts';
import { parseTime } from './time-parse.ts';
import { findTimeZone, UTC, type TimeZone } from './time-zone.ts';

/** Time: instants are nanoseconds since the epoch, from 1677 to 2262. */
export const times: BuiltinFamily = {
  'time.now_ns': (ctx) => numberFromBigInt(ctx.nowNs()),
  'time.parse_ns': (ctx, layout, text) => {
    if (typeof layout !== 'string') return typeError(ctx, 1, layout, 'string');
    if (typeof text !== 'string') return typeError(ctx, 2, text, 'string');
    return parseInstant(ctx, namedLayouts.get(layout) ?? layout, text);
  },
  'time.parse_rfc3339_ns': (ctx, text) =>
    typeof text === 'string' ? parseTimestamp(ctx, text) : typeError(ctx, 1, text, 'string'),
  'time.parse_duration_ns': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const parsed = parseDuration(text);
    return parsed.ok ? numberFromBigInt(parsed.nanoseconds) : builtinError(ctx, parsed.message);
  },
  'time.format': (ctx, operand) => {
    const moment = momentOperand(ctx, operand);
    if (moment === undefined) return undefined;
    const { nanoseconds, zone, layout } = moment;
    const pattern = layout === '' ? RFC3339_NANO : (namedLayouts.get(layout) ?? layout);
    return formatTime(civilOf(moment), pattern, () => zone.abbreviationAt(nanoseconds));
  },
  'time.date': (ctx, operand) => {
    const moment = momentOperand(ctx, operand);
    if (moment === undefined) return undefined;
    const { year, month, day } = civilOf(moment);
    return [year, month, day];
  },
  'time.clock': (ctx, operand) => {
    const moment = momentOperand(ctx, operand);
    if (moment === undefined) return undefined;
    const { hour, minute, second } = civilOf(moment);
    return [hour, minute, second];
  },
  'time.weekday': (ctx, operand) => {
    const moment = momentOperand(ctx, operand);
    return moment === undefined ? undefined : DAYS[civilOf(moment).weekday];
  },
  'time.add_date': (ctx, operand, years, months, days) => {
    const moment = momentOperand(ctx, operand);
    if (moment === undefined) return undefined;
    const addYears = integerOperand(ctx, years, 2);
    if (addYears === undefined) return undefined;
    const addMonths = integerOperand(ctx, months, 3);
    if (addMonths === undefined) return undefined;
    const addDays = integerOperand(ctx, days, 4);
    if (addDays === undefined) return undefined;
    if (Math.max(Math.abs(addYears), Math.abs(addMonths), Math.abs(addDays)) > MAX_STEPS) {
      return builtinError(ctx, OUTSIDE);
    }
    const civil = civilOf(moment);
    const date = { year: civil.year + addYears, month: civil.month + addMonths, day: civil.day + addDays };
    return checkedInstant(ctx, localInstant(fromCivil(date, civil), moment.zone));
  },
  'time.diff': (ctx, a, b) => {
    const first = momentOperand(ctx, a);
    if (first === undefined) return undefined;
    const second = momentOperand(ctx, b);
    return second === undefined ? undefined : difference(first, { ...second, zone: first.zone });
  },
};

const RFC3339 = '2006-01-02T15:04:05Z07:00';
const RFC3339_NANO = '2006-01-02T15:04:05.999999999Z07:00';
const OUTSIDE = 'time outside of valid range';

/** More years, months or days than this leave the valid range in any case. */
const MAX_STEPS = 1_000_000;

interface Moment {
  readonly nanoseconds: bigint;
  readonly zone: TimeZone;
  readonly layout: string;
}

/** Reads `ns`, `[ns]`, `[ns, zone]` or `[ns, zone, layout]`. */
function momentOperand(ctx: BuiltinContext, operand: Value): Moment | undefined {
  if (isNumber(operand)) return moment(ctx, operand, UTC, '');
  const expected = 'either number (ns) or [number (ns), string (tz)]';
  if (!Array.isArray(operand) || operand.length === 0) return typeError(ctx, 1, operand, expected);
  const [instant, zoneName, layout] = operand as readonly Value[];
  if (!isNumber(instant)) return typeError(ctx, 1, instant, 'number');
  if (zoneName === undefined) return moment(ctx, instant, UTC, '');
  if (typeof zoneName !== 'string') return typeError(ctx, 1, zoneName, 'string');
  const zone = findTimeZone(zoneName);
  if (zone === undefined) return builtinError(ctx, `unknown time zone ${zoneName}`);
  if (layout === undefined) return moment(ctx, instant, zone, '');
  return typeof layout === 'string' ? moment(ctx, instant, zone, layout) : typeError(ctx, 1, layout, 'string');
}

function moment(ctx: BuiltinContext, instant: RegoNumeric, zone: TimeZone, layout: string): Moment | undefined {
  const nanoseconds = exactInt64(instant);
  return nanoseconds === undefined ? builtinError(ctx, 'timestamp too big') : { nanoseconds, zone, layout };
}

function exactInt64(value: RegoNumeric): bigint | undefined {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (value instanceof RegoNumber && /^-?\d{1,18}$|^-?[1-8]\d{18}$/.test(value.text)) return value.integer ?? undefined;
  const { negative, mantissa, exponent } = toBigFloat(value);
  if (mantissa === 0n) return 0n;
  if (exponent > 0) return undefined;
  const magnitude = mantissa >> BigInt(-exponent);
  if (magnitude << BigInt(-exponent) !== mantissa) return undefined;
  const integer = negative ? -magnitude : magnitude;
  return BigInt.asIntN(64, integer) === integer ? integer : undefined;
}

function civilOf({ nanoseconds, zone }: Moment): CivilTime {
  return toCivil(nanoseconds, zone.offsetAt(nanoseconds));
}

function parseInstant(ctx: BuiltinContext, layout: string, text: string): Value | undefined {
  const parsed = parseTime(layout, text);
  return parsed.ok ? checkedInstant(ctx, parsed.nanoseconds) : builtinError(ctx, parsed.message);
}

/** How many parsed timestamps a process keeps (twice as many for a short time): those of data and tokens come again. */
export const TIMESTAMP_CACHE_SIZE = 1_000;

/** Longer texts are not kept. */
const MAX_KEPT_LENGTH = 40;

const timestamps = new BoundedCache<string, Value>(TIMESTAMP_CACHE_SIZE);

function parseTimestamp(ctx: BuiltinContext, text: string): Value | undefined {
  const known = timestamps.get(text);
  if (known !== undefined) return known;
  const instant = parseInstant(ctx, RFC3339, text);
  if (instant !== undefined && text.length <= MAX_KEPT_LENGTH) timestamps.set(text, instant);
  return instant;
}

function checkedInstant(ctx: BuiltinContext, nanoseconds: bigint): Value | undefined {
  if (BigInt.asIntN(64, nanoseconds) !== nanoseconds) return builtinError(ctx, OUTSIDE);
  return numberFromBigInt(nanoseconds);
}

/** The instant at which clocks of the zone show what `local` would be in UTC. */
function localInstant(local: bigint, zone: TimeZone): bigint {
  const guess = local - BigInt(zone.offsetAt(local)) * 1_000_000_000n;
  return local - BigInt(zone.offsetAt(guess)) * 1_000_000_000n;
}

/** Years, months, days, hours, minutes and seconds between two moments, as calendars count them. */
function difference(a: Moment, b: Moment): Value {
  const [from, to] = a.nanoseconds <= b.nanoseconds ? [civilOf(a), civilOf(b)] : [civilOf(b), civilOf(a)];
  let years = to.year - from.year;
  let months = to.month - from.month;
  let days = to.day - from.day;
  let hours = to.hour - from.hour;
  let minutes = to.minute - from.minute;
  let seconds = to.second - from.second;
  if (seconds < 0) {
    seconds += 60;
    minutes--;
  }
  if (minutes < 0) {
    minutes += 60;
    hours--;
  }
  if (hours < 0) {
    hours += 24;
    days--;
  }
  if (days < 0) {
    days += daysFromCivil(from.year, from.month + 1, 1) - daysFromCivil(from.year, from.month, 1);
    months--;
  }
  if (months < 0) {
    months += 12;
    years--;
  }
  return [years, months, days, hours, minutes, seconds];
}
