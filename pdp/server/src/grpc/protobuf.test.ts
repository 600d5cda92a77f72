import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ProtobufReader, WIRE, WireError } from './protobuf-reader.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

test('what was written is read again', () => {
  const field = fc.oneof(
    fc.record({ kind: fc.constant('uint' as const), value: fc.nat(2 ** 31) }),
    fc.record({ kind: fc.constant('string' as const), value: fc.string({ unit: 'grapheme', maxLength: 600 }) }),
    fc.record({ kind: fc.constant('double' as const), value: fc.double({ noNaN: true }) }),
    fc.record({ kind: fc.constant('bool' as const), value: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(field, { maxLength: 40 }), fc.nat(20), (fields, reserved) => {
      const writer = new ProtobufWriter(reserved);
      writer.message(3, (inner) => {
        for (const { kind, value } of fields) {
          if (kind === 'uint') inner.uintAlways(1, value);
          else if (kind === 'string') inner.stringAlways(2, value);
          else if (kind === 'double') inner.double(4, value);
          else inner.boolAlways(5, value);
        }
      });
      const reader = new ProtobufReader(writer.finish(), reserved);
      expect(reader.tag()).toBe((3 << 3) | WIRE.bytes);
      const read = reader.message(() => {
        const found: unknown[] = [];
        while (reader.more) {
          const number = reader.tag() >>> 3;
          found.push(
            number === 1
              ? reader.uint32()
              : number === 2
                ? reader.string()
                : number === 4
                  ? reader.double()
                  : reader.bool(),
          );
        }
        return found;
      });
      expect(read).toStrictEqual(fields.map(({ value }) => (typeof value === 'string' ? value.toWellFormed() : value)));
      expect(reader.more).toBe(false);
    }),
  );
});

test('no bytes make the reader fail otherwise than by a WireError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const reader = new ProtobufReader(Buffer.from(bytes));
      try {
        while (reader.more) reader.skip(reader.tag());
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    }),
  );
});

test.each([
  ['a field with the number 0', [0x00, 0x01]],
  ['a number that ends too early', [0x08, 0x80]],
  ['a number of eleven bytes', [0x08, ...Array<number>(10).fill(0xff), 0x01]],
  ['a text that is longer than the message', [0x0a, 0x05, 0x61]],
  ['a length beyond 32 bits', [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
  ['a group that ends another', [0x0b, 0x14]],
  ['a group that does not end', [0x0b]],
  ['a wire type that there is none of', [0x0f]],
  ['a fixed number that ends too early', [0x0d, 1, 2, 3]],
])('%s is no message', (_, bytes) => {
  const reader = new ProtobufReader(Buffer.from(bytes));
  expect(() => reader.skip(reader.tag())).toThrow(WireError);
});

test('groups are passed over as a whole', () => {
  // Field 1 is a group that holds a group and a text; field 2 is the number 7.
  const reader = new ProtobufReader(Buffer.from([0x0b, 0x13, 0x14, 0x1a, 0x01, 0x61, 0x0c, 0x10, 0x07]));
  reader.skip(reader.tag());
  expect([reader.tag(), reader.uint32(), reader.more]).toStrictEqual([0x10, 7, false]);
});

test('numbers of 64 bits keep their sign', () => {
  const reader = new ProtobufReader(Buffer.from([0x08, ...Array<number>(9).fill(0xff), 0x01]));
  reader.tag();
  expect(reader.int64()).toBe(-1n);
});

/** A number as protobuf writes it, in as few bytes as it takes. */
function varint(value: bigint): readonly number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

test.each([
  [0n, 0, 0, 0n],
  [127n, 127, 127, 127n],
  [128n, 128, 128, 128n],
  [2n ** 31n, 2 ** 31, -(2 ** 31), 2n ** 31n],
  [2n ** 32n - 1n, 2 ** 32 - 1, -1, 2n ** 32n - 1n],
  [2n ** 32n + 5n, 5, 5, 2n ** 32n + 5n],
  [2n ** 49n - 1n, 2 ** 32 - 1, -1, 2n ** 49n - 1n],
  [2n ** 49n + 3n, 3, 3, 2n ** 49n + 3n],
  [2n ** 63n - 1n, 2 ** 32 - 1, -1, 2n ** 63n - 1n],
  [-1n, 2 ** 32 - 1, -1, -1n],
  [-(2n ** 63n), 0, 0, -(2n ** 63n)],
])('%d is read in each width', (value, unsigned, signed, long) => {
  const reader = (): ProtobufReader => new ProtobufReader(Buffer.from(varint(value)));
  expect([reader().uint32(), reader().int32(), BigInt(reader().int64()), reader().bool()]).toStrictEqual([
    unsigned,
    signed,
    long,
    value !== 0n,
  ]);
});

test('a number that needs more bytes than its message has is none, whatever lies behind it', () => {
  const bytes = Buffer.from([0xff, 0xff, 0x01]);
  for (const read of ['uint32', 'int32', 'int64', 'bool'] as const) {
    const reader = new ProtobufReader(bytes, 0, 2);
    expect(() => reader[read]()).toThrow(WireError);
  }
});

test.each(['', 'a', 'twelve chars', 'thirteen char', 'naïve', 'Ω', '\u0000', 'x'.repeat(5_000)])(
  'the text %j is read as it was written, among others',
  (text) => {
    const message = new ProtobufWriter().stringAlways(1, 'before').stringAlways(2, text).stringAlways(3, 'é').finish();
    const reader = new ProtobufReader(message);
    const texts: string[] = [];
    while (reader.more) {
      reader.tag();
      texts.push(reader.string());
    }
    expect(texts).toStrictEqual(['before', text, 'é']);
  },
);

test('a text that is no UTF-8 becomes U+FFFD, however short it is', () => {
  const reader = new ProtobufReader(Buffer.from([0x0a, 0x02, 0x61, 0xff]));
  reader.tag();
  expect(reader.string()).toBe('a\ufffd');
});
