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

function exactDigits(value: number): Digits {
  if (value === 0) return { digits: '0', point: 1 };
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const raw = view.getBigUint64(0);
  const biased = Number((raw >> 52n) & 0x7ffn);
  const fraction = raw & 0xfffffffffffffn;
  const mantissa = biased === 0 ? fraction : fraction | (1n << 52n);
  const exponent = (biased === 0 ? 1 : biased) - 1075;
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
