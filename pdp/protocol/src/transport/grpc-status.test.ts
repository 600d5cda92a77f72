import { expect, test } from '@jest/globals';
import { closeOfHeaders, hasStatus } from './grpc-status.ts';

test.each([
  ['OK is an orderly end', { 'grpc-status': '0' }, { code: 'Closed', reason: 'gRPC status 0' }],
  [
    'a message is unescaped',
    { 'grpc-status': '16', 'grpc-message': 'the token is %C3%BCber' },
    { code: 'Unauthenticated', reason: 'the token is über' },
  ],
  [
    'a message that is not escaped is shown as it is',
    { 'grpc-status': '3', 'grpc-message': '100 % wrong' },
    { code: 'Protocol', reason: '100 % wrong' },
  ],
  ['a forbidden call is one of credentials', { 'grpc-status': '7' }, { code: 'Unauthenticated' }],
  ['an exhausted bound is a breach of the protocol', { 'grpc-status': '8' }, { code: 'Protocol' }],
  ['any other status may pass', { 'grpc-status': '13' }, { code: 'Unavailable' }],
  [
    'a time to come back is kept',
    { 'grpc-status': '14', 'edict-retry-after-ms': '250' },
    { code: 'Unavailable', retryAfterMs: 250 },
  ],
  [
    'a time to come back is at most a day',
    { 'grpc-status': '14', 'edict-retry-after-ms': '1e12' },
    { code: 'Unavailable', retryAfterMs: 86_400_000 },
  ],
  [
    'a leader that is named is kept, with when to dial it',
    { 'grpc-status': '14', 'edict-leader': '[fd00::7]:9444', 'edict-leader-after-ms': '20' },
    { code: 'Unavailable', leader: { address: '[fd00::7]:9444', afterMs: 20 } },
  ],
  [
    'a leader that is named without a time is dialled at once',
    { 'grpc-status': '14', 'edict-leader': '10.0.3.4:9444' },
    { code: 'Unavailable', leader: { address: '10.0.3.4:9444', afterMs: 0 } },
  ],
  [
    'no status is a broken stream',
    {},
    { code: 'Unavailable', reason: 'the operator ended the stream without a status' },
  ],
  ['a gateway that refuses', { ':status': '403' }, { code: 'Unauthenticated', reason: 'the answer is HTTP 403' }],
  ['a gateway without operator', { ':status': '503' }, { code: 'Unavailable', reason: 'the answer is HTTP 503' }],
])('%s', (_name, headers, expected) => {
  expect(closeOfHeaders(headers)).toMatchObject(expected);
});

test.each(['10.0.3.4', ':9444', 'https://a:9444', 'a b:9444', 'a:9444/x', ''])('%j is nobody to dial', (text) => {
  expect(closeOfHeaders({ 'grpc-status': '14', 'edict-leader': text })).not.toHaveProperty('leader');
});

test('what is no time to come back is none', () => {
  const headers = { 'grpc-status': '14', 'edict-retry-after-ms': 'soon' };
  expect(closeOfHeaders(headers)).not.toHaveProperty('retryAfterMs');
});

test('only a response with a status is its own end', () => {
  expect([hasStatus({ 'grpc-status': '0' }), hasStatus({ ':status': '200' })]).toEqual([true, false]);
});
