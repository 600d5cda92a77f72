import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HEAD_LIMITS, parseRequestHead, type RequestHead } from './request-head.ts';

const head = (...lines: readonly string[]): string => lines.join('\r\n');
const parsed = (...lines: readonly string[]): RequestHead => {
  const result = parseRequestHead(head(...lines));
  if ('problem' in result) throw new Error(result.problem);
  return result;
};

test('a head is read in its parts', () => {
  expect({ ...parsed('POST /a/b?x=1&y HTTP/1.1', 'Host: h', 'Content-Length: 5', 'X-A: 1', 'x-a:2 ') }).toMatchObject({
    method: 'POST',
    path: '/a/b',
    query: 'x=1&y',
    keepAlive: true,
    body: 5,
    expectsContinue: false,
  });
  expect({ ...parsed('GET / HTTP/1.1', 'host: h', 'X-A: 1', 'x-a:\t2 \t').headers }).toStrictEqual({
    host: 'h',
    'x-a': '1, 2',
  });
});

test('a header whose name every object has is one like any other', () => {
  const { headers } = parsed('GET / HTTP/1.1', 'host: h', '__proto__: a', 'constructor: b');
  expect(Object.entries(headers)).toStrictEqual([
    ['host', 'h'],
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ]);
  expect(parsed('GET / HTTP/1.1', 'host: h').headers['constructor']).toBeUndefined();
});

test.each([
  ['the path and query of a URL', 'GET http://h:1/a?b HTTP/1.1', '/a', 'b'],
  ['a URL without a path', 'GET https://h HTTP/1.1', '/', ''],
  ['a URL with a query and no path', 'GET http://h?b HTTP/1.1', '/', 'b'],
  ['the asterisk of OPTIONS', 'OPTIONS * HTTP/1.1', '*', ''],
])('%s is taken', (_name, line, path, query) => {
  expect(parsed(line, 'host: h')).toMatchObject({ path, query });
});

test('the authority of a URL counts, whatever the host field says', () => {
  expect(parsed('GET http://a:1/x HTTP/1.1', 'host: b', 'x-y: z').headers).toMatchObject({ host: 'a:1', 'x-y': 'z' });
});

test.each(['h', 'h:8181', 'a_b.c-d', '127.0.0.1:80', '[::1]:80', '', 'h:', '%41'])('"%s" is a host', (host) => {
  expect(parsed('GET / HTTP/1.1', `host: ${host}`).headers['host']).toBe(host);
});

test.each([
  ['HTTP/1.1 goes on', ['GET / HTTP/1.1', 'host: h'], true],
  ['HTTP/1.1 ends where the client says so', ['GET / HTTP/1.1', 'host: h', 'Connection: foo, CLOSE'], false],
  ['HTTP/1.0 ends', ['GET / HTTP/1.0'], false],
  ['HTTP/1.0 goes on where the client says so', ['GET / HTTP/1.0', 'connection: Keep-Alive'], true],
])('the connection of %s', (_name, lines, keepAlive) => {
  expect(parsed(...lines).keepAlive).toBe(keepAlive);
});

test('a client that waits for leave to send its body gets it, one without a body does not', () => {
  const expect100 = 'Expect: 100-Continue';
  expect(parsed('PUT / HTTP/1.1', 'host: h', expect100, 'content-length: 1').expectsContinue).toBe(true);
  expect(parsed('PUT / HTTP/1.1', 'host: h', expect100).expectsContinue).toBe(false);
  expect(parsed('PUT / HTTP/1.0', expect100, 'content-length: 1').expectsContinue).toBe(false);
});

