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
