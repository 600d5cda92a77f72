import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { credentials, Client, Metadata, type ServiceError } from '@grpc/grpc-js';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { createAuthority, type TestAuthority } from '../../../protocol/src/testing/certificates.ts';
import type { Authenticator } from '../authentication/authenticator.ts';
import { grpcAuthentication } from '../authentication/grpc-authentication.ts';
import { openAuthenticator } from '../authentication/open-authenticator.ts';
import type { AuthenticationSettings } from '../authentication/settings.ts';
import { createTransportMetrics } from '../http/transport/transport-metrics.ts';
import { createLogger } from '../observability/logger.ts';
import { createMetrics } from '../observability/metrics.ts';
import { useFolders } from '../testing/folders.ts';
import { FRAME_HEAD_BYTES } from './grpc-method.ts';
import { listenGrpc, type GrpcServer, type GrpcServerOptions } from './grpc-server.ts';

const PATH = '/test.Service/Check';
const newFolder = useFolders();
const open: { readonly close: () => unknown }[] = [];
afterEach(async () => {
  for (const { close } of open.splice(0).reverse()) await close();
});

let authority: TestAuthority;
let stranger: TestAuthority;
beforeAll(async () => {
  authority = await createAuthority('a test');
  stranger = await createAuthority('a stranger');
});

/** A server that answers with the name of its caller. */
async function serve(
  authenticator?: Authenticator,
  clientCertificates: 'None' | 'Required' = 'None',
  over: Partial<GrpcServerOptions> = {},
): Promise<GrpcServer & { readonly port: number }> {
  const { cert, key } = await authority.issue('0a');
  const server = await listenGrpc({
    listen: { host: '127.0.0.1', port: 0 },
    tls: {
      cert,
      key,
      ca: authority.caPem,
      requestCert: clientCertificates !== 'None',
      rejectUnauthorized: clientCertificates === 'Required',
    },
    methods: [
      {
        kind: 'unary',
        path: PATH,
        label: 'Check',
        handle: (_, { caller }) => Buffer.from(`${' '.repeat(FRAME_HEAD_BYTES)}${caller ?? 'nobody'}`),
      },
    ],
    ...(authenticator === undefined ? {} : { authenticate: grpcAuthentication(authenticator, false) }),
    onCall: () => undefined,
    onError: (error) => {
      throw error;
    },
    ...over,
  });
  open.push({ close: () => server.drain(0) });
  return { ...server, port: (server.address as AddressInfo).port };
}

/** Calls by the gRPC library of Node; the caller's name as the server knows it, or the code of the failure. */
async function callOf(port: number, from?: TestAuthority, token?: string, root = authority): Promise<string | number> {
  const { cert, key } = from === undefined ? { cert: undefined, key: undefined } : await from.issue('0b');
  const pem = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text));
  const client = new Client(`localhost:${port}`, credentials.createSsl(Buffer.from(root.caPem), pem(key), pem(cert)));
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const same = (bytes: Buffer): Buffer => bytes;
  try {
    return await new Promise((resolve) => {
      const deadline = Date.now() + 20_000;
      const done = (error: ServiceError | null, answer?: Buffer): void => resolve(error?.code ?? String(answer));
      client.makeUnaryRequest(PATH, same, same, Buffer.from('?'), metadata, { deadline }, done);
    });
  } finally {
    client.close();
  }
}

async function judge(settings: AuthenticationSettings): Promise<Authenticator | undefined> {
  return await openAuthenticator(settings, {
    logger: createLogger('error', () => undefined),
    metrics: createTransportMetrics(createMetrics().registry),
  });
}

const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;
const PERMISSION_DENIED = 7;

test('calls over TLS are answered, and a client that trusts others does not ask', async () => {
  const { port } = await serve();
  expect(await callOf(port)).toBe('nobody');
  expect(await callOf(port, undefined, undefined, stranger)).toBe(UNAVAILABLE);
});

test('a certificate names the caller, and whoever has none of the authority gets no connection', async () => {
  const { port } = await serve(await judge({ mode: 'Certificate', callers: ['localhost'] }), 'Required');
  expect(await callOf(port, authority)).toBe('localhost');
  expect(await callOf(port)).toBe(UNAVAILABLE);
  expect(await callOf(port, stranger)).toBe(UNAVAILABLE);
});

test('a caller with a certificate who is not on the list is refused', async () => {
  const { port } = await serve(await judge({ mode: 'Certificate', callers: ['spiffe://shop/*'] }), 'Required');
  expect(await callOf(port, authority)).toBe(PERMISSION_DENIED);
});

async function tokenOf(privateKey: CryptoKey, audience = 'edict'): Promise<string> {
  return await new SignJWT({ sub: 'ada', iss: 'https://issuer.test', aud: audience })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setExpirationTime('10m')
    .sign(privateKey);
}

test('a bearer token names the caller, and a call without one, or with another, is refused', async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const keysFile = join(await newFolder(), 'keys.json');
  await writeFile(
    keysFile,
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] }),
  );
  const bearer = { keys: keysFile, issuer: 'https://issuer.test', audiences: ['edict'], toleranceMs: 0 };
  const authenticator = await judge({ mode: 'Bearer', callers: [], bearer });
  const { port } = await serve(authenticator);
  expect(await callOf(port, undefined, await tokenOf(privateKey))).toBe('ada');
  expect(await callOf(port, undefined, await tokenOf(privateKey, 'others'))).toBe(UNAUTHENTICATED);
  expect(await callOf(port, undefined, await tokenOf((await generateKeyPair('ES256')).privateKey))).toBe(
    UNAUTHENTICATED,
  );
  expect(await callOf(port)).toBe(UNAUTHENTICATED);
});

test('new connections get a new certificate, and open ones go on', async () => {
  const server = await serve();
  const session: ClientHttp2Session = connectHttp2(`https://localhost:${server.port}`, { ca: authority.caPem });
  open.push({ close: () => session.destroy() });
  await once(session, 'connect');
  const { cert, key } = await authority.issue('0c');
  server.setSecureContext({ cert, key, ca: authority.caPem });
  const socket = connectTls({ port: server.port, host: 'localhost', ca: authority.caPem, ALPNProtocols: ['h2'] });
  open.push({ close: () => socket.destroy() });
  await once(socket, 'secureConnect');
  expect(socket.getPeerCertificate().serialNumber).toBe('0C');
  const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc' });
  stream.end(Buffer.from([0, 0, 0, 0, 0]));
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  expect(headers[':status']).toBe(200);
});

test.each([
  ['speaks HTTP/1 only', { ALPNProtocols: ['http/1.1'] }],
  ['names no protocol', {}],
])('a client that %s gets no connection', async (_, alpn) => {
  const { port } = await serve();
  const socket = connectTls({ port, host: 'localhost', ca: authority.caPem, ...alpn });
  socket.on('error', () => undefined);
  let received = 0;
  socket.on('data', (piece: Buffer) => (received += piece.length));
  await new Promise((resolve) => socket.once('close', resolve));
  expect(received).toBe(0);
});

test('a handshake that is never begun is given up, and one that is under way holds up no draining', async () => {
  const server = await serve(undefined, 'None', { requestTimeoutMs: 50 });
  const silent = connectTcp(server.port, '127.0.0.1');
  silent.on('error', () => undefined).resume();
  await new Promise((resolve) => silent.once('close', resolve));
  const slow = await serve();
  const late = connectTcp(slow.port, '127.0.0.1');
  late.on('error', () => undefined).resume();
  await once(late, 'connect');
  await slow.drain(10);
  if (!late.closed) await once(late, 'close');
  expect(late.closed).toBe(true);
});