test.each<[string, string[], number]>([
  ['no version', ['GET /'], 400],
  ['two blanks', ['GET  / HTTP/1.1', 'host: h'], 400],
  ['a lower-case protocol', ['GET / http/1.1', 'host: h'], 400],
  ['an unknown version', ['GET / HTTP/1.2', 'host: h'], 505],
  ['a method that is no token', ['G@T / HTTP/1.1', 'host: h'], 400],
  ['a target that is no path', ['GET a HTTP/1.1', 'host: h'], 400],
  ['the target of CONNECT', ['CONNECT h:443 HTTP/1.1', 'host: h'], 400],
  ['an asterisk for another method than OPTIONS', ['GET * HTTP/1.1', 'host: h'], 400],
  ['a target beyond ASCII', ['GET /\xe4 HTTP/1.1', 'host: h'], 400],
  ['no host', ['GET / HTTP/1.1'], 400],
  ['a host of two words', ['GET / HTTP/1.1', 'host: a b'], 400],
  ['a host with a path', ['GET / HTTP/1.1', 'host: a/b'], 400],
  ['a host with a user', ['GET / HTTP/1.1', 'host: u@a'], 400],
  ['a URL whose authority is no host', ['GET http://u@a/ HTTP/1.1', 'host: a'], 400],
  ['two hosts', ['GET / HTTP/1.1', 'host: a', 'host: b'], 400],
  ['two tokens', ['GET / HTTP/1.1', 'host: a', 'authorization: Bearer a', 'Authorization: Bearer b'], 400],
  ['a folded line', ['GET / HTTP/1.1', 'host: h', 'x: a', ' b'], 400],
  ['a blank before the colon', ['GET / HTTP/1.1', 'host: h', 'content-length : 3'], 400],
  ['a blank before the name', ['GET / HTTP/1.1', ' host: h'], 400],
  ['a line without a colon', ['GET / HTTP/1.1', 'host: h', 'nothing'], 400],
  ['a name of nothing', ['GET / HTTP/1.1', 'host: h', ': x'], 400],
  ['a bare line feed in a value', ['GET / HTTP/1.1', 'host: h', 'a: b\ncontent-length: 3'], 400],
  ['a bare carriage return in a value', ['GET / HTTP/1.1', 'host: h', 'a: b\rc'], 400],
  ['a null in a value', ['GET / HTTP/1.1', 'host: h', 'a: b\0'], 400],
  ['a vertical tab at the end of a value', ['GET / HTTP/1.1', 'host: h', 'transfer-encoding: chunked\x0b'], 400],
  ['a length that is no number', ['POST / HTTP/1.1', 'host: h', 'content-length: 1e3'], 400],
  ['a negative length', ['POST / HTTP/1.1', 'host: h', 'content-length: -1'], 400],
  ['a length with a sign', ['POST / HTTP/1.1', 'host: h', 'content-length: +1'], 400],
  ['an empty length', ['POST / HTTP/1.1', 'host: h', 'content-length:'], 400],
  ['two lengths, equal as they are', ['POST / HTTP/1.1', 'host: h', 'content-length: 3', 'content-length: 3'], 400],
  ['a list of lengths', ['POST / HTTP/1.1', 'host: h', 'content-length: 3, 3'], 400],
  ['a length beside chunks', ['POST / HTTP/1.1', 'host: h', 'content-length: 3', 'transfer-encoding: chunked'], 400],
  ['chunks of HTTP/1.0', ['POST / HTTP/1.0', 'transfer-encoding: chunked'], 400],
  ['another coding than chunked', ['POST / HTTP/1.1', 'host: h', 'transfer-encoding: gzip'], 501],
  ['chunked and another coding', ['POST / HTTP/1.1', 'host: h', 'transfer-encoding: gzip, chunked'], 501],
  ['an identity coding', ['POST / HTTP/1.1', 'host: h', 'transfer-encoding: identity'], 501],
  ['an unknown expectation', ['POST / HTTP/1.1', 'host: h', 'expect: 200-ok'], 417],
  [
    'more headers than there may be',
    ['GET / HTTP/1.1', 'host: h', ...Array.from({ length: HEAD_LIMITS.maxHeaders }, (_, i) => `x-${i}: 1`)],
    431,
  ],
])('%s is refused', (_name, lines, status) => {
  expect(parseRequestHead(head(...lines))).toMatchObject({ status });
});

test('whatever the bytes, they are read or refused, and what is read can be told apart from its neighbours', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 8 }).map((text) => Buffer.from(text).toString('latin1')),
    fc.constantFrom('\r\n', ' ', ':', 'host: h', 'GET / HTTP/1.1', 'content-length: 3', '\t', '\n', 'chunked'),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const result = parseRequestHead(pieces.join(''));
      if ('problem' in result) return;
      for (const text of [result.method, result.path, result.query, ...Object.values(result.headers)]) {
        expect(String(text)).not.toMatch(/[\r\n\0]/);
      }
    }),
  );
});
