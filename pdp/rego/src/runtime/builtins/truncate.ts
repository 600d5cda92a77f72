import { numberText, toBigFloat, type RegoNumeric } from '../number.ts';

/** The integer left when the fraction of a number is cut off; numbers with an exponent count by their 64-bit float. */
export function truncateToBigInt(value: RegoNumeric): bigint {
  const text = numberText(value);
  if (/^-?\d+$/.test(text)) return BigInt(text);
  const { negative, mantissa, exponent } = toBigFloat(value);
  const magnitude = exponent >= 0 ? mantissa << BigInt(exponent) : mantissa >> BigInt(-exponent);
  return negative ? -magnitude : magnitude;
}
