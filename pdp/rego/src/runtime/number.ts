import { bigFloatFromText, bigFloatText } from './big-float.ts';
import type { BigFloat } from './big-float.ts';
import * as bigFloat from './big-float.ts';

/**
 * Largest magnitude of a number's decimal exponent, counted with its digits. OPA refuses binary exponents beyond 1e5,
 * which is this many decimal digits.
 */
export const MAX_DECIMAL_EXPONENT = 30_103;

/** Largest integer that arithmetic may produce, in bits; a product beyond it is an error instead of a memory bomb. */
export const MAX_INTEGER_BITS = 1_000_000;

/**
 * A number whose text a JS number would not keep: `1.0`, `1e2`, integers beyond 2^53, more than 15 digits.
 * Immutable; `text` is valid JSON number syntax.
 */
export class RegoNumber {
  readonly text: string;
  #integer: bigint | null | undefined = undefined;
  #key: number | string | undefined = undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** The exact integer that the number is, or `null` if it has a fractional part. Computed once. */
  get integer(): bigint | null {
    if (this.#integer === undefined) this.#integer = exactInteger(this.text);
    return this.#integer;
  }

  /** A JS number or a string, the same for every number that is equal to this one. */
  get key(): number | string {
    this.#key ??= computeKey(this);
    return this.#key;
  }

  toString(): string {
    return this.text;
  }

  /** `JSON.stringify` writes the number by its text. */
  toJSON(): unknown {
    return rawJson(this.text);
  }
}

/** `JSON.rawJSON` (ECMAScript 2026), which the compiler's libraries do not declare yet. */
const rawJson = (JSON as unknown as { readonly rawJSON: (text: string) => unknown }).rawJSON;

/** A Rego number: a JS number (a safe integer, or a decimal of at most 15 digits whose text JS prints alike) or a boxed one. */
export type RegoNumeric = number | RegoNumber;

/** Why an arithmetic operation has no result. The texts are OPA's. */
export type ArithmeticError =
  'divide by zero' | 'modulo by zero' | 'modulo on floating-point number' | 'number too big';

/** Tells whether `value` is a Rego number of either form. */
export function isNumber(value: unknown): value is RegoNumeric {
  return typeof value === 'number' || value instanceof RegoNumber;
}

/** The number that a JSON number text says. The text must be valid JSON number syntax; it is kept. */
export function numberFromText(text: string): RegoNumeric {
  const length = text.length;
  if (length <= 15) {
    // Up to 15 characters, String(Number(text)) === text already implies exactness.
    const short = Number(text);
    if (String(short) === text && (!Number.isInteger(short) || Number.isSafeInteger(short))) return short;
    return new RegoNumber(text);
  }
  const value = Number(text);
  if (String(value) !== text) return new RegoNumber(text);
  if (Number.isInteger(value)) return Number.isSafeInteger(value) ? value : new RegoNumber(text);
  return countDigits(text) <= 15 ? value : new RegoNumber(text);
}

/** The number that an integer of any size is. */
export function numberFromBigInt(value: bigint): RegoNumeric {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : new RegoNumber(String(value));
}

/** The text of a number: what OPA prints for it. */
export function numberText(value: RegoNumeric): string {
  return typeof value === 'number' ? String(value) : value.text;
}

/** The double nearest to a number. */
export function toDouble(value: RegoNumeric): number {
  return typeof value === 'number' ? value : Number(value.text);
}

/** The exact integer that a number is (1.0 and 1e2 are integers), or `null` if it has a fractional part. */
export function toBigInt(value: RegoNumeric): bigint | null {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : null;
  return value.integer;
}

/**
 * The number as a JS integer if OPA would take it for a machine integer: digits with at most a fraction of zeros
 * (`3`, `3.0`, not `3e0`) that fit into 64 bits. Beyond 2^53 the result is only near.
 */
export function toSmallInteger(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? value : undefined;
  if (!(value instanceof RegoNumber)) return undefined;
  if (/[eE]/.test(value.text)) return undefined;
  const integer = value.integer;
  return integer !== null && BigInt.asIntN(64, integer) === integer ? Number(integer) : undefined;
}

/** Orders two numbers by value: negative, 0 or positive. Exact, but decimals with the same double count as equal. */
export function compareNumbers(a: RegoNumeric, b: RegoNumeric): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const textA = numberText(a);
  const textB = numberText(b);
  if (textA === textB) return 0;
  const integerA = toBigInt(a);
  const integerB = toBigInt(b);
  if (integerA !== null && integerB !== null) return integerA < integerB ? -1 : integerA > integerB ? 1 : 0;
  const doubleA = Number(textA);
  const doubleB = Number(textB);
  if (integerA === null && integerB === null && doubleA === doubleB && Number.isFinite(doubleA) && doubleA !== 0) {
    return 0;
  }
  if (doubleA !== doubleB) return doubleA < doubleB ? -1 : 1;
  return bigFloat.compareDecimalTexts(textA, textB);
}

