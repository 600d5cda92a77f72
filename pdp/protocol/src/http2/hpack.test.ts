import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { until } from '../testing/conditions.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { encodeBlock } from './hpack-encoder.ts';
import { decodeHuffman } from './huffman.ts';
import { FRAME, PREFACE } from './protocol.ts';
import { STATIC_TABLE, type HeaderField } from './static-table.ts';

const open: { readonly close: () => unknown }[] = [];
afterEach(() => {
  for (const { close } of open.splice(0)) close();
});

function decode(decoder: HpackDecoder, block: Buffer): HeaderField[] {
  const fields: HeaderField[] = [];
  decoder.decode(block, 0, block.length, (field) => fields.push(field));
  return fields;
}

const bytes = (...parts: readonly (number | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from([part]))));

/** The blocks that Node's own HTTP/2 (nghttp2) makes of requests on one connection. */
async function blocksOfNode(requests: readonly Readonly<Record<string, string>>[]): Promise<Buffer[]> {
  let received = Buffer.alloc(0);
  const server = createServer((socket: Socket) => {
    open.push({ close: () => socket.destroy() });
    socket.on('error', () => undefined);
    socket.write(Buffer.from([0, 0, 0, FRAME.settings, 0, 0, 0, 0, 0]));
    socket.on('data', (piece: Buffer) => (received = Buffer.concat([received, piece])));
  }).listen(0, '127.0.0.1');
  open.push({ close: () => server.close() });
  await once(server, 'listening');
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  open.push({ close: () => session.destroy() });
  session.on('error', () => undefined);
  for (const headers of requests) {
    session.request(headers, { endStream: true }).on('error', () => undefined);
  }
  const blocks = (): Buffer[] => {
    const found: Buffer[] = [];
    for (let at = PREFACE.length; at + 9 <= received.length;) {
      const length = received.readUIntBE(at, 3);
      const payload = received.subarray(at + 9, at + 9 + length);
      if (received[at + 3] === FRAME.headers && payload.length === length) found.push(payload);
      at += 9 + length;
    }
    return found;
  };
  await until(() => blocks().length === requests.length);
  return blocks();
}

test('the blocks of another implementation are read: its table, its evictions, its Huffman codes', async () => {
  const everyCharacter = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('');
  const requests = Array.from({ length: 60 }, (_, n) => ({
    ':method': 'POST',
    ':path': `/a.B/${n % 3}`,
    'x-same': 'always the same',
    'x-all': `<${everyCharacter}${everyCharacter}>`,
    'x-other': String.fromCharCode(...Array.from({ length: 40 }, (_none, index) => 128 + ((n * 40 + index) % 128))),
    [`x-name-${n % 40}`]: `value ${n}`.repeat((n % 9) + 1),
  }));
  const decoder = new HpackDecoder();
  for (const [index, block] of (await blocksOfNode(requests)).entries()) {
    const fields = Object.fromEntries(decode(decoder, block));
    expect(fields).toMatchObject(requests[index] ?? {});
  }
});

test('what is encoded here is read again', () => {
  const text = fc.string({
    unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)),
    maxLength: 400,
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 5 }), (fields) => {
      expect(decode(new HpackDecoder(), encodeBlock(fields))).toStrictEqual(fields);
    }),
  );
});

test('the static table has its 61 entries where RFC 7541 has them', () => {
  expect(STATIC_TABLE).toHaveLength(61);
  const at = [1, 8, 16, 31, 61].map((index) => STATIC_TABLE[index - 1]?.join('='));
  expect(at).toStrictEqual([
    ':authority=',
    ':status=200',
    'accept-encoding=gzip, deflate',
    'content-type=',
    'www-authenticate=',
  ]);
});

test('the table evicts what has no room, and a field that is larger than it empties it', () => {
  const decoder = new HpackDecoder();
  const add = (name: string, value: string): Buffer => {
    const literal = encodeBlock([[name, value]]);
    literal[0] = 0x40;
    return literal;
  };
  decode(decoder, Buffer.concat([add('a', 'x'.repeat(2_000)), add('b', 'y'.repeat(1_900))]));
  expect(decode(decoder, bytes(0xbe, 0xbf)).map(([name]) => name)).toStrictEqual(['b', 'a']);
  decode(decoder, add('c', 'z'.repeat(1_000)));
  expect(decode(decoder, bytes(0xbe, 0xbf)).map(([name]) => name)).toStrictEqual(['c', 'b']);
  expect(() => decode(decoder, bytes(0xc0))).toThrow('no entry 64');
  expect(decode(decoder, add('d', 'w'.repeat(5_000)))).toHaveLength(1);
  expect(() => decode(decoder, bytes(0xbe))).toThrow('no entry 62');
});

test('a table that was made smaller stays so', () => {
  const decoder = new HpackDecoder();
  decode(decoder, bytes(0x20, 0x40, 1, 'a', 1, 'b'));
  expect(() => decode(decoder, bytes(0xbe))).toThrow('no entry 62');
});

test('the version tells whether equal blocks mean the same', () => {
  const decoder = new HpackDecoder();
  decode(decoder, bytes(0x82, 0x00, 1, 'a', 1, 'b'));
  expect(decoder.version).toBe(0);
  decode(decoder, bytes(0x40, 1, 'a', 1, 'b'));
  expect(decoder.version).toBe(1);
});

test.each<[string, Buffer]>([
  ['index 0', bytes(0x80)],
  ['an index beyond the table', bytes(0xbe)],
  ['a number without its end', bytes(0xff)],
  ['a number that is too large', bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)],
  ['a name that is cut off', bytes(0, 5, 'ab')],
  ['a value that is missing', bytes(0, 1, 'a')],
  ['a value of unlimited length', bytes(0, 1, 'a', 0x7f, 0xff, 0xff, 0xff, 0x7f)],
  ['a table that is larger than may be', bytes(0x3f, 0xe2, 0x1f)],
  ['a change of the table behind a field', bytes(0x82, 0x20)],
  ['a code that is filled up with zeros', bytes(0, 1, 'a', 0x81, 0x18)],
  ['a code that is filled up with a whole byte', bytes(0, 1, 'a', 0x82, 0x1f, 0xff)],
  ['a code of the end of a string', bytes(0, 1, 'a', 0x84, 0xff, 0xff, 0xff, 0xff)],
])('%s is an error of compression', (_, block) => {
  expect(() => decode(new HpackDecoder(), block)).toThrow(expect.objectContaining({ code: 'COMPRESSION_ERROR' }));
});

test('no bytes make the decoder fail in another way, or read beyond them', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }), (blocks) => {
      const decoder = new HpackDecoder();
      try {
        for (const block of blocks) decode(decoder, Buffer.from(block));
      } catch (error) {
        expect(error).toMatchObject({ name: 'Http2Error', code: 'COMPRESSION_ERROR' });
      }
    }),
  );
  expect(decodeHuffman(Buffer.alloc(0), 0, 0)).toBe('');
});
