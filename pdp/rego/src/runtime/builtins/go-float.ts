/** How a float is printed: like C's %e, %f and %g. */
export type FloatVerb = 'e' | 'f' | 'g';

/**
 * Prints a finite double as Go's strconv.FormatFloat does. `precision` counts digits after the point (`e`, `f`) or
 * significant digits (`g`); -1 asks for the fewest digits that read back as the same double.
 */
export function formatFloat(value: number, verb: FloatVerb, precision: number): string {
  const negative = value < 0 || Object.is(value, -0);
  const shortest = precision < 0;
  const exact = shortest ? shortestDigits(Math.abs(value)) : exactDigits(Math.abs(value));
  const sign = negative ? '-' : '';
  if (verb === 'f') {
    const places = shortest ? Math.max(exact.digits.length - exact.point, 0) : precision;
    return sign + printFixed(shortest ? exact : roundAt(exact, exact.point + places), places);
  }
  if (verb === 'e') {
    const places = shortest ? exact.digits.length - 1 : precision;
    return sign + printExponent(shortest ? exact : roundAt(exact, places + 1), places);
  }
  const digits = shortest ? exact : roundAt(exact, Math.max(precision, 1));
  const significant = trimZeros(digits);
  let limit = shortest ? 6 : Math.max(precision, 1);
  if (!shortest && limit > significant.digits.length && significant.digits.length >= significant.point) {
    limit = significant.digits.length;
  }
  const exponent = significant.point - 1;
  if (exponent < -4 || exponent >= limit) return sign + printExponent(significant, significant.digits.length - 1);
  return sign + printFixed(significant, Math.max(significant.digits.length - significant.point, 0));
}

/** 0.d1d2d3... * 10^point; zero is "0" with point 1. */
interface Digits {
  readonly digits: string;
  readonly point: number;
}

function shortestDigits(value: number): Digits {
  if (value === 0) return { digits: '0', point: 1 };
  const [mantissa = '0', exponent = '0'] = value.toExponential().split('e');
  return { digits: mantissa.replace('.', ''), point: Number(exponent) + 1 };
}

/** Prints a double as Go's %b: `4503599627370496p-52`. */
export function formatBinaryFloat(value: number): string {
  const { mantissa, exponent } = takeApart(Math.abs(value));
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  return `${sign}${String(mantissa)}p${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent))}`;
}

/** Prints a double as Go's %x: `0x1.8p+00`; -1 asks for as many digits as it has. */
export function formatHexFloat(value: number, precision: number): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  let { mantissa, exponent } = takeApart(Math.abs(value));
  if (mantissa === 0n) return `${sign}0x0${precision > 0 ? `.${'0'.repeat(precision)}` : ''}p+00`;
  while (mantissa < 1n << 52n) {
    mantissa <<= 1n;
    exponent--;
  }
  if (precision >= 0 && precision < 13) {
    // Half to even, at a whole hexadecimal digit.
    const shift = BigInt((13 - precision) * 4);
    const half = 1n << (shift - 1n);
    const rest = mantissa & ((1n << shift) - 1n);
    mantissa >>= shift;
    if (rest > half || (rest === half && (mantissa & 1n) === 1n)) mantissa += 1n;
    mantissa <<= shift;
    if (mantissa >> 53n === 1n) {
      mantissa >>= 1n;
      exponent++;
    }
  }
  const digits = mantissa.toString(16).slice(1);
  const shown = precision < 0 ? digits.replace(/0+$/, '') : digits.slice(0, precision).padEnd(precision, '0');
  const power = exponent + 52;
  const magnitude = String(Math.abs(power)).padStart(2, '0');
  return `${sign}0x1${shown === '' ? '' : `.${shown}`}p${power < 0 ? '-' : '+'}${magnitude}`;
}

/** A double that is not negative, as mantissa * 2^exponent. */
function takeApart(value: number): { mantissa: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const raw = view.getBigUint64(0);
  const biased = Number((raw >> 52n) & 0x7ffn);
  const fraction = raw & 0xfffffffffffffn;
  return { mantissa: biased === 0 ? fraction : fraction | (1n << 52n), exponent: (biased === 0 ? 1 : biased) - 1075 };
}

function exactDigits(value: number): Digits {
  if (value === 0) return { digits: '0', point: 1 };
  const { mantissa, exponent } = takeApart(value);
  if (exponent >= 0) {
    const text = String(mantissa << BigInt(exponent));
    return trimZeros({ digits: text, point: text.length });
  }
  const text = String(mantissa * 5n ** BigInt(-exponent));
  return trimZeros({ digits: text, point: text.length + exponent });
}

/** Keeps `count` digits, half to even; `count` may be 0 or negative. */
function roundAt({ digits, point }: Digits, count: number): Digits {
  if (count >= digits.length) return { digits, point };
  if (count < 0) return { digits: '0', point: point - count };
  const next = digits.charCodeAt(count) - 48;
  const isTie = next === 5 && count + 1 === digits.length;
  const isOdd = count > 0 && (digits.charCodeAt(count - 1) & 1) === 1;
  const up = isTie ? isOdd : next >= 5;
  const kept = digits.slice(0, count);
  if (!up) return kept === '' ? { digits: '0', point: point + 1 } : { digits: kept, point };
  const raised = String(BigInt(kept === '' ? '0' : kept) + 1n);
  const padded = raised.padStart(kept.length, '0');
  return { digits: padded, point: point + padded.length - kept.length };
}

function trimZeros({ digits, point }: Digits): Digits {
  const trimmed = digits.replace(/0+$/, '');
  return trimmed === '' ? { digits: '0', point: 1 } : { digits: trimmed, point };
}

function printFixed({ digits, point }: Digits, places: number): string {
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, '0') : '0';
  if (places === 0) return whole;
  const fraction = point > 0 ? digits.slice(point) : '0'.repeat(Math.min(-point, places)) + digits;
  return `${whole}.${fraction.slice(0, places).padEnd(places, '0')}`;
}

function printExponent({ digits, point }: Digits, places: number): string {
  const isZero = /^0*$/.test(digits);
  const exponent = isZero ? 0 : point - 1;
  const fraction = places > 0 ? `.${digits.slice(1, places + 1).padEnd(places, '0')}` : '';
  const sign = exponent < 0 ? '-' : '+';
  return `${digits.slice(0, 1)}${fraction}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
