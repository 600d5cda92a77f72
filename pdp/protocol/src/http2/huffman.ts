import { Http2Error } from './protocol.ts';

/**
 * The lengths of HPACK's Huffman codes (RFC 7541, appendix B) of the bytes 0 to 255 and of the end of a string; `28x7` are seven
 * of 28 bits. The code is canonical: the lengths say all.
 */
const CODE_LENGTHS = [
  '13 23 28x7 24 30 28x2 30 28x8 30 28x9 6 10x2 12 13 6 8 11 10x2 8 11 8 6x3 5x3 6x7 7 8 15 6 12 10 13',
  '6 7x22 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6x3 5 7x2 6x3 5 6 7 6 5x2 6 7x5 15 11 14 13 28 20 22 20x2',
  '22x3 23 22 23x5 24 23 24x2 22 23 24 23x4 21 22 23 22 23x2 24 22 21 20 22x2 23x2 21 23 22x2 24 21 22',
  '23x2 21x2 22 21 23 22 23x2 20 22x3 23 22x2 23 26x2 20 19 22 23 22 25 26x3 27x2 26 24 25 19 21 26',
  '27x2 26 27 24 21x2 26x2 28 27x3 20 24 20 21 22 21x2 23 22x2 25x2 24x2 26 23 26 27 26x2 27x5 28 27x5',
  '26 30',
].join(' ');
const END_OF_STRING = 256;
/** A string is filled up to whole bytes with at most so many ones. */
const MAX_PADDING_BITS = 7;

/**
 * For every inner node of the tree its two children: an inner node as it is, a symbol as its complement. 0 is the root. Grown
 * for the first coded string: to grow it heats the optimizing compiler, whose code a PDP at rest is better without.
 */
let grownTree: Int16Array | undefined;

function growTree(): Int16Array {
  const lengths = CODE_LENGTHS.split(' ').flatMap((run) => {
    const [bits, symbols = 1] = run.split('x').map(Number);
    return Array<number>(symbols).fill(bits ?? 0);
  });
  const tree = new Int16Array(2 * lengths.length);
  let nodes = 1;
  let code = 0;
  for (let length = 1; length <= Math.max(...lengths); length++) {
    for (const [symbol, bits] of lengths.entries()) {
      if (bits !== length) continue;
      let node = 0;
      for (let bit = length - 1; bit > 0; bit--) {
        const edge = 2 * node + ((code >>> bit) & 1);
        if (tree[edge] === 0) tree[edge] = nodes++;
        node = tree[edge] ?? 0;
      }
      tree[2 * node + (code & 1)] = ~symbol;
      code++;
    }
    code *= 2;
  }
  return tree;
}

/** The text, a character for each byte, of a Huffman-coded string. @throws Http2Error if it is none */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string {
  const tree = (grownTree ??= growTree());
  const text = Buffer.allocUnsafe(Math.floor(((end - start) * 8) / 5));
  let length = 0;
  let node = 0;
  // Since the last symbol: how many bits, and whether all of them are ones.
  let bits = 0;
  let isPadding = true;
  for (let at = start; at < end; at++) {
    const byte = bytes.readUInt8(at);
    for (let shift = 7; shift >= 0; shift--) {
      const bit = (byte >>> shift) & 1;
      const next = tree[2 * node + bit] ?? 0;
      bits++;
      isPadding &&= bit === 1;
      if (next > 0) {
        node = next;
        continue;
      }
      if (~next === END_OF_STRING) throw new Http2Error('COMPRESSION_ERROR', 'a coded string holds its own end');
      text[length++] = ~next;
      node = 0;
      bits = 0;
      isPadding = true;
    }
  }
  if (bits > MAX_PADDING_BITS || !isPadding)
    throw new Http2Error('COMPRESSION_ERROR', 'a coded string is filled up wrongly');
  return text.toString('latin1', 0, length);
}
