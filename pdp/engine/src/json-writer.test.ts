import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { JsonWriter, jsonString } from './json-writer.ts';

function written(write: (writer: JsonWriter) => void, writer = new JsonWriter()): string {
  writer.reset();
  write(writer);
  return writer.text();
}

test('integers are written as JavaScript writes them', () => {
  const write = (value: number) => written((writer) => writer.integer(value));
  for (let digits = 1; digits <= 15; digits++) {
    for (const value of [10 ** digits - 1, 10 ** digits, 2 ** 31 - 1, 2 ** 31])
      expect(write(value)).toBe(String(value));
  }
  fc.assert(fc.property(fc.maxSafeNat(), (value) => expect(write(value)).toBe(String(value))));
});

test('strings are the same alone and among others, whatever they hold', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), (texts) => {
      const together = written((writer) => {
        for (const text of texts) writer.string(text);
      });
      expect(together).toBe(texts.map(jsonString).join(''));
    }),
  );
});

test.each([
  ['ASCII', 'x'],
  ['what is escaped', '<'],
  ['other letters', 'ß'],
  ['pairs of surrogates', '😀'],
])('texts longer than the room there was are whole: %s', (_what, unit) => {
  for (const length of [4_090, 4_096, 70_000, 300_000]) {
    const text = unit.repeat(length);
    const whole = written((writer) => {
      writer.raw('[');
      writer.string(text);
      writer.raw(']');
    });
    expect(whole === `[${jsonString(text)}]`).toBe(true);
  }
});

test('a writer begins anew, also after a text that needed much room, or was not ASCII', () => {
  const writer = new JsonWriter();
  expect(written((one) => one.string('ß'.repeat(100_000)), writer)).toHaveLength(100_002);
  expect(written((one) => one.string('a'), writer)).toBe('"a"');
});

test('pieces are copied as they were written, and stay when their writer goes on', () => {
  const writer = new JsonWriter();
  const pieces = ['plain', 'größe', ''].map((text) => {
    writer.reset();
    writer.string(text);
    return writer.piece();
  });
  const copied = written((other) => {
    for (const piece of pieces) other.copy(piece);
  });
  expect(copied).toBe('"plain""größe"""');
});
