import { expect, test } from '@jest/globals';
import { RegoNumber } from '@edict/rego/values';
import fc from 'fast-check';
import { maxPorcDepth } from './limits.ts';
import { parsePorc, parsePorcList, toPorc } from './porc.ts';

const bytes = (...parts: readonly (string | number)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))));

test.each<[string, string | Uint8Array, unknown]>([
  ['an object', '{"a":[1,null,true]}', { a: [1, null, true] }],
  ['bytes', Buffer.from('{"ä":"€😀"}'), { ä: '€😀' }],
  ['the last of duplicate keys', '{"a":1,"b":2,"a":3}', { a: 3, b: 2 }],
  [
    'an escaped lone surrogate as U+FFFD',
    '{"a":"x\\ud83dy","b":"\\udE00\\uD83D"}',
    { a: 'x\ufffdy', b: '\ufffd\ufffd' },
  ],
  ['an escaped pair as its character', '{"a":"\\ud83d\\ude00"}', { a: '😀' }],
  ['an escaped backslash before u', '{"a":"\\\\ud83d"}', { a: '\\ud83d' }],
  ['a lone surrogate in a string', '{"a":"\ud83d"}', { a: '\ufffd' }],
  ['the last of keys that are equal after replacement', '{"\\ud800":1,"\\udfff":2}', { '\ufffd': 2 }],
  [
    'one U+FFFD for each byte that is no UTF-8',
    bytes('{"a":"', 0xe2, 0x82, 0xff, 'x', 0xc3, '"}'),
    { a: '\ufffd\ufffd\ufffdx\ufffd' },
  ],
  ['surrogates in UTF-8 as three U+FFFD', bytes('{"a":"', 0xed, 0xa0, 0xbd, '"}'), { a: '\ufffd\ufffd\ufffd' }],
  ['whole floats as integers', '{"a":1.0,"b":1e2}', { a: 1, b: 100 }],
  ['space around', ' \n\t{}\r\n', {}],
])('reads %s', (_name, input, expected) => {
  expect(parsePorc(input)).toEqual({ ok: true, porc: expected });
});

test.each<[string, string | Uint8Array, unknown]>([
  ['nothing', '', 'PORC is empty'],
  ['null', 'null', 'PORC must be an object'],
  ['an array', '[]', 'PORC must be an object'],
  ['a text', '"x"', 'PORC must be an object'],
  [
    'broken JSON, with its place',
    '{"a":1,\n "b":]}',
    "PORC is not valid JSON: invalid character ']' looking for beginning of value at line 2, column 6",
  ],
  [
    'text behind the object',
    '{} x',
    "PORC is not valid JSON: invalid character 'x' after top-level value at line 1, column 4",
  ],
  ['a byte order mark', '\ufeff{}', expect.stringMatching(/^PORC is not valid JSON: .* at line 1, column 1$/)],
  ['a number beyond float64', '{"a":[1,-1e309]}', 'PORC holds a number that no float64 can hold'],
  ['400 digits', `{"a":${'9'.repeat(400)}}`, 'PORC holds a number that no float64 can hold'],
  ['10001 levels', nested(10_001), 'PORC nests deeper than 10000 levels'],
])('refuses %s', (_name, input, message) => {
  expect(parsePorc(input)).toEqual({ ok: false, message });
});

function nested(levels: number): string {
  return `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
}

test('takes 10000 levels', () => {
  expect(parsePorc(nested(10_000)).ok).toBe(true);
});

test('does not count brackets in texts as levels', () => {
  expect(parsePorc(`{"a":"${'['.repeat(20_000)}\\"${'['.repeat(20_000)}"}`).ok).toBe(true);
});

test.each<[string, string, unknown]>([
  ['what follows', '{"a":{"b":"}"}} trailing', { a: { b: '}' } }],
  ['a second object', '{"a":1}{"a":2}', { a: 1 }],
  ['nothing if nothing follows', '{"a":1}', { a: 1 }],
])('ignores %s when told to', (_name, text, expected) => {
  expect(parsePorc(text, { trailing: 'ignore' })).toEqual({ ok: true, porc: expected });
});

test('still refuses broken JSON when told to ignore what follows', () => {
  expect(parsePorc('{"a":} {}', { trailing: 'ignore' }).ok).toBe(false);
  expect(parsePorc('] {}', { trailing: 'ignore' }).ok).toBe(false);
  expect(parsePorc('', { trailing: 'ignore' })).toEqual({ ok: false, message: 'PORC is empty' });
});

