import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SCAN_CHUNK } from './json-scan.ts';
import { isValidJson, MAX_JSON_DEPTH, parseJson, parseJsonBytes, stringify, toJson } from './json.ts';
import { RegoNumber, RegoObject, RegoSet, type Value } from './value.ts';

const read = (text: string): Value => {
  const result = parseJson(text);
  return result.ok ? result.value : `error: ${result.problem.message}`;
};

describe('reading', () => {
  test.each([
    '{"a":[1,2.5,"x",null,true]}',
    '[1.0,1e2,-0,9007199254740993,0.10]',
    '"\\u00e9\\n"',
    '{"1.10":"2023-01-10T10:10:10.10Z"}',
  ])('%s comes back as it was', (text) => {
    expect(stringify(read(text))).toBe(text.replace('\\u00e9', 'é'));
  });

  test('JSON of plain values reads as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.parse(stringify(read(text)))).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each([
    ['', 'unexpected end of JSON input'],
    ['{"a"}', "invalid character '}' after object key"],
    ['[1 2]', "invalid character '2' after array element"],
    ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
    ['nul', 'unexpected end of JSON input'],
    ['trux', "invalid character 'x' in literal true (expecting 'e')"],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['[1.]', "invalid character ']' after decimal point in numeric literal"],
    ['-x', "invalid character 'x' in numeric literal"],
    ['[1] 2', "invalid character '2' after top-level value"],
    ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
    ['1e400000', 'invalid number: number too big'],
  ])('%j is refused as Go would', (text, message) => {
    expect(read(text)).toBe(`error: ${message}`);
  });

  test('nesting is bounded', () => {
    const deep = MAX_JSON_DEPTH + 1;
    expect(read(`${'['.repeat(deep + 1)}1.0${']'.repeat(deep + 1)}`)).toBe('error: exceeded max depth');
  });

  test('members named __proto__ are data', () => {
    const value = read('{"__proto__":{"x":1.0}}') as object;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  test('escaped lone surrogates become replacement characters', () => {
    expect(read('"\\ud800x"')).toBe('\ufffdx');
  });

  test('numbers that are too big are valid JSON', () => {
    expect(isValidJson('1e400000')).toBe(true);
    expect(isValidJson('[1,]')).toBe(false);
  });
});

describe('reading bytes', () => {
  const utf8 = new TextEncoder();
  const alphabet = [
    '0',
    '1',
    '9',
    '.',
    'e',
    'E',
    '-',
    '+',
    ',',
    ':',
    '[',
    ' ',
    '\n',
    '"',
    '\\',
    'u',
    'd',
    '8',
    'é',
    'x',
  ];

  const same = (text: string): void => {
    expect(parseJsonBytes(utf8.encode(text))).toEqual(parseJson(text));
    expect(parseJsonBytes(Buffer.from(text))).toEqual(parseJson(text));
  };

  test.each([
    '{"a":[1,2.5,"x",null,true]}',
    '[1.0,1e2,-0,9007199254740993,0.10,0.0000001,-1.50,12E3]',
    '-0',
    '1e5',
    '{"id":"6f9d-0","t":"10:00:00.10","u":"1234-5e6","v":"-0"}',
    '["\\ud800x","\\u00e9","\\\\ud800"]',
    '"é😀"',
    '[1,]',
    '',
  ])('%s gives what the text gives', same);

  test('any text gives what its bytes give', () => {
    const piece = fc.array(fc.constantFrom(...alphabet), { maxLength: 24 }).map((chars) => chars.join(''));
    fc.assert(fc.property(piece, same), { numRuns: 500 });
    fc.assert(
      fc.property(piece, (text) => {
        same(`["${text}"]`);
      }),
      { numRuns: 300 },
    );
  });

  test('any list of numbers gives what its bytes give', () => {
    const digits = fc
      .array(fc.constantFrom('0', '0', '1', '7'), { minLength: 1, maxLength: 18 })
      .map((d) => d.join(''));
    const number = fc
      .tuple(fc.boolean(), digits, fc.option(digits), fc.option(digits.filter(({ length }) => length < 3)))
      .map(([minus, integer, fraction, exponent]) => {
        const start = (minus ? '-' : '') + (integer.replace(/^0+/, '') || '0');
        return start + (fraction === null ? '' : `.${fraction}`) + (exponent === null ? '' : `e${exponent}`);
      });
    fc.assert(
      fc.property(fc.array(number, { minLength: 1 }), fc.constantFrom(',', ', ', ',\n'), (numbers, separator) => {
        same(`[${numbers.join(separator)}]`);
      }),
      { numRuns: 300 },
    );
  });

  test.each([SCAN_CHUNK - 17, SCAN_CHUNK - 2, SCAN_CHUNK - 1, SCAN_CHUNK, 3 * SCAN_CHUNK - 1])(
    'a number that starts %i bytes in is kept',
    (start) => {
      const read = parseJsonBytes(utf8.encode(`["${'x'.repeat(start - 4)}",1.50]`));
      expect(read).toMatchObject({ ok: true });
      expect(read.ok ? stringify((read.value as readonly Value[])[1]) : '').toBe('1.50');
    },
  );

  test('bytes that are no UTF-8 are refused', () => {
    expect(parseJsonBytes(Uint8Array.of(0x22, 0xff, 0x22))).toEqual({
      ok: false,
      problem: { message: 'invalid UTF-8', offset: 0 },
    });
  });
});

describe('writing', () => {
  test.each<[string, Value]>([
    ['sets', { a: new RegoSet([new RegoSet([2, new RegoNumber('1.0')]), 'x']) }],
    [
      'keys that are no strings',
      new RegoObject([
        ['__proto__', new RegoSet([1])],
        [new RegoSet([2, 1]), new RegoNumber('1e2')],
      ]),
    ],
  ])('JSON.stringify writes %s as stringify does, but for the order of keys', (_, value) => {
    expect(stringify(read(JSON.stringify(value)))).toBe(stringify(value));
  });

  test.each<[string, Value, string]>([
    [
      'keys in order of code points',
      { b: 1, a: 2, '\u{1f600}': 3, '\uffff': 4 },
      '{"a":2,"b":1,"\uffff":4,"\u{1f600}":3}',
    ],
    ['sets as sorted arrays', new RegoSet([2, 1]), '[1,2]'],
    [
      'keys that are no strings by their text',
      new RegoObject([
        [1, 2],
        [[1], 3],
        [null, 4],
      ]),
      '{"1":2,"[1]":3,"null":4}',
    ],
    ['numbers by their text', [new RegoNumber('1.0'), 1e-7], '[1.0,1e-7]'],
  ])('%s', (_name, value, text) => {
    expect(stringify(value)).toBe(text);
    expect(JSON.parse(JSON.stringify(toJson(value)))).toEqual(JSON.parse(text));
  });

  test('HTML characters are escaped on demand', () => {
    expect(stringify('<a>&\u2028', { escapeHtml: true })).toBe('"\\u003ca\\u003e\\u0026\\u2028"');
  });

  test('with indentation', () => {
    const text = stringify({ a: [1, {}], b: [] }, { indentation: { prefix: '>', indent: '  ' } });
    expect(text).toBe('{\n>  "a": [\n>    1,\n>    {}\n>  ],\n>  "b": []\n>}');
  });

  test('plain values are not copied', () => {
    const value = { a: [1, { b: 'c' }] };
    expect(toJson(value)).toBe(value);
  });
});