/** A primitive that is the same for equal numbers and differs for others; strings start with a digit or a minus. */
export function numberKey(value: RegoNumeric): number | string {
  return typeof value === 'number' ? value : value.key;
}

/** a + b. */
export function add(a: RegoNumeric, b: RegoNumeric): RegoNumeric {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (isExact(a, b, sum)) return sum;
  }
  const x = toBigInt(a);
  const y = x === null ? null : toBigInt(b);
  if (x !== null && y !== null) return numberFromBigInt(x + y);
  return fromBigFloat(bigFloat.addBigFloats(toBigFloat(a), toBigFloat(b)));
}

/** a - b. */
export function subtract(a: RegoNumeric, b: RegoNumeric): RegoNumeric {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b;
    if (isExact(a, b, difference)) return difference;
  }
  const x = toBigInt(a);
  const y = x === null ? null : toBigInt(b);
  if (x !== null && y !== null) return numberFromBigInt(x - y);
  return fromBigFloat(bigFloat.addBigFloats(toBigFloat(a), bigFloat.negateBigFloat(toBigFloat(b))));
}

/** a * b, or an error if the product is larger than the limit. */
export function multiply(a: RegoNumeric, b: RegoNumeric): RegoNumeric | ArithmeticError {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b;
    // `|| 0` turns -0 into 0: integers have no negative zero.
    if (isExact(a, b, product)) return product || 0;
  }
  const x = toBigInt(a);
  const y = x === null ? null : toBigInt(b);
  if (x !== null && y !== null) {
    if (bigFloat.bitLength(x) + bigFloat.bitLength(y) > MAX_INTEGER_BITS) return 'number too big';
    return numberFromBigInt(x * y);
  }
  return checkedBigFloat(bigFloat.multiplyBigFloats(toBigFloat(a), toBigFloat(b)));
}

/** a / b: exact where the quotient is an integer of two 32-bit integers, else a 64-bit-mantissa quotient. */
export function divide(a: RegoNumeric, b: RegoNumeric): RegoNumeric | ArithmeticError {
  if (typeof a === 'number' && typeof b === 'number' && b !== 0 && a !== 0) {
    const quotient = a / b;
    if (Number.isInteger(a) && Number.isInteger(b) && (Number.isInteger(quotient) || isShortDecimal(a, b, quotient))) {
      return quotient;
    }
  }
  const divisor = toBigFloat(b);
  if (divisor.mantissa === 0n) return 'divide by zero';
  return checkedBigFloat(bigFloat.divideBigFloats(toBigFloat(a), divisor));
}

/** a % b with the sign of a; only integers have one. */
export function remainder(a: RegoNumeric, b: RegoNumeric): RegoNumeric | ArithmeticError {
  if (typeof a === 'number' && typeof b === 'number' && Number.isInteger(a) && Number.isInteger(b)) {
    return b === 0 ? 'modulo by zero' : a % b || 0;
  }
  const x = toBigInt(a);
  const y = x === null ? null : toBigInt(b);
  if (x === null || y === null) return 'modulo on floating-point number';
  return y === 0n ? 'modulo by zero' : numberFromBigInt(x % y);
}

/** The number without its sign. */
export function absolute(value: RegoNumeric): RegoNumeric {
  if (typeof value === 'number' && Number.isInteger(value)) return Math.abs(value);
  return fromBigFloat(bigFloat.absoluteBigFloat(toBigFloat(value)));
}

/** Rounds to an integer: half away from zero, up, or down. */
export function roundNumber(value: RegoNumeric, mode: 'round' | 'ceil' | 'floor'): RegoNumeric {
  if (typeof value === 'number') return roundDouble(value, mode);
  const rounded = bigFloat.roundBigFloat(toBigFloat(value), mode);
  // Large ones are whole already, and print every digit of the float that they are.
  if (rounded.exponent < 0) return fromBigFloat(rounded);
  const magnitude = rounded.mantissa << BigInt(rounded.exponent);
  return numberFromBigInt(rounded.negative ? -magnitude : magnitude);
}

