import { expect, test } from '@jest/globals';
import { aRequest } from '../../testing/requests.ts';
import { messageReply } from '../reply.ts';
import { cleanPathOf, sendingToClean } from './clean-path.ts';

test.each<[string, string | undefined]>([
  ['/v1//data/x', '/v1/data/x'],
  ['//v1/data/x', '/v1/data/x'],
  ['/v1/./data', '/v1/data'],
  ['/v1/data/foo/../app/allow', '/v1/data/app/allow'],
  ['/v1/data/./app/allow', '/v1/data/app/allow'],
  ['/v1/data/app/..', '/v1/data/'],
  ['/v1/data/app/.', '/v1/data/app/'],
  ['/v1/data/../../../../v0/data/x', '/v0/data/x'],
  ['/x/../health//', '/health/'],
  ['/v1/data/../status', '/v1/status'],
  ['/instances/a/v1//data', '/instances/a/v1/data'],
  ['/instances/a/v1/data/b/./c', '/instances/a/v1/data/b/c'],
])('%s is sent to %s', (path, clean) => {
  expect(cleanPathOf(path)).toBe(clean);
});

test.each([
  '/v1/data/app/allow',
  '/v1/data/app//allow/',
  '/v1/data/a.b/..c/...',
  '/v1/data/..%2f',
  '/v1/data/%2e%2e/status',
  '/decision//',
  '/envoy/authz/../v1',
  '/v1/../metrics',
  '/instances/a/../../metrics',
])('%s stays where it is', (path) => {
  expect(cleanPathOf(path)).toBeUndefined();
});

test('a client is sent on with its query, another is handled', () => {
  const handle = sendingToClean(({ path }) => messageReply(200, path));
  expect(handle(aRequest({ path: '/v1//data', query: 'a=b' }))).toMatchObject({
    status: 307,
    headers: { location: '/v1/data?a=b' },
  });
  expect(handle(aRequest({ path: '/v1/data' }))).toMatchObject({ status: 200 });
});
