import { toBigFloat, toBigInt, type RegoNumeric } from '../number.ts';

/** The integer left when the fraction of a number is cut off. */
export function truncateToBigInt(value: RegoNumeric): bigint {
  const integer = toBigInt(value);
  if (integer !== null) return integer;
  const { negative, mantissa, exponent } = toBigFloat(value);
  const magnitude = exponent >= 0 ? mantissa << BigInt(exponent) : mantissa >> BigInt(-exponent);
  return negative ? -magnitude : magnitude;
}
