import { expect, test } from '@jest/globals';
import { LineWriter } from './line-writer.ts';

/** A writer whose writes end only when told. */
function stalled() {
  const written: string[] = [];
  const ends: ((error: Error | null) => void)[] = [];
  let dropped = 0;
  const errors: string[] = [];
  const writer = new LineWriter({
    write: (bytes, done) => {
      written.push(bytes.toString());
      ends.push(done);
    },
    maxBufferedBytes: 10,
    onDropped: () => dropped++,
    onError: (error) => errors.push(error.message),
  });
  return { writer, written, ends, errors, dropped: () => dropped };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('lines that come while a write is under way go out together in the next', async () => {
  const { writer, written, ends } = stalled();
  writer.offer('a');
  await turn();
  writer.offer('b');
  writer.offer('c');
  expect(written).toStrictEqual(['a\n']);
  ends[0]?.(null);
  expect(written).toStrictEqual(['a\n', 'b\nc\n']);
  const drained = writer.drained();
  ends[1]?.(null);
  await drained;
  expect(writer.bufferedBytes).toBe(0);
});

test('a reader that stalls fills the buffer; then lines are dropped and counted, and the caller goes on', async () => {
  const { writer, dropped, ends } = stalled();
  expect(writer.offer('0123456789')).toBe(true);
  await turn();
  expect(writer.hasRoom).toBe(false);
  expect(writer.offer('x')).toBe(false);
  expect(dropped()).toBe(1);
  ends[0]?.(null);
  expect(writer.offer('y')).toBe(true);
});

test('a failed write counts its lines as lost and the next line is tried', async () => {
  const { writer, written, ends, errors, dropped } = stalled();
  writer.offer('a');
  writer.offer('b');
  await turn();
  ends[0]?.(new Error('EPIPE'));
  expect([errors, dropped()]).toStrictEqual([['EPIPE'], 2]);
  writer.offer('c');
  await turn();
  expect(written).toStrictEqual(['a\nb\n', 'c\n']);
});
