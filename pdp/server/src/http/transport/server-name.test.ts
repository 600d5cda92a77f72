import { once } from 'node:events';
import {
  connect as connectPlain,
  createServer as createPlain,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { connect, createServer } from 'node:tls';
import { afterEach, expect, test } from '@jest/globals';
import { createAuthority } from '../../../../protocol/src/testing/certificates.ts';
import { serverNameOf } from './server-name.ts';

const open: { readonly close: () => unknown }[] = [];
afterEach(() => {
  for (const { close } of open.splice(0).reverse()) close();
});

/** The name that a server finds when `dial` connects to it. */
async function nameFound(server: Server, event: string, dial: (port: number) => Socket): Promise<string | undefined> {
  open.push({ close: () => server.close() });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const taken = once(server, event);
  const client = dial((server.address() as AddressInfo).port);
  open.push({ close: () => client.destroy() });
  const [socket] = (await taken) as [Socket];
  open.push({ close: () => socket.destroy() });
  return serverNameOf(socket);
}

test.each([
  ['the name that it asks for, in small letters', 'Shop.Example', 'shop.example'],
  ['nothing if it asks for none', '', undefined],
])('a client of TLS tells %s', async (_name, servername, found) => {
  const authority = await createAuthority('a test');
  const server = createServer(await authority.issue('0a'));
  const dial = (port: number): Socket => connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
  expect(await nameFound(server, 'secureConnection', dial)).toBe(found);
});

test('without TLS there is no name', async () => {
  const dial = (port: number): Socket => connectPlain(port, '127.0.0.1');
  expect(await nameFound(createPlain(), 'connection', dial)).toBeUndefined();
});
