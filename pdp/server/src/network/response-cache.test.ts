import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { HttpResponse } from '@edict/engine';
import { expiryOf, refreshed, ResponseCache, validatorsOf } from './response-cache.ts';

const aResponse = (size = 0, headers: HttpResponse['headers'] = [], statusCode = 200): HttpResponse => ({
  statusCode,
  status: String(statusCode),
  headers,
  body: new Uint8Array(size),
});

const kept = (size = 0) => ({ response: aResponse(size), expiresAtMs: 0 });

test('what was used longest ago goes first', () => {
  const cache = new ResponseCache({ maxBytes: 10_000, maxEntries: 2 });
  cache.set('a', kept());
  cache.set('b', kept());
  cache.get('a');
  cache.set('c', kept());
  expect(['a', 'b', 'c'].filter((key) => cache.get(key) !== undefined)).toStrictEqual(['a', 'c']);
});

test('no bound is ever exceeded, and the bytes are those of what is there', () => {
  const step = fc.record({ key: fc.integer({ min: 0, max: 9 }), size: fc.integer({ min: 0, max: 60 }) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const cache = new ResponseCache({ maxBytes: 100, maxEntries: 4 });
      for (const { key, size } of steps) {
        cache.set(String(key), kept(size));
        expect(cache.size).toBeLessThanOrEqual(4);
        expect(cache.bytes).toBeLessThanOrEqual(100);
      }
      for (let key = 0; key < 10; key++) cache.delete(String(key));
      expect([cache.size, cache.bytes]).toStrictEqual([0, 0]);
    }),
  );
});

test('a response that is too large is not kept, nor is what it replaces', () => {
  const cache = new ResponseCache({ maxBytes: 100, maxEntries: 4 });
  cache.set('a', kept(10));
  cache.set('a', kept(1_000));
  expect([cache.get('a'), cache.size]).toStrictEqual([undefined, 0]);
});

test('a cache without room keeps nothing', () => {
  const cache = new ResponseCache({ maxBytes: 0, maxEntries: 4 });
  cache.set('a', kept());
  expect(cache.size).toBe(0);
});

const NOW = Date.UTC(2026, 0, 2);
const DATE = ['Date', new Date(NOW).toUTCString()] as const;
const LATER = new Date(NOW + 60_000).toUTCString();

test.each<readonly [string, HttpResponse, number | undefined, number | undefined]>([
  ['max-age counts from the date', aResponse(0, [DATE, ['Cache-Control', 'public, max-age=5']]), undefined, 5_000],
  ['max-age without a date says nothing', aResponse(0, [['Cache-Control', 'max-age=5']]), undefined, undefined],
  [
    'max-age that is no number says nothing',
    aResponse(0, [DATE, ['Cache-Control', 'max-age=x']]),
    undefined,
    undefined,
  ],
  ['Expires stands for itself', aResponse(0, [['Expires', LATER]]), undefined, 60_000],
  [
    'max-age counts more than Expires',
    aResponse(0, [DATE, ['Expires', LATER], ['Cache-Control', 'max-age=1']]),
    undefined,
    1_000,
  ],
  [
    'no-store forbids keeping',
    aResponse(0, [
      ['Expires', LATER],
      ['Cache-Control', 'no-store'],
    ]),
    undefined,
    undefined,
  ],
  ['what says nothing is not kept', aResponse(), undefined, undefined],
  ['what says nothing but can be asked for is kept stale', aResponse(0, [['ETag', '"x"']]), undefined, -NOW],
  ['an error is not kept', aResponse(0, [['Expires', LATER]], 500), undefined, undefined],
  ['a 404 is kept', aResponse(0, [['Expires', LATER]], 404), undefined, 60_000],
  ['the policy can force it', aResponse(0, [['Cache-Control', 'no-store']]), 7, 7_000],
  ['the policy cannot force an error', aResponse(0, [], 500), 7, undefined],
])('%s', (_name, response, forceSeconds, after) => {
  expect(expiryOf(response, { forceSeconds }, NOW)).toBe(after === undefined ? undefined : NOW + after);
});

test('a server is asked by what it said of the version', () => {
  const headers = [
    ['ETag', '"x"'],
    ['Last-Modified', LATER],
  ] as const;
  expect(validatorsOf(aResponse(0, headers))).toStrictEqual([
    ['If-None-Match', '"x"'],
    ['If-Modified-Since', LATER],
  ]);
  expect(validatorsOf(aResponse())).toStrictEqual([]);
});

test('a 304 brings new headers and leaves the rest', () => {
  const before = aResponse(3, [
    ['X-A', '1'],
    ['X-B', '1'],
  ]);
  const after = refreshed(before, aResponse(0, [['x-b', '2']], 304));
  expect([after.statusCode, after.body.length, after.headers]).toStrictEqual([
    200,
    3,
    [
      ['X-A', '1'],
      ['x-b', '2'],
    ],
  ]);
});
