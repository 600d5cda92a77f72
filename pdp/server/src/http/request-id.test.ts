import { expect, test } from '@jest/globals';
import { messageReply } from './reply.ts';
import { withRequestId } from './request-id.ts';

test.each([
  ['/access/v1/evaluation', true],
  ['/instances/team%2Fshop/access/v1/search/subject', true],
  ['/access/v1/nothing?here', true],
  ['/envoy/authz/access/v1/evaluation', false],
  ['/decision', false],
])('%s gives the id of a request back: %s', (path, isEchoing) => {
  const id = 'q'.repeat(5_000);
  const { headers } = withRequestId(messageReply(404, 'no'), { path, headers: { 'x-request-id': id } });
  expect(headers['x-request-id']).toBe(isEchoing ? id : undefined);
});

test('a request without an id gets none', () => {
  const reply = messageReply(404, 'no');
  expect(withRequestId(reply, { path: '/access/v1/evaluation', headers: {} })).toBe(reply);
});
