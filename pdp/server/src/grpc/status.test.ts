import { expect, test } from '@jest/globals';
import { PROBLEMS, type ProblemName } from '../http/reply.ts';
import { parseGrpcAddress } from './grpc-address.ts';
import { encodeMessage, parseTimeout, refusalFailure } from './status.ts';

test('no refusal is OK or PERMISSION_DENIED: it must not be taken for a decision', () => {
  for (const problem of Object.keys(PROBLEMS) as ProblemName[]) {
    const failed = refusalFailure({ kind: 'refused', problem, detail: 'why' });
    expect([
      'INVALID_ARGUMENT',
      'UNIMPLEMENTED',
      'FAILED_PRECONDITION',
      'UNAVAILABLE',
      'UNAUTHENTICATED',
      'RESOURCE_EXHAUSTED',
    ]).toContain(failed.code);
    expect(failed.trailers).toStrictEqual({ 'edict-problem': problem });
  }
});

test.each([
  ['200m', 200],
  ['2S', 2_000],
  ['1H', 3_600_000],
  ['5M', 300_000],
  ['1500u', 1.5],
  ['0n', 0],
])('%s is a deadline', (text, ms) => {
  expect(parseTimeout(text)).toBe(ms);
});

test.each(['', '5', 'S', '-1S', '123456789S', '1.5S', '5s'])('%p is no deadline', (text) => {
  expect(parseTimeout(text)).toBeUndefined();
});

test('messages are printable ASCII on the wire', () => {
  expect(encodeMessage('50 % of “set”\n')).toBe('50 %25 of %E2%80%9Cset%E2%80%9D%0A');
});

test.each([
  [':9191', { host: '::', port: 9191 }],
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['[::1]:9191', { host: '::1', port: 9191 }],
  ['localhost:65535', { host: 'localhost', port: 65_535 }],
  ['unix:///run/edict.sock', { path: '/run/edict.sock' }],
])('%s is an address', (text, address) => {
  expect(parseGrpcAddress(text)).toStrictEqual(address);
});

test.each(['', '9191', 'host', 'host:', 'host:65536', 'unix://relative', 'http://host:1', '::1:80'])(
  '%p is no address',
  (text) => {
    expect(parseGrpcAddress(text)).toBeUndefined();
  },
);
