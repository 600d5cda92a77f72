import type { Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { clientOf } from './client-address.ts';

test.each([
  ['10.0.0.7', 40112, '10.0.0.7:40112'],
  ['::1', 40112, '[::1]:40112'],
  ['::ffff:10.0.0.7', 1, '[::ffff:10.0.0.7]:1'],
  [undefined, undefined, undefined],
])('%s and %s are %s', (remoteAddress, remotePort, client) => {
  expect(clientOf({ remoteAddress, remotePort } as Socket)).toBe(client);
});
