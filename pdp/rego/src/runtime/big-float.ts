/** A binary float: (-1)^negative * mantissa * 2^exponent, its mantissa 0 or of exactly 64 bits. */
export interface BigFloat {
  readonly negative: boolean;
  readonly mantissa: bigint;
  readonly exponent: number;
}

/** A decimal text taken apart: digits * 10^exponent; `digits` carries the sign. */
export interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
  readonly negative: boolean;
}

/** Bits of mantissa that Go's `big.Float` keeps when it is made from text. */
const PRECISION = 64;

/** Number of bits of |value|; 0 for 0. */
export function bitLength(value: bigint): number {
  const magnitude = value < 0n ? -value : value;
  if (magnitude === 0n) return 0;
  const hex = magnitude.toString(16);
  return hex.length * 4 - Math.clz32(Number.parseInt(hex.slice(0, 1), 16)) + 28;
}

/** Takes a JSON number text apart, exactly. */
export function parseDecimal(text: string): Decimal {
  const marker = text.search(/[eE]/);
  const mantissa = marker < 0 ? text : text.slice(0, marker);
  let exponent = marker < 0 ? 0 : Number(text.slice(marker + 1));
  const point = mantissa.indexOf('.');
  if (point >= 0) exponent -= mantissa.length - point - 1;
  const digits = BigInt(mantissa.replace('.', '').replace('-', ''));
  const negative = mantissa.startsWith('-');
  return { digits: negative ? -digits : digits, exponent, negative };
}

/** Orders two number texts by their exact values. */
export function compareDecimalTexts(a: string, b: string): number {
  const x = parseDecimal(a);
  const y = parseDecimal(b);
  if (x.digits === 0n || y.digits === 0n || x.digits < 0n !== y.digits < 0n) return compareBigInts(x.digits, y.digits);
  // Far apart in magnitude: no need to scale.
  const sign = x.digits < 0n ? -1 : 1;
  const magnitudeX = digitCount(x.digits) + x.exponent;
  const magnitudeY = digitCount(y.digits) + y.exponent;
  if (magnitudeX !== magnitudeY) return magnitudeX < magnitudeY ? -sign : sign;
  const shift = x.exponent - y.exponent;
  if (shift >= 0) return compareBigInts(x.digits * 10n ** BigInt(shift), y.digits);
  return compareBigInts(x.digits, y.digits * 10n ** BigInt(-shift));
}

/** The 64-bit float nearest to a JSON number text, ties to even. */
export function bigFloatFromText(text: string): BigFloat {
  const { digits, exponent, negative } = parseDecimal(text);
  const magnitude = digits < 0n ? -digits : digits;
  if (exponent >= 0) return normalize(negative, magnitude * 5n ** BigInt(exponent), exponent, false);
  return quotient(negative, magnitude, 5n ** BigInt(-exponent), exponent);
}

/** a + b. */
export function addBigFloats(a: BigFloat, b: BigFloat): BigFloat {
  if (a.mantissa === 0n && b.mantissa === 0n) return { ...a, negative: a.negative && b.negative };
  if (b.mantissa === 0n) return a;
  if (a.mantissa === 0n) return b;
  // Beyond 130 bits apart the smaller one is only a sticky bit below the larger one's rounding bit.
  const [high, low] = a.exponent >= b.exponent ? [a, b] : [b, a];
  const distance = high.exponent - low.exponent;
  if (distance > 2 * PRECISION + 2) {
    const widened = signed(high) << BigInt(PRECISION + 2);
    const sum = widened + (low.negative ? -1n : 1n);
    return normalize(sum < 0n, sum < 0n ? -sum : sum, high.exponent - PRECISION - 2, false);
  }
  const sum = (signed(high) << BigInt(distance)) + signed(low);
  return normalize(sum < 0n, sum < 0n ? -sum : sum, low.exponent, false);
}

/** a * b. */
export function multiplyBigFloats(a: BigFloat, b: BigFloat): BigFloat {
  return normalize(a.negative !== b.negative, a.mantissa * b.mantissa, a.exponent + b.exponent, false);
}

/** a / b; b must not be 0. */
export function divideBigFloats(a: BigFloat, b: BigFloat): BigFloat {
  return quotient(a.negative !== b.negative, a.mantissa, b.mantissa, a.exponent - b.exponent);
}

/** -a. */
export function negateBigFloat(a: BigFloat): BigFloat {
  return { ...a, negative: !a.negative };
}

/** |a|. */
export function absoluteBigFloat(a: BigFloat): BigFloat {
  return { ...a, negative: false };
}

/** Rounds to an integer value: half away from zero, towards plus infinity, towards minus infinity. */
export function roundBigFloat(a: BigFloat, mode: 'round' | 'ceil' | 'floor'): BigFloat {
  if (a.mantissa === 0n) return { ...a, negative: false };
  if (mode === 'round') {
    const half: BigFloat = { negative: a.negative, mantissa: 1n << 63n, exponent: -64 };
    return truncate(addBigFloats(a, half));
  }
  const whole = truncate(a);
  // The sign that counts is that of the truncated value, as in OPA: there floor(-0.5) is 0 and ceil(-0.5) is 1.
  if (compareBigFloats(a, whole) === 0 || whole.negative === (mode === 'ceil')) return whole;
  const one: BigFloat = { negative: mode === 'floor', mantissa: 1n << 63n, exponent: -63 };
  return addBigFloats(whole, one);
}

/**
 * The shortest text that reads back as the same float, as Go prints it: integers in full, others with an exponent when
 * that is below -4 or above 5.
 */
