import { formatFloat } from './go-float.ts';
import { quoteText } from './text.ts';

/** What parsing a duration gives: nanoseconds, or Go's message. */
export type DurationParse =
  { readonly ok: true; readonly nanoseconds: bigint } | { readonly ok: false; readonly message: string };

const UNITS: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['\u00b5s', 1_000n],
  ['\u03bcs', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);

/** Hours of the units that OPA adds to Go's. */
const LONG_UNITS: ReadonlyMap<string, number> = new Map([
  ['d', 24],
  ['w', 7 * 24],
  ['y', 365 * 24],
]);

/** Parses `1h15m30.5s` and, beyond Go, days, weeks and years: `1y2w3d`. */
export function parseDuration(text: string): DurationParse {
  if (!/[dwy]/.test(text)) return parseGoDuration(text);
  const match = /^([+-]?)((?:[0-9.]+(?:ms|us|\u00b5s|ns|[a-z]))+)$/.exec(text);
  if (match === null) return invalid(text);
  let rewritten = match[1] ?? '';
  for (const [, digits = '', unit = ''] of (match[2] ?? '').matchAll(/([0-9.]+)(ms|us|\u00b5s|ns|[a-z])/g)) {
    const hours = LONG_UNITS.get(unit);
    if (hours === undefined) rewritten += digits + unit;
    else if (/^(?:\d+\.?\d*|\.\d+)$/.test(digits)) rewritten += `${formatFloat(Number(digits) * hours, 'f', -1)}h`;
    else return invalid(text);
  }
  const parsed = parseGoDuration(rewritten);
  if (parsed.ok) return parsed;
  return { ok: false, message: `${parsed.message.slice(0, parsed.message.lastIndexOf(' '))} ${quoteText(text)}` };
}

function invalid(text: string): DurationParse {
  return { ok: false, message: `time: invalid duration ${quoteText(text)}` };
}

const LIMIT = 1n << 63n;

/** Parses a duration in Go's own units: `1h15m30.5s`. */
export function parseGoDuration(text: string): DurationParse {
  const negative = text.startsWith('-');
  let rest = text.replace(/^[+-]/, '');
  if (rest === '0') return { ok: true, nanoseconds: 0n };
  if (rest === '') return invalid(text);
  let total = 0n;
  while (rest !== '') {
    const match = /^(\d*)(?:\.(\d*))?/.exec(rest);
    const whole = match?.[1] ?? '';
    const fraction = match?.[2] ?? '';
    if (whole === '' && fraction === '') return invalid(text);
    rest = rest.slice(match?.[0].length ?? 0);
    const unit = /^[^.\d]*/.exec(rest)?.[0] ?? '';
    if (unit === '') return { ok: false, message: `time: missing unit in duration ${quoteText(text)}` };
    rest = rest.slice(unit.length);
    const factor = UNITS.get(unit);
    if (factor === undefined) {
      return { ok: false, message: `time: unknown unit ${quoteText(unit)} in duration ${quoteText(text)}` };
    }
    total += BigInt(whole === '' ? '0' : whole) * factor;
    if (fraction !== '') {
      // As Go does: the fraction in floating point, cut off to whole nanoseconds.
      let digits = fraction;
      while (BigInt(digits) >= LIMIT) digits = digits.slice(0, -1);
      total += BigInt(Math.trunc(Number(digits) * (Number(factor) / 10 ** digits.length)));
    }
    if (total > LIMIT) return invalid(text);
  }
  if (total === LIMIT && !negative) return invalid(text);
  return { ok: true, nanoseconds: negative ? -total : total };
}
