import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FrameCutter, FrameError, frameOf } from './grpc-frames.ts';

test('messages come whole and in order however their bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (messages, sizes) => {
        const bytes = Buffer.concat(messages.map(frameOf));
        const cutter = new FrameCutter(40);
        const given: Buffer[] = [];
        for (let at = 0, piece = 0; at < bytes.length; piece++) {
          const end = at + (sizes[piece % sizes.length] ?? 1);
          given.push(...cutter.push(bytes.subarray(at, end)));
          at = end;
        }
        expect(given.map((message) => message.toString('hex'))).toEqual(
          messages.map((message) => Buffer.from(message).toString('hex')),
        );
      },
    ),
  );
});

test.each([
  ['a compressed message', Buffer.from([1, 0, 0, 0, 0]), 'compressed'],
  ['a message over the limit, before it has come', Buffer.from([0, 0, 0, 0, 9]), '9 bytes, more than 8'],
])('%s is refused', (_name, bytes, reason) => {
  const cutter = new FrameCutter(8);
  expect(() => cutter.push(bytes)).toThrow(FrameError);
  expect(() => new FrameCutter(8).push(bytes)).toThrow(reason);
});

test('a message of the limit is taken', () => {
  expect(new FrameCutter(8).push(frameOf(new Uint8Array(8)))).toEqual([Buffer.alloc(8)]);
});
