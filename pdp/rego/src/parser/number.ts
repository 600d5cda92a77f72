/** OPA's bound on the binary exponent of a number. */
export const MAX_BINARY_EXPONENT = 100_000;

const LOG2_10 = Math.log2(10);

/** Why a number in JSON's notation is refused, or undefined. Nothing bigger is ever computed to find out. */
export const numberProblem = (text: string): 'invalid float' | 'number too big' | undefined => {
  const match = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return 'invalid float';
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const leading = /[1-9]/.exec(digits)?.index;
  if (leading === undefined) return undefined;
  // value = 0.d1d2d3… × 10^scale with d1 ≠ 0
  const scale = Number(exponent) + whole.length - leading;
  const mantissa = Number(`0.${digits.slice(leading, leading + 17)}`);
  const binary = Math.floor(scale * LOG2_10 + Math.log2(mantissa)) + 1;
  return Math.abs(binary) > MAX_BINARY_EXPONENT ? 'number too big' : undefined;
};
