import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { frame, FrameReader } from './frames.ts';
import { FRAME_HEAD_BYTES } from './grpc-method.ts';

function framed(message: Uint8Array): Buffer {
  return frame(Buffer.concat([Buffer.alloc(FRAME_HEAD_BYTES), message]));
}

test('messages come out whole wherever the stream is cut', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 8 });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 })), (sent, cuts) => {
      const reader = new FrameReader(1_000);
      let stream = Buffer.concat(sent.map(framed));
      const received: Buffer[] = [];
      for (const cut of [...cuts, stream.length + 1]) {
        const result = reader.push(stream.subarray(0, cut));
        stream = stream.subarray(cut);
        if (!result.ok) throw new Error(result.failed.message);
        received.push(...result.messages);
      }
      expect(received.map((one) => [...one])).toStrictEqual(sent.map((one) => [...one]));
      expect(reader.finish()).toBeUndefined();
      expect(reader.heldBytes).toBe(0);
    }),
  );
});

test('a message beyond the bound is refused by its head', () => {
  const reader = new FrameReader(10);
  const result = reader.push(framed(Buffer.alloc(11)).subarray(0, FRAME_HEAD_BYTES));
  expect(result).toMatchObject({ ok: false, failed: { code: 'RESOURCE_EXHAUSTED' } });
});

test('a compressed message is refused', () => {
  const compressed = framed(Buffer.alloc(3));
  compressed[0] = 1;
  expect(new FrameReader(10).push(compressed)).toMatchObject({ ok: false, failed: { code: 'UNIMPLEMENTED' } });
});

test('what is left at the end is no message', () => {
  const reader = new FrameReader(10);
  reader.push(framed(Buffer.alloc(3)).subarray(0, 6));
  expect(reader.finish()).toMatchObject({ code: 'INVALID_ARGUMENT' });
});
