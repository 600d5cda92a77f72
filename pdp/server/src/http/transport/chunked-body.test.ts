import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ChunkedBody } from './chunked-body.ts';

/** Feeds the pieces one after the other; the content, and what was left over or wrong. */
function read(pieces: readonly string[]) {
  let content = '';
  const body = new ChunkedBody((data) => (content += data.toString('latin1')));
  for (const [index, piece] of pieces.entries()) {
    const bytes = Buffer.from(piece, 'latin1');
    const progress = body.take(bytes);
    if (progress.kind === 'malformed') return { content, end: progress.problem };
    if (progress.kind === 'done') {
      return { content, end: 'done', rest: piece.slice(progress.used) + pieces.slice(index + 1).join('') };
    }
    expect(progress.used).toBe(bytes.length);
  }
  return { content, end: 'more' };
}

test('chunks are joined, extensions and trailers dropped, and what follows is left', () => {
  const text = '3\r\nabc\r\nA;x="1"\r\n0123456789\r\n0\r\nx-trailer: 1\r\n\r\nGET /';
  expect(read([text])).toStrictEqual({ content: 'abc0123456789', end: 'done', rest: 'GET /' });
});

test('it does not matter in what pieces a body arrives', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 40 })),
      fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
      (chunks, sizes) => {
        const text = [...chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`), '0\r\n\r\nrest'].join(
          '',
        );
        const pieces: string[] = [];
        for (let at = 0; at < text.length;) {
          const size = Number(sizes.next().value);
          pieces.push(text.slice(at, at + size));
          at += size;
        }
        expect(read(pieces)).toStrictEqual({ content: chunks.join(''), end: 'done', rest: 'rest' });
      },
    ),
  );
});

test.each([
  ['no size', '\r\n'],
  ['a size that is no number', 'g\r\n'],
  ['a negative size', '-1\r\n'],
  ['a size with a prefix', '0x3\r\nabc\r\n'],
  ['a size beyond all bounds', `${'f'.repeat(13)}\r\n`],
  ['a bare line feed after the size', '3\nabc\r\n'],
  ['a bare line feed after the chunk', '3\r\nabc\n0\r\n\r\n'],
  ['a chunk that is longer than it says', '3\r\nabcd\r\n'],
  ['a trailer that is no header', '0\r\nnothing\r\n\r\n'],
  ['a folded trailer', '0\r\na: b\r\n c\r\n\r\n'],
  ['a line without an end', `3;${'x'.repeat(300)}`],
])('%s is refused', (_name, text) => {
  const { end } = read([text]);
  expect(['done', 'more']).not.toContain(end);
});

test('lines between chunks may have so many bytes together: a body of the smallest chunks ends there', () => {
  const { content, end } = read(Array.from({ length: 20_000 }, () => '1\r\nx\r\n'));
  expect(end).toBe('the lines between the chunks are too long');
  expect(content.length).toBeGreaterThan(10_000);
});
