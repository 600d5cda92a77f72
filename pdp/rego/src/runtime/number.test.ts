import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import * as numbers from './number.ts';
import { divideBigFloats } from './big-float.ts';
import {
  divide,
  fromBigFloat,
  numberFromText,
  numberText,
  RegoNumber,
  roundNumber,
  toBigFloat,
  type RegoNumeric,
} from './number.ts';

const calculate = (
  operation: 'add' | 'subtract' | 'multiply' | 'divide' | 'remainder',
  a: string,
  b: string,
): string => {
  const result = numbers[operation](numberFromText(a), numberFromText(b));
  return typeof result === 'string' ? result : numberText(result);
};

describe('arithmetic gives the texts of OPA', () => {
  test.each([
    ['add', '0.1', '0.2', '0.3'],
    ['add', '1.0', '1', '2'],
    ['add', '1e21', '1', '1000000000000000000001'],
    ['add', '9007199254740993', '1', '9007199254740994'],
    ['add', '1234567', '0.5', '1.2345675e+06'],
    ['subtract', '0.3', '0.1', '0.20000000000000000002'],
    ['subtract', '0.00001', '0.000001', '9e-06'],
    ['multiply', '123456789012345678901234567890', '10', '1234567890123456789012345678900'],
    ['multiply', '-3', '0', '0'],
    ['divide', '1', '3', '0.33333333333333333334'],
    ['divide', '10', '4', '2.5'],
    ['divide', '6', '3', '2'],
    ['divide', '0', '-5', '-0'],
    ['divide', '1', '0.001', '1000.00000000000000006'],
    ['divide', '1', '0', 'divide by zero'],
    ['divide', '1', '0.0', 'divide by zero'],
    ['remainder', '-7', '3', '-1'],
    ['remainder', '10', '18446744073709551616', '10'],
    ['remainder', '1.5', '1', 'modulo on floating-point number'],
    ['remainder', '1', '0', 'modulo by zero'],
  ] as const)('%s of %s and %s is %s', (operation, a, b, expected) => {
    expect(calculate(operation, a, b)).toBe(expected);
  });

  test('a product beyond the size limit is an error', () => {
    let value: numbers.RegoNumeric = numberFromText(`1${'0'.repeat(30_000)}`);
    let last: numbers.RegoNumeric | numbers.ArithmeticError = value;
    for (let round = 0; round < 6 && typeof last !== 'string'; round++) {
      value = last;
      last = numbers.multiply(value, value);
    }
    expect(last).toBe('number too big');
  });
});

describe('rounding', () => {
  test.each([
    ['2.5', '3', '3', '2'],
    ['-2.5', '-3', '-2', '-3'],
    ['0.4', '0', '1', '0'],
    ['1e30', '1000000000000000000024696061952', '1000000000000000000024696061952', '1000000000000000000024696061952'],
  ])('%s rounds to %s, up to %s, down to %s', (text, round, ceil, floor) => {
    const modes = ['round', 'ceil', 'floor'] as const;
    expect(modes.map((mode) => numberText(numbers.roundNumber(numberFromText(text), mode)))).toEqual([
      round,
      ceil,
      floor,
    ]);
  });
});

describe('texts', () => {
  test.each(['0', '1', '-1', '1.5', '0.1', '123456789.125', '9007199254740991', '1e-7'])(
    '%s is a JS number',
    (text) => {
      expect(numberFromText(text)).toBe(Number(text));
      expect(numberText(numberFromText(text))).toBe(text);
    },
  );

  test.each(['1.0', '1e2', '-0', '9007199254740993', '0.12345678901234567', '1e+21', '1E5', '0.10'])(
    '%s keeps its text',
    (text) => {
      expect(numberFromText(text)).toBeInstanceOf(RegoNumber);
      expect(numberText(numberFromText(text))).toBe(text);
    },
  );

  test('JSON.stringify writes the text of a boxed number', () => {
    expect(JSON.stringify({ a: new RegoNumber('1.00') })).toBe('{"a":1.00}');
  });

  test.each([
    ['1e30102', false],
    ['1e40000', true],
    ['1e-40000', true],
    ['0e99999', false],
    ['1e2147483648', true],
  ])('%s being beyond the exponents is %s', (text, expected) => {
    expect(numbers.isNumberTooBig(text)).toBe(expected);
  });
});

describe('comparison', () => {
  test.each([
    ['1', '1.0', 0],
    ['1e2', '100', 0],
    ['-0', '0', 0],
    ['9007199254740992', '9007199254740993', -1],
    ['0.1', '0.1000000000000000000001', 0],
    ['1e400', '1e399', 1],
    ['123456789012345678901234567890', '1.5', 1],
  ])('%s against %s', (a, b, expected) => {
    expect(Math.sign(numbers.compareNumbers(numberFromText(a), numberFromText(b)))).toBe(expected);
    expect(Math.sign(numbers.compareNumbers(numberFromText(b), numberFromText(a)))).toBe(0 - expected);
  });

  test('equal numbers have one key, and others differ', () => {
    const texts = ['1', '1.0', '1e0', '1.5', '15e-1', '1e30', `1${'0'.repeat(30)}`, '2'];
    const keys = texts.map((text) => numbers.numberKey(numberFromText(text)));
    expect(new Set(keys).size).toBe(4);
  });
});

test('sums of integers are exact at any size', () => {
  fc.assert(
    fc.property(fc.bigInt(), fc.bigInt(), (a, b) => {
      const sum = numbers.add(numbers.numberFromBigInt(a), numbers.numberFromBigInt(b));
      expect(numberText(sum)).toBe(String(a + b));
    }),
  );
});

test('adding 0.0 to a decimal of up to 15 digits gives the same number', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -999_999_999, max: 999_999_999 }),
      fc.integer({ min: 0, max: 6 }),
      (digits, places) => {
        const value = numberFromText(String(digits / 10 ** places));
        expect(numbers.compareNumbers(numbers.add(value, new RegoNumber('0.0')), value)).toBe(0);
      },
    ),
  );
});

test('quotients and roundings of doubles are those of floats of 64 bits', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.integer({ min: -2000, max: 2000 })),
      fc.oneof(
        fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 10, 16, 25, 40, 60, 100, 125, 1000, 1024, 3600, 1_000_000),
        fc.integer({ min: 1, max: 100_000 }),
      ),
      fc.boolean(),
      (a, divisor, isNegative) => {
        const b = isNegative ? -divisor : divisor;
        const quotient = divide(a, b);
        if (typeof quotient === 'string') throw new Error(quotient);
        const wanted = fromBigFloat(divideBigFloats(toBigFloat(a), toBigFloat(b)));
        // An integer may be written with an exponent there.
        if (!Number.isInteger(quotient)) expect(numberText(quotient)).toBe(numberText(wanted));
        for (const mode of ['round', 'ceil', 'floor'] as const) {
          expect(numberText(roundNumber(quotient, mode))).toBe(numberText(roundNumber(boxed(wanted), mode)));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

/** The number in the form whose rounding takes floats of 64 bits. */
const boxed = (value: RegoNumeric): RegoNumber => new RegoNumber(numberText(value));
