import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EventStreamParser, STREAM_BUFFER_MAX } from './event-stream.ts';

test.each([
  ['a message', 'id: 7\nevent: set\ndata: {}\n\n', [{ id: '7', event: 'set', data: '{}' }]],
  ['a message without a name', 'data: x\n\n', [{ id: '', event: 'message', data: 'x' }]],
  ['several lines of data', 'data: a\ndata: b\n\n', [{ id: '', event: 'message', data: 'a\nb' }]],
  ['a sign of life is no message', ': still here\n\n', []],
  ['what has not ended is no message yet', 'data: x\n', []],
  ['lines may end as on Windows', 'data: x\r\n\r\n', [{ id: '', event: 'message', data: 'x' }]],
  ['only the first space belongs to the format', 'data:  x\n\n', [{ id: '', event: 'message', data: ' x' }]],
  [
    'an id holds until there is another',
    'id: 1\ndata: a\n\ndata: b\n\n',
    [
      { id: '1', event: 'message', data: 'a' },
      { id: '1', event: 'message', data: 'b' },
    ],
  ],
  ['an unknown field is passed over', 'colour: red\ndata: x\n\n', [{ id: '', event: 'message', data: 'x' }]],
])('%s', (_, text, messages) => {
  expect(new EventStreamParser().push(text)).toStrictEqual(messages);
});

test('an id alone is no message, but a place to resume at, once its block has ended', () => {
  const parser = new EventStreamParser();
  expect(parser.push('data: a\n\nid: 5\n')).toHaveLength(1);
  expect(parser.lastEventId).toBe('');
  expect(parser.push('\n')).toStrictEqual([]);
  expect(parser.lastEventId).toBe('5');
});

test('how the text arrives does not matter', () => {
  const text = 'id: 1\r\nevent: hello\r\ndata: {"a":1}\r\n\r\n: \n\nid: 2\nevent: set\ndata: x\ndata: y\n\n';
  const whole = new EventStreamParser().push(text);
  expect(whole).toHaveLength(2);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 12 }), (cuts) => {
      const parser = new EventStreamParser();
      const ends = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      const pieces = ends.slice(1).flatMap((end, index) => parser.push(text.slice(ends[index], end)));
      expect(pieces).toStrictEqual(whole);
    }),
  );
});

test.each([
  ['one line without an end', ['x'.repeat(STREAM_BUFFER_MAX + 1)]],
  ['many lines of one message', Array.from({ length: 1002 }, () => `data: ${'x'.repeat(1000)}\n`)],
])('%s is not kept for ever', (_, pieces) => {
  const parser = new EventStreamParser();
  expect(() => pieces.forEach((piece) => parser.push(piece))).toThrow('too long');
});
