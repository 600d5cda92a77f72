import { expect, test } from '@jest/globals';
import { aRequest } from '../testing/requests.ts';
import { byInstancePath, instanceOfHeader } from './instance-path.ts';
import { jsonReply } from './reply.ts';
import type { Handle } from './route.ts';

const tell =
  (who: string): Handle =>
  ({ path, instance }) =>
    jsonReply(200, [who, path, instance]);
const handle = byInstancePath(tell('api'), tell('other'));

test.each([
  ['/decision', undefined, ['other', '/decision', null]],
  ['/decision', 'shop', ['other', '/decision', 'shop']],
  ['/instances', undefined, ['other', '/instances', null]],
  ['/instances/shop/decision', undefined, ['api', '/decision', 'shop']],
  ['/instances/shop/v1/data/a/b', undefined, ['api', '/v1/data/a/b', 'shop']],
  ['/instances/team%2Fshop/', undefined, ['api', '/', 'team/shop']],
  ['/instances/shop/decision', 'shop', ['api', '/decision', 'shop']],
  ['/instances/a/instances/b/decision', undefined, ['api', '/instances/b/decision', 'a']],
])('%s with the header %p', async (path, instance, told) => {
  const { status, body } = await handle(aRequest({ path, instance }));
  expect([status, JSON.parse(body)]).toStrictEqual([200, told]);
});

test.each([
  ['names none', '/instances//decision', undefined],
  ['ends at the name', '/instances/shop', undefined],
  ['is not encoded well', '/instances/%zz/decision', undefined],
  ['contradicts the header', '/instances/shop/decision', 'other'],
])('a path that %s is a bad request', async (_name, path, instance) => {
  expect((await handle(aRequest({ path, instance }))).status).toBe(400);
});

test.each([
  ['shop', 'shop'],
  ['\xc3\xa9', '\u00e9'],
  ['', undefined],
  [undefined, undefined],
])('the header %j names %j', (sent, named) => {
  expect(instanceOfHeader(sent === undefined ? {} : { 'policy-set': sent })).toBe(named);
});
