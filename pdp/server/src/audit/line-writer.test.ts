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
    retryMs: 1,
    onDropped: () => dropped++,
    onError: (error) => errors.push(error.message),
  });
  return { writer, written, ends, errors, dropped: () => dropped };
}
/** Waits for the n-th write to begin. */
async function begun(written: readonly string[], n: number): Promise<void> {
  while (written.length < n) await new Promise((resolve) => setTimeout(resolve, 1));
}

test('lines that come one after the other, or while a write is under way, go out together', async () => {
  const { writer, written, ends } = stalled();
  writer.offer('a');
  writer.offer('b');
  await begun(written, 1);
  writer.offer('c');
  writer.offer('d');
  const drained = writer.drained(10_000);
  expect(written).toStrictEqual(['a\nb\n']);
  ends[0]?.(null);
  expect(written).toStrictEqual(['a\nb\n', 'c\nd\n']);
  ends[1]?.(null);
  expect(await drained).toBe(true);
  expect(writer.bufferedBytes).toBe(0);
});

test('a reader that stalls fills the buffer; then lines are dropped and counted, and the caller goes on', async () => {
  const { writer, written, dropped, ends } = stalled();
  expect(writer.offer('0123456789')).toBe(true);
  await begun(written, 1);
  expect(writer.hasRoom).toBe(false);
  expect(writer.offer('x')).toBe(false);
  expect(dropped()).toBe(1);
  ends[0]?.(null);
  expect(writer.offer('y')).toBe(true);
});

test('lines whose write failed are kept and written again, on a line of their own', async () => {
  const { writer, written, ends, errors, dropped } = stalled();
  writer.offer('a');
  writer.offer('b');
  await begun(written, 1);
  ends[0]?.(new Error('ENOSPC'));
  writer.offer('c');
  await begun(written, 2);
  ends[1]?.(new Error('ENOSPC'));
  await begun(written, 3);
  ends[2]?.(null);
  await begun(written, 4);
  expect(written).toStrictEqual(['a\nb\n', '\na\nb\n', '\na\nb\n', 'c\n']);
  expect([errors, dropped()]).toStrictEqual([['ENOSPC'], 0]);
  ends[3]?.(new Error('EIO'));
  expect(errors).toStrictEqual(['ENOSPC', 'EIO']);
});

test('while writes fail the buffer fills, and then nothing more is taken', async () => {
  const { writer, written, ends, dropped } = stalled();
  writer.offer('0123');
  await begun(written, 1);
  ends[0]?.(new Error('ENOSPC'));
  expect([writer.offer('4567'), writer.hasRoom, writer.offer('x')]).toStrictEqual([true, false, false]);
  expect(dropped()).toBe(1);
});

test('waiting for a reader that stalls has an end', async () => {
  const { writer } = stalled();
  expect(await writer.drained(0)).toBe(true);
  writer.offer('a');
  expect(await writer.drained(1)).toBe(false);
});
