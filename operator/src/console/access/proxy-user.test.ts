import { expect, test } from '@jest/globals';
import type { Credentials } from './access.ts';
import { bearerToken } from './access.ts';
import { userOfProxy } from './proxy-user.ts';

const TRUST = { names: ['gate'], userHeader: 'x-remote-user', groupHeader: 'x-remote-group' };
const from = (headers: Credentials['headers'], certificateName: string | undefined = 'gate') =>
  userOfProxy({ authorization: undefined, headers, certificateName }, TRUST);
const USER = { 'x-remote-user': ['alice'] };

test('a proxy that is believed names the user and the groups', () => {
  expect(from({ ...USER, 'x-remote-group': ['ops', 'dev'] })).toMatchObject({
    name: 'alice',
    groups: ['ops', 'dev'],
    by: 'Proxy',
  });
});

test('without its certificate, or without a name, nobody is named', () => {
  expect(userOfProxy({ authorization: undefined, headers: USER, certificateName: undefined }, TRUST)).toBeUndefined();
  expect(from({})).toBeUndefined();
});

test.each<[string, Credentials['headers'], string]>([
  ['another certificate', USER, 'other'],
  ['two users', { 'x-remote-user': ['alice', 'bob'] }, 'gate'],
  ['an empty user', { 'x-remote-user': [''] }, 'gate'],
  ['a group that is past all rules', { ...USER, 'x-remote-group': ['system:masters'] }, 'gate'],
  ['groups without end', { ...USER, 'x-remote-group': Array.from({ length: 257 }, (_, i) => `g${i}`) }, 'gate'],
])('%s is refused', (_name, headers, certificate) => {
  expect(() => from(headers, certificate)).toThrow(expect.objectContaining({ code: 'unauthenticated' }));
});

test.each([
  ['Bearer abc.def', 'abc.def'],
  ['bearer abc=', 'abc='],
  ['Basic abc', undefined],
  ['Bearer a b', undefined],
  [undefined, undefined],
])('the token of %p is %p', (header, token) => {
  expect(bearerToken(header)).toBe(token);
});
