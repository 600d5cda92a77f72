import { parseDecimal } from '../big-float.ts';
import { numberText, type RegoNumeric } from '../number.ts';

/** Two numbers times the same power of ten, which makes integers of both; exact. */
export function multiplyDecimal(a: RegoNumeric, b: RegoNumeric): readonly [bigint, bigint] {
  const first = parseDecimal(numberText(a));
  const second = parseDecimal(numberText(b));
  const scale = Math.min(first.exponent, second.exponent, 0);
  return [first.digits * 10n ** BigInt(first.exponent - scale), second.digits * 10n ** BigInt(second.exponent - scale)];
}