export function bigFloatText(value: BigFloat): string {
  const sign = value.negative ? '-' : '';
  if (value.mantissa === 0n) return `${sign}0`;
  const { digits, point } = shortestDigits(value);
  if (isInteger(value)) return sign + (digits.length >= point ? digits.slice(0, point) : digits.padEnd(point, '0'));
  const exponent = point - 1;
  if (exponent < -4 || exponent >= 6) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    const magnitude = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${digits.slice(0, 1)}${fraction}e${exponent < 0 ? '-' : '+'}${magnitude}`;
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

interface Digits {
  readonly digits: string;
  /** Where the decimal point stands: 0.digits * 10^point. */
  readonly point: number;
}

function shortestDigits(value: BigFloat): Digits {
  const middle = exactDigits(value.mantissa, value.exponent);
  const lower = exactDigits(value.mantissa * 2n - 1n, value.exponent - 1);
  const upper = exactDigits(value.mantissa * 2n + 1n, value.exponent - 1);
  // The bounds read back as this float only if ties go to its (even) mantissa.
  const inclusive = (value.mantissa & 1n) === 0n;
  for (let index = 0; index < middle.digits.length; index++) {
    const digit = middle.digits.charCodeAt(index);
    const low = index < lower.digits.length ? lower.digits.charCodeAt(index) : 48;
    const high = index < upper.digits.length ? upper.digits.charCodeAt(index) : 48;
    const downAllowed = low !== digit || (inclusive && index + 1 === lower.digits.length);
    const upAllowed = digit !== high && (inclusive || digit + 1 < high || index + 1 < upper.digits.length);
    if (downAllowed && upAllowed) return roundDigits(middle, index + 1);
    if (downAllowed) return trimDigits(middle.digits.slice(0, index + 1), middle.point);
    if (upAllowed) return incrementDigits(middle.digits.slice(0, index + 1), middle.point);
  }
  return middle;
}

function exactDigits(mantissa: bigint, exponent: number): Digits {
  if (exponent >= 0) {
    const text = String(mantissa << BigInt(exponent));
    return trimDigits(text, text.length);
  }
  const text = String(mantissa * 5n ** BigInt(-exponent));
  return trimDigits(text, text.length + exponent);
}

function trimDigits(digits: string, point: number): Digits {
  let end = digits.length;
  while (end > 1 && digits.charCodeAt(end - 1) === 48) end--;
  return { digits: digits.slice(0, end), point };
}

function roundDigits({ digits, point }: Digits, count: number): Digits {
  if (count >= digits.length) return { digits, point };
  const kept = digits.slice(0, count);
  const next = digits.charCodeAt(count);
  const isTie = next === 53 && count + 1 === digits.length;
  const up = isTie ? (digits.charCodeAt(count - 1) & 1) === 1 : next >= 53;
  return up ? incrementDigits(kept, point) : trimDigits(kept, point);
}

function incrementDigits(digits: string, point: number): Digits {
  const next = String(BigInt(digits) + 1n);
  return trimDigits(next, point + next.length - digits.length);
}

function isInteger(value: BigFloat): boolean {
  if (value.exponent >= 0) return true;
  if (value.exponent <= -PRECISION) return false;
  return (value.mantissa & ((1n << BigInt(-value.exponent)) - 1n)) === 0n;
}

function truncate(value: BigFloat): BigFloat {
  if (value.exponent >= 0) return value;
  if (value.exponent <= -PRECISION) return { negative: false, mantissa: 0n, exponent: 0 };
  return normalize(value.negative, value.mantissa >> BigInt(-value.exponent), 0, false);
}

function compareBigFloats(a: BigFloat, b: BigFloat): number {
  const difference = addBigFloats(a, negateBigFloat(b));
  return difference.mantissa === 0n ? 0 : difference.negative ? -1 : 1;
}

/** numerator / denominator * 2^exponent, rounded once. */
function quotient(negative: boolean, numerator: bigint, denominator: bigint, exponent: number): BigFloat {
  if (numerator === 0n) return { negative, mantissa: 0n, exponent: 0 };
  const shift = Math.max(0, PRECISION + 2 + bitLength(denominator) - bitLength(numerator));
  const scaled = numerator << BigInt(shift);
  const whole = scaled / denominator;
  return normalize(negative, whole, exponent - shift, scaled !== whole * denominator);
}

/** Rounds to 64 bits, ties to even; `sticky` says that something non-zero was cut off below the last bit. */
function normalize(negative: boolean, magnitude: bigint, exponent: number, sticky: boolean): BigFloat {
  if (magnitude === 0n) return { negative, mantissa: 0n, exponent: 0 };
  const excess = bitLength(magnitude) - PRECISION;
  if (excess <= 0) return { negative, mantissa: magnitude << BigInt(-excess), exponent: exponent + excess };
  const shift = BigInt(excess);
  let mantissa = magnitude >> shift;
  const rest = magnitude - (mantissa << shift);
  const half = 1n << (shift - 1n);
  if (rest > half || (rest === half && (sticky || (mantissa & 1n) === 1n))) mantissa += 1n;
  if (bitLength(mantissa) > PRECISION) return { negative, mantissa: mantissa >> 1n, exponent: exponent + excess + 1 };
  return { negative, mantissa, exponent: exponent + excess };
}

function signed(value: BigFloat): bigint {
  return value.negative ? -value.mantissa : value.mantissa;
}

function digitCount(value: bigint): number {
  return String(value < 0n ? -value : value).length;
}

function compareBigInts(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
