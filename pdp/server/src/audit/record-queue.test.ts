import { expect, test } from '@jest/globals';
import { RecordQueue } from './record-queue.ts';

const LIMITS = { maxBytes: 20, maxRecords: 10 };
const ALL = { maxBytes: Infinity, maxRecords: Infinity };

test('bytes are those of UTF-8, a line feed with each record', () => {
  const queue = new RecordQueue(LIMITS);
  queue.push('abc', 1);
  expect(queue.bytes).toBe(4);
  queue.push('Ωé😀', 2);
  expect([queue.bytes, queue.waitingBytes, queue.hasRoom]).toStrictEqual([13, 13, true]);
  queue.push('123456', 3);
  expect([queue.bytes, queue.hasRoom]).toStrictEqual([20, false]);
});

test('what is taken counts until it is released', () => {
  const queue = new RecordQueue(LIMITS);
  for (const text of ['aé', 'bb', 'cc']) queue.push(text, 1);
  expect(queue.take({ maxBytes: 8, maxRecords: 10 })?.texts).toStrictEqual(['aé', 'bb']);
  expect([queue.waiting, queue.waitingBytes, queue.records, queue.bytes]).toStrictEqual([1, 3, 3, 10]);
  queue.release();
  expect([queue.records, queue.bytes]).toStrictEqual([1, 3]);
  expect(queue.take(ALL)?.texts).toStrictEqual(['cc']);
  queue.release();
  expect([queue.records, queue.bytes, queue.take(ALL)]).toStrictEqual([0, 0, undefined]);
});

test('a batch is as large as it may be, and one record that is larger goes alone', () => {
  const queue = new RecordQueue(LIMITS);
  for (const text of ['é'.repeat(10), 'a', 'b', 'c']) queue.push(text, 1);
  expect(queue.take({ maxBytes: 4, maxRecords: 10 })?.texts).toHaveLength(1);
  expect(queue.take({ maxBytes: 4, maxRecords: 10 })?.texts).toStrictEqual(['a', 'b']);
  expect(queue.take({ maxBytes: 4, maxRecords: 10 })?.texts).toStrictEqual(['c']);
});

test('sizes stay with their records when those that are gone are let go of', () => {
  const queue = new RecordQueue({ maxBytes: Infinity, maxRecords: Infinity });
  for (let index = 0; index < 4_000; index++) queue.push('x'.repeat(index % 7), index);
  let taken = 0;
  for (let batch = queue.take({ maxBytes: 50, maxRecords: 9 }); batch !== undefined;) {
    for (const text of batch.texts) expect(text).toHaveLength(taken++ % 7);
    queue.release();
    batch = queue.take({ maxBytes: 50, maxRecords: 9 });
  }
  expect([taken, queue.bytes]).toStrictEqual([4_000, 0]);
});