test('numbers that a plain number would not keep become exact ones', () => {
  const parsed = parsePorc('{"__proto__":9007199254740993,"b":[1e21,0.30000000000000004],"c":12}');
  expect(parsed.ok && JSON.stringify(parsed.porc)).toBe(
    '{"__proto__":9007199254740992,"b":[1e+21,0.30000000000000004],"c":12}',
  );
  expect(parsed.ok && parsed.porc['__proto__']).toBeInstanceOf(RegoNumber);
  expect(parsed.ok && parsed.porc['c']).toBe(12);
});

test('hostile keys are own members', () => {
  const parsed = parsePorc('{"__proto__":{"operation":"x"},"constructor":1}');
  expect(parsed.ok && Object.keys(parsed.porc)).toEqual(['__proto__', 'constructor']);
  expect(parsed.ok && parsed.porc['operation']).toBeUndefined();
});

test('agrees with JSON.parse on every JSON object', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const text = JSON.stringify(value);
      const parsed = parsePorc(text);
      expect(parsed.ok && JSON.stringify(parsed.porc)).toBe(JSON.stringify(JSON.parse(text)));
    }),
  );
});

test('never throws on any text or bytes', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.uint8Array()),
      fc.constantFrom('reject' as const, 'ignore' as const),
      (input, trailing) => {
        expect(typeof parsePorc(input, { trailing }).ok).toBe('boolean');
      },
    ),
  );
});

test('takes plain objects as they are', () => {
  const value = { principal: { sub: 'ada', n: 1.5 }, list: [null, true] };
  const result = toPorc(value);
  expect(result.ok && result.porc).toBe(value);
});

test.each<[string, unknown, unknown]>([
  ['dates become texts', { a: new Date(0) }, { a: '1970-01-01T00:00:00.000Z' }],
  ['undefined members vanish', { a: undefined, b: 1 }, { b: 1 }],
  [
    'class instances become their members',
    new (class {
      a = 1;
    })(),
    { a: 1 },
  ],
  ['objects without prototype are taken', Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
])('%s', (_name, value, expected) => {
  expect(toPorc(value)).toEqual({ ok: true, porc: expected });
});

const circle: Record<string, unknown> = {};
circle['left'] = circle;
circle['right'] = circle;

test.each<[string, unknown]>([
  ['null', null],
  ['undefined', undefined],
  ['an array', []],
  ['a number', 1],
  ['NaN inside', { a: NaN }],
  ['a bigint inside', { a: 1n }],
  ['a circle', circle],
  [
    'a getter that throws',
    {
      get a(): never {
        throw new Error('no');
      },
    },
  ],
])('refuses %s as an object', (_name, value) => {
  expect(toPorc(value)).toEqual({ ok: false, message: expect.stringMatching(/^PORC /) });
});

test.each<[string, string | Uint8Array, unknown]>([
  ['a list', '[{"a":1},{}]', [{ a: 1 }, {}]],
  ['bytes', Buffer.from('[{"ä":1}]'), [{ ä: 1 }]],
  ['the member porcs of an object', '{"porcs":[{"a":1}],"more":true}', [{ a: 1 }]],
  ['an empty list', '[]', []],
  ['items of any type, which are looked at later', '[1,null,[]]', [1, null, []]],
  ['numbers that no double holds, each exactly', '[{"a":1e2},9007199254740993]', [{ a: 100 }, 9007199254740992]],
])('a batch is %s', (_name, text, porcs) => {
  const read = parsePorcList(text);
  expect(JSON.parse(JSON.stringify(read))).toEqual({ ok: true, porcs: JSON.parse(JSON.stringify(porcs)) as unknown });
});

test('numbers in a batch are read as those of one PORC', () => {
  const text = '{"a":1e2,"b":[12345678901234567890]}';
  const list = parsePorcList(`[${text}]`);
  const one = parsePorc(text);
  expect(list.ok && list.porcs[0]).toStrictEqual(one.ok && one.porc);
});

test.each([
  ['an object without porcs', '{"a":[]}', 'a batch is a list'],
  ['porcs that are inherited, not its own', '{"__proto__":{"porcs":[]}}', 'a batch is a list'],
  ['a text', '"x"', 'a batch is a list'],
  ['nothing', '', 'empty'],
  ['a list that goes on', '[{}] x', 'not valid JSON'],
  ['a number beyond doubles', '[{"a":1e400}]', 'float64'],
  ['nesting without end', `${'['.repeat(maxPorcDepth + 1)}${']'.repeat(maxPorcDepth + 1)}`, 'deeper'],
])('a batch is not %s', (_name, text, message) => {
  expect(parsePorcList(text)).toEqual({ ok: false, message: expect.stringContaining(message) as unknown });
});
