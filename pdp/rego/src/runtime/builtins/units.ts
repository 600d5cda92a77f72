import { multiplyBigFloats, parseDecimal, type Decimal } from '../big-float.ts';
import { fromBigFloat, numberFromBigInt, numberFromText, toBigFloat } from '../number.ts';
import type { Value } from '../value.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { BuiltinFamily } from './builtin.ts';
import { builtinError, typeError } from './operands.ts';
import { truncateToBigInt } from './truncate.ts';

/** Amounts with units: `10Mi`, `0.5k`, `1e3GB`. */
export const units: BuiltinFamily = {
  'units.parse': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const parsed = recall(amounts, text, () => parseUnits(text.replaceAll('"', '')));
    return typeof parsed === 'string' ? builtinError(ctx, `units.parse: ${parsed}`) : parsed.value;
  },
  'units.parse_bytes': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const parsed = recall(bytes, text, () => parseBytes(text.toLowerCase().replaceAll('"', '')));
    return typeof parsed === 'string' ? builtinError(ctx, `units.parse_bytes: ${parsed}`) : parsed.value;
  },
};

/** How many parsed amounts a process keeps of either kind (twice as many for a short time): the same ones come again and again. */
export const UNITS_CACHE_SIZE = 1_000;

/** Longer texts are not kept. */
const MAX_KEPT_LENGTH = 32;

const amounts = new BoundedCache<string, Parsed | string>(UNITS_CACHE_SIZE);
const bytes = new BoundedCache<string, Parsed | string>(UNITS_CACHE_SIZE);

function recall(
  cache: BoundedCache<string, Parsed | string>,
  text: string,
  parse: () => Parsed | string,
): Parsed | string {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const parsed = parse();
  if (text.length <= MAX_KEPT_LENGTH) cache.set(text, parsed);
  return parsed;
}

const DECIMAL_POWERS = ['k', 'm', 'g', 't', 'p', 'e'];

/** Factors of the prefixes, by their lower-case names. */
const FACTORS: ReadonlyMap<string, bigint> = new Map(
  DECIMAL_POWERS.flatMap((letter, index): [string, bigint][] => [
    [letter, 1000n ** BigInt(index + 1)],
    [`${letter}i`, 1024n ** BigInt(index + 1)],
  ]),
);

const EXPONENT_DIGITS = 6;

interface Parsed {
  readonly value: Value;
}

function parseUnits(text: string): Parsed | string {
  if (text.includes(' ')) return 'spaces not allowed in resource strings';
  const split = splitAmount(text);
  if (split === undefined) return 'exponent too large';
  const [amount, rawUnit] = split;
  if (amount === '') return 'no amount provided';
  const unit = rawUnit.slice(0, 1) + rawUnit.slice(1).toLowerCase();
  const isMilli = unit === 'm';
  const factor = unit === '' ? 1n : FACTORS.get(unit.toLowerCase());
  if (factor === undefined) return `unit ${unit} not recognized`;
  const decimal = parseAmount(amount);
  if (decimal === undefined) return 'could not parse amount to a number';
  // OPA's milli is the double nearest to 0.001, exactly.
  const numerator = decimal.digits * (isMilli ? MILLI_NUMERATOR : factor);
  return { value: formatRational(numerator, decimal.exponent, isMilli ? MILLI_DENOMINATOR : 1n) };
}

const MILLI_NUMERATOR = 1_152_921_504_606_847n;
const MILLI_DENOMINATOR = 1_152_921_504_606_846_976n;

/** numerator * 10^exponent / denominator: in full if it is an integer, else with ten decimals, half away from zero. */
function formatRational(numerator: bigint, exponent: number, denominator: bigint): Value {
  let top = numerator;
  let bottom = denominator;
  if (exponent >= 0) top *= 10n ** BigInt(exponent);
  else bottom *= 10n ** BigInt(-exponent);
  if (top % bottom === 0n) return numberFromBigInt(top / bottom);
  const magnitude = (top < 0n ? -top : top) * 10_000_000_000n;
  const scaled = (magnitude * 2n + bottom) / (bottom * 2n);
  const digits = String(scaled).padStart(11, '0');
  const text = `${digits.slice(0, -10)}.${digits.slice(-10)}`;
  return numberFromText(top < 0n ? `-${text}` : text);
}

function parseBytes(text: string): Parsed | string {
  if (text.includes(' ')) return 'spaces not allowed in resource strings';
  const split = splitAmount(text);
  if (split === undefined) return 'exponent too large';
  const [amount, unit] = split;
  if (amount === '') return 'no byte amount provided';
  const factor = unit === '' ? 1n : FACTORS.get(unit.endsWith('b') ? unit.slice(0, -1) : unit);
  if (factor === undefined) return `byte unit ${unit} not recognized`;
  const decimal = parseAmount(amount);
  if (decimal === undefined) return 'could not parse byte amount to a number';
  const product = multiplyBigFloats(
    toBigFloat(numberFromText(amountText(amount))),
    toBigFloat(numberFromBigInt(factor)),
  );
  return { value: numberFromBigInt(truncateToBigInt(fromBigFloat(product))) };
}

/** Divides `1e3kb` into `1e3` and `kb`; undefined for an exponent of too many digits. */
function splitAmount(text: string): readonly [string, string] | undefined {
  let index = 0;
  for (; index < text.length; index++) {
    const char = text.charAt(index);
    if (/[\d.+-]/.test(char)) continue;
    if (char !== 'e' && char !== 'E') break;
    if (!/[\d+-]/.test(text.charAt(index + 1))) break;
    if (/[+-]/.test(text.charAt(index + 1))) index++;
    const digits = /^\d*/.exec(text.slice(index + 1))?.[0].length ?? 0;
    if (digits > EXPONENT_DIGITS) return undefined;
  }
  return [text.slice(0, index), text.slice(index)];
}

function parseAmount(text: string): Decimal | undefined {
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return undefined;
  return parseDecimal(amountText(text));
}

/** The amount as a JSON number: `.5` and `5.` get their zeros. */
function amountText(text: string): string {
  return text
    .replace(/^\+/, '')
    .replace(/^(-?)\./, '$10.')
    .replace(/\.(?!\d)/, '');
}