/** A double lies between the same integers as the decimal of at most 15 digits that it stands for. */
function roundDouble(value: number, mode: 'round' | 'ceil' | 'floor'): number {
  // `|| 0` turns -0 into 0.
  const whole = Math.trunc(value) || 0;
  if (whole === value) return whole;
  if (mode === 'round') return Math.abs(value - whole) < 0.5 ? whole : whole + Math.sign(value);
  // The sign that counts is that of the truncated value, as in OPA: there floor(-0.5) is 0 and ceil(-0.5) is 1.
  if (mode === 'ceil') return whole < 0 ? whole : whole + 1;
  return whole < 0 ? whole - 1 : whole;
}

/** A number as a 64-bit-mantissa float, rounded to nearest even. */
export function toBigFloat(value: RegoNumeric): BigFloat {
  return bigFloatFromText(numberText(value));
}

/** The number that a float is, by its shortest text. */
export function fromBigFloat(value: BigFloat): RegoNumeric {
  return numberFromText(bigFloatText(value));
}

/** Tells whether a JSON number text is beyond the exponents that Rego computes with. */
export function isNumberTooBig(text: string): boolean {
  const marker = text.search(/[eE]/);
  if (marker < 0) return false;
  const exponent = Math.abs(Number(text.slice(marker + 1)));
  if (marker + exponent <= 25_000) return false;
  const digits = text.slice(0, marker).replace('-', '');
  const point = digits.indexOf('.');
  const integerDigits = (point < 0 ? digits : digits.slice(0, point)).length;
  if (/^[0.]*$/.test(digits)) return false;
  const signed = Number(text.slice(marker + 1)) + integerDigits;
  return Math.abs(signed) > MAX_DECIMAL_EXPONENT;
}

/** Doubles at a grain of 1/1024 below 2^20 print exactly, so plain double arithmetic on them is Rego's arithmetic. */
function isExact(a: number, b: number, result: number): boolean {
  if (Number.isSafeInteger(result) && Number.isInteger(a) && Number.isInteger(b)) return true;
  return isGrain(a) && isGrain(b) && isGrain(result) && result !== 0;
}

/** Decimals of the quotients that need no float of 64 bits. */
const SHORT_SCALE = 1e6;

/**
 * Tells whether the quotient of two integers is a decimal of at most 15 digits, none beyond the sixth behind the point, so
 * that it prints exactly. Smaller and larger ones print with an exponent.
 */
function isShortDecimal(a: number, b: number, quotient: number): boolean {
  const scaled = Math.round(quotient * SHORT_SCALE);
  const dividend = a * SHORT_SCALE;
  return (
    Math.abs(quotient) >= 1e-4 &&
    Math.abs(quotient) < 1e6 &&
    Math.abs(scaled) < 1e15 &&
    Number.isSafeInteger(dividend) &&
    Number.isSafeInteger(scaled * b) &&
    scaled * b === dividend
  );
}

function isGrain(value: number): boolean {
  return value > -1_000_000 && value < 1_000_000 && Number.isInteger(value * 1024);
}

function checkedBigFloat(value: BigFloat): RegoNumeric | ArithmeticError {
  if (Math.abs(value.exponent) > MAX_INTEGER_BITS) return 'number too big';
  return fromBigFloat(value);
}

function countDigits(text: string): number {
  const mantissa = text
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '');
  return mantissa.replace(/0+$/, '').length;
}

function exactInteger(text: string): bigint | null {
  if (/^-?\d+$/.test(text)) return BigInt(text);
  const decimal = bigFloat.parseDecimal(text);
  if (decimal.digits === 0n) return 0n;
  if (decimal.exponent >= 0) {
    if (decimal.exponent > MAX_DECIMAL_EXPONENT) return null;
    return decimal.digits * 10n ** BigInt(decimal.exponent);
  }
  // A fraction of zeros only leaves an integer.
  const trimmed = /0*$/.exec(String(decimal.digits))?.[0].length ?? 0;
  if (trimmed < -decimal.exponent) return null;
  return decimal.digits / 10n ** BigInt(-decimal.exponent);
}

function computeKey(value: RegoNumber): number | string {
  const integer = value.integer;
  if (integer !== null) {
    const small = Number(integer);
    return Number.isSafeInteger(small) ? small : String(integer);
  }
  const double = Number(value.text);
  if (Number.isFinite(double) && double !== 0 && !Number.isInteger(double)) return double;
  const { digits, exponent } = bigFloat.parseDecimal(value.text);
  const trimmed = String(digits).replace(/0+$/, '');
  return `${trimmed}e${String(exponent + String(digits).length - trimmed.length)}`;
}
