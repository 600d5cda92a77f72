import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { beforeAll, expect, test } from '@jest/globals';
import type { HttpRequest } from '@edict/engine';
import type { ServerResponse } from 'node:http';
import type { ServerOptions } from 'node:https';
import { createAuthority, type TestAuthority } from '../../../protocol/src/testing/certificates.ts';
import { aRequest, type Received } from '../testing/network-servers.ts';
import { bodyOf, failureOf, useNetwork } from '../testing/use-network.ts';

const { serve, open, later } = useNetwork();

let authority: TestAuthority;
let certificate: ServerOptions;
beforeAll(async () => {
  authority = await createAuthority('a test');
  const { cert, key } = await authority.issue('02');
  certificate = { cert, key };
});

const ok = (_request: Received, response: ServerResponse): void => void response.end('fine');

const tls = (over: Partial<HttpRequest['tls']>): Partial<HttpRequest> => ({ tls: { ...aRequest('').tls, ...over } });

test('a server is trusted by the authority that the policy names, under the name that it asks for', async () => {
  const server = await serve(ok, certificate);
  const { send } = open();
  const url = `https://localhost:${server.port}/`;
  const authorities = [{ text: authority.caPem }];
  expect(failureOf(await send(url))).toMatchObject({
    kind: 'network',
    message: 'tls: failed to verify certificate: x509: certificate signed by unknown authority',
  });
  expect(bodyOf(await send(url, tls({ authorities })))).toBe('fine');
  expect(bodyOf(await send(url, tls({ skipVerify: true })))).toBe('fine');
  const byAddress = `https://127.0.0.1:${server.port}/`;
  expect(failureOf(await send(byAddress, tls({ authorities })))).toMatchObject({
    message: expect.stringContaining('tls: failed to verify certificate: x509:'),
  });
  expect(bodyOf(await send(byAddress, tls({ authorities, serverName: 'localhost' })))).toBe('fine');
  // A connection that one request does not verify is none that a verifying one would use.
  expect(failureOf(await send(url))).toMatchObject({ kind: 'network' });
});

test('a policy shows the certificate that it has, over connections that nobody else uses', async () => {
  const server = await serve(
    (_request, response) => {
      const shown = response.socket instanceof TLSSocket && response.socket.getPeerCertificate().serialNumber;
      response.end(String(shown));
    },
    { ...certificate, ca: authority.caPem, requestCert: true, rejectUnauthorized: false },
  );
  const { send } = open();
  const own = await authority.issue('03');
  const url = `https://localhost:${server.port}/`;
  const authorities = [{ text: authority.caPem }];
  const identities = [{ certificate: { text: own.cert }, key: { text: own.key } }];
  expect(bodyOf(await send(url, tls({ authorities })))).toBe('undefined');
  expect(bodyOf(await send(url, tls({ authorities, identities })))).toBe('03');
  expect(bodyOf(await send(url, tls({ authorities })))).toBe('undefined');
  expect(server.sockets).toHaveLength(2);
  const bad = [{ certificate: { text: own.cert }, key: { text: certificate.key as string } }];
  expect(failureOf(await send(url, tls({ authorities, identities: bad })))).toStrictEqual({
    kind: 'internal',
    message: 'tls: client certificate and key do not fit, or are none',
  });
  expect(failureOf(await send(url, tls({ authorities: [{ text: 'no PEM' }] })))).toStrictEqual({
    kind: 'internal',
    message: 'could not append certificates',
  });
});

test('files and variables are read only where the operator of the PDP says so', async () => {
  const server = await serve(ok, certificate);
  const folder = mkdtempSync(join(tmpdir(), 'edict-tls-'));
  const outside = mkdtempSync(join(tmpdir(), 'edict-secret-'));
  later(() => {
    for (const path of [folder, outside]) rmSync(path, { recursive: true });
  });
  const file = join(folder, 'ca.crt');
  writeFileSync(file, authority.caPem);
  writeFileSync(join(outside, 'ca.crt'), authority.caPem);
  symlinkSync(join(outside, 'ca.crt'), join(folder, 'link.crt'));
  const url = `https://localhost:${server.port}/`;
  const refused = open();
  expect(failureOf(await refused.send(url, tls({ authorities: [{ file }] })))).toStrictEqual({
    kind: 'internal',
    message: `file '${file}' may not be read`,
  });
  expect(failureOf(await refused.send(url, tls({ authorities: [{ variable: 'HOME' }] })))).toStrictEqual({
    kind: 'internal',
    message: "variable 'HOME' may not be read",
  });
  const { send } = open({ tlsSources: { folder, variables: ['CA', 'NONE'], env: { CA: authority.caPem } } });
  expect(bodyOf(await send(url, tls({ authorities: [{ file }] })))).toBe('fine');
  expect(bodyOf(await send(url, tls({ authorities: [{ variable: 'CA' }] })))).toBe('fine');
  for (const path of ['link.crt', '../ca.crt', 'gone.crt'].map((name) => join(folder, name))) {
    expect(failureOf(await send(url, tls({ authorities: [{ file: path }] })))).toMatchObject({
      message: `file '${path}' may not be read`,
    });
  }
  expect(failureOf(await send(url, tls({ authorities: [{ variable: 'NONE' }] })))).toMatchObject({
    message: "variable 'NONE' is not set",
  });
});
