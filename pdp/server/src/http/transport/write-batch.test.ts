import { expect, test } from '@jest/globals';
import { MAX_BATCH_DELAY_MS, WriteBatch } from './write-batch.ts';

/** A batch whose turns end when the test says so. */
function batchWithTurns() {
  let nowMs = 0;
  let ends: (() => void)[] = [];
  const written: string[] = [];
  const batch = new WriteBatch(
    () => nowMs,
    (task) => ends.push(task),
  );
  return {
    written,
    add: (name: string) => batch.add({ writeNow: () => written.push(name) }),
    pass: (ms: number) => (nowMs += ms),
    scheduled: () => ends.length,
    endTurn: () => {
      const now = ends;
      ends = [];
      for (const end of now) end();
    },
    batch,
  };
}

test('writers of one turn write at its end, in their order, and each once', () => {
  const { add, endTurn, scheduled, written } = batchWithTurns();
  add('a');
  add('b');
  expect(written).toEqual([]);
  expect(scheduled()).toBe(1);
  endTurn();
  expect(written).toEqual(['a', 'b']);
  endTurn();
  expect(written).toEqual(['a', 'b']);
});

test('the next turn is a batch of its own', () => {
  const { add, endTurn, pass, written } = batchWithTurns();
  add('a');
  endTurn();
  pass(MAX_BATCH_DELAY_MS);
  add('b');
  expect(written).toEqual(['a']);
  endTurn();
  expect(written).toEqual(['a', 'b']);
});

test('a turn that takes long does not keep its first answers: they go out when the next is ready', () => {
  const { add, endTurn, pass, written } = batchWithTurns();
  add('a');
  pass(MAX_BATCH_DELAY_MS / 2);
  add('b');
  expect(written).toEqual([]);
  pass(MAX_BATCH_DELAY_MS / 2);
  add('c');
  expect(written).toEqual(['a', 'b', 'c']);
  add('d');
  expect(written).toEqual(['a', 'b', 'c']);
  endTurn();
  expect(written).toEqual(['a', 'b', 'c', 'd']);
});

test('what is added by a writer goes out with the next batch', () => {
  const { batch, endTurn, written } = batchWithTurns();
  batch.add({
    writeNow: () => {
      written.push('a');
      batch.add({ writeNow: () => written.push('b') });
    },
  });
  endTurn();
  expect(written).toEqual(['a']);
  endTurn();
  expect(written).toEqual(['a', 'b']);
});
