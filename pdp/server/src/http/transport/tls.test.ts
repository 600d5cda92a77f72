import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open as openFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { createAuthority, type TestAuthority } from '../../../../protocol/src/testing/certificates.ts';
import { AllowedCallers } from '../../authentication/allowed-callers.ts';
import { CertificateAuthenticator } from '../../authentication/certificate-authenticator.ts';
import type { Authenticator } from '../../authentication/authenticator.ts';
import { refused } from '../../authentication/refusals.ts';
import { until } from '../../testing/conditions.ts';
import { useFolders } from '../../testing/folders.ts';
import { listen, type Listener, type ListenerTls } from '../listener.ts';
import { jsonReply } from '../reply.ts';
import { TlsFiles } from './tls-files.ts';

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

/** A folder as Kubernetes mounts a Secret: the files are links into a folder that is a link itself. */
async function mount() {
  const folder = await newFolder();
  let version = 0;
  const turn = async (target: string): Promise<void> => {
    await symlink(target, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  const put = async (files: Readonly<Record<string, string>>): Promise<void> => {
    const target = `..version-${++version}`;
    await mkdir(join(folder, target));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, target, name), text);
    await turn(target);
    if (version > 1) await rm(join(folder, `..version-${version - 1}`), { recursive: true });
    for (const name of Object.keys(files)) {
      await symlink(join('..data', name), join(folder, name)).catch(() => undefined); // there since the first time
    }
  };
  return { folder, put, turn };
}

async function issue(from: TestAuthority, serial: string, clients: TestAuthority = authority) {
  const { cert, key } = await from.issue(serial);
  return { 'tls.crt': cert, 'tls.key': key, 'ca.crt': clients.caPem };
}

async function start(clientCertificates: ListenerTls['clientCertificates'] = 'None', authenticator?: Authenticator) {
  const { folder, put } = await mount();
  await put(await issue(authority, '0a'));
  const reloads: (string | undefined)[] = [];
  const dropped: string[] = [];
  const files = await TlsFiles.open({
    certFile: join(folder, 'tls.crt'),
    keyFile: join(folder, 'tls.key'),
    clientCaFile: clientCertificates === 'None' ? undefined : join(folder, 'ca.crt'),
    reloadMs: 20,
    onReload: (problem) => reloads.push(problem),
  });
  open.push({ close: () => files.close() });
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 1_000,
    requestTimeoutMs: 10_000,
    handle: ({ caller }) => jsonReply(200, { caller: caller ?? null }),
    onError: (error) => {
      throw error;
    },
    onRefused: () => undefined,
    onDropped: (reason) => dropped.push(reason),
    tls: { files, clientCertificates },
    authenticator,
  });
  open.push({ close: () => listener.drain(0) });
  return { put, files, reloads, dropped, listener };
}

const client = (from: TestAuthority = authority) => ({ ca: from.caPem, servername: 'localhost', host: '127.0.0.1' });

/** The serial number that a new connection is shown. */
async function shownSerial({ address }: Listener, from?: TestAuthority): Promise<string> {
  const socket = connect({ ...client(from), port: address.port });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

test('new files are taken while requests go on over the old connections, of which none is lost', async () => {
  const { put, listener, reloads } = await start();
  const agent = new Agent({ ...client(), keepAlive: true, maxSockets: 4 });
  open.push({ close: () => agent.destroy() });
  const sockets = new Set<unknown>();
  let stopping = false;
  let answered = 0;
  const asking = Array.from({ length: 4 }, async () => {
    while (!stopping) {
      await new Promise<void>((resolve, reject) => {
        const call = request({ agent, port: listener.address.port, host: '127.0.0.1' }, (response) => {
          answered++;
          response.resume().on('end', resolve);
        });
        call
          .on('socket', (socket) => sockets.add(socket))
          .on('error', reject)
          .end();
      });
    }
  });
  expect(await shownSerial(listener)).toBe('0A');
  for (const serial of ['0b', '0c', '0d']) {
    await put(await issue(authority, serial));
    await until(async () => (await shownSerial(listener)) === serial.toUpperCase());
  }
  const before = answered;
  await until(() => answered > before + 10);
  stopping = true;
  await Promise.all(asking);
  expect(sockets.size).toBe(4);
  expect(reloads).toStrictEqual([undefined, undefined, undefined]);
});

test('files that cannot be used leave the old ones in use, and are told once; good ones are taken afterwards', async () => {
  const { put, listener, reloads, files } = await start();
  const good = await issue(authority, '0b');
  await put({ ...good, 'tls.key': (await issue(authority, '0c'))['tls.key'] });
  await until(() => reloads.length === 1);
  await files.look();
  await put({ ...good, 'tls.crt': 'nothing' });
  await until(() => reloads.length === 2);
  expect(await shownSerial(listener)).toBe('0A');
  await put(good);
  await until(() => reloads.length === 3);
  expect(await shownSerial(listener)).toBe('0B');
  expect(reloads.map((problem) => problem === undefined)).toStrictEqual([false, false, true]);
});

test('a pair that is replaced between the reading of the one file and of the other is taken, and is no problem', async () => {
  const { folder, put, turn } = await mount();
  const [first, second, third] = [
    await issue(authority, '0a'),
    await issue(authority, '0b'),
    await issue(authority, '0c'),
  ];
  await put(first);
  const reloads: (string | undefined)[] = [];
  const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  const files = await TlsFiles.open({
    ...{ certFile, keyFile },
    reloadMs: 600_000,
    onReload: (problem) => reloads.push(problem),
  });
  open.push({ close: () => files.close() });
  // A pipe is read for as long as nothing is written to it.
  await mkdir(join(folder, '..pipes'));
  const pipes = ['tls.crt', 'tls.key'].map((name) => join(folder, '..pipes', name));
  execFileSync('mkfifo', pipes);
  await turn('..pipes');
  const looked = files.look();
  const [cert, key] = await Promise.all(pipes.map((pipe) => openFile(pipe, 'w')));
  await put(third);
  await cert?.writeFile(second['tls.crt']);
  await key?.writeFile(third['tls.key']);
  await Promise.all([cert?.close(), key?.close()]);
  await looked;
  expect(reloads).toStrictEqual([undefined]);
  expect(files.current.cert.toString()).toBe(third['tls.crt']);
});

test('files that cannot be used at the start are told', async () => {
  const { folder, put } = await mount();
  const options = {
    certFile: join(folder, 'tls.crt'),
    keyFile: join(folder, 'tls.key'),
    reloadMs: 20,
    onReload: () => undefined,
  };
  await expect(TlsFiles.open(options)).rejects.toMatchObject({ code: 'ENOENT' });
  const good = await issue(authority, '0b');
  await put({ ...good, 'ca.crt': 'nothing' });
  await expect(TlsFiles.open({ ...options, clientCaFile: join(folder, 'ca.crt') })).rejects.toThrow('no certificate');
});

test('ALPN chooses: HTTP/2 for clients that have it, else HTTP/1.1', async () => {
  const { listener } = await start();
  const session = connectHttp2(`https://127.0.0.1:${listener.address.port}`, client());
  open.push({ close: () => session.destroy() });
  const stream = session.request({ ':path': '/' });
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  expect([headers[':status'], session.alpnProtocol]).toStrictEqual([200, 'h2']);
  const plain = connect({ ...client(), port: listener.address.port });
  open.push({ close: () => plain.destroy() });
  plain.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  const [answer] = (await once(plain, 'data')) as [Buffer];
  expect(answer.toString()).toContain('HTTP/1.1 200 OK');
});

/** What a client with these files gets for a GET; the error code where it gets nothing. */
async function ask({ address }: Listener, files: { cert?: string; key?: string } = {}, path = '/') {
  return await new Promise<readonly [number, string]>((resolve) => {
    const call = request({ ...client(), ...files, agent: false, port: address.port, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve([response.statusCode ?? 0, text]));
    });
    call.on('error', (error: NodeJS.ErrnoException) => resolve([0, error.code ?? '']));
    call.end();
  });
}

const certificates = new CertificateAuthenticator(new AllowedCallers(['localhost']), undefined);
const byCertificate: Authenticator = {
  authenticate: (_headers, peer) =>
    certificates.judge(peer) ?? refused('missing', 'a certificate is needed', undefined),
};

test('where certificates are required, a client without one, or with a stranger’s, is not even heard', async () => {
  const { listener, dropped } = await start('Required', byCertificate);
  expect(await ask(listener, await authority.issue('10'))).toStrictEqual([200, '{"caller":"localhost"}\n']);
  expect((await ask(listener))[0]).toBe(0);
  expect((await ask(listener, await stranger.issue('11')))[0]).toBe(0);
  expect(dropped).toStrictEqual(['handshake', 'handshake']);
});

test('where they are optional, a client without one is a 401, but for its health', async () => {
  const { listener } = await start('Optional', byCertificate);
  expect((await ask(listener, await authority.issue('10')))[0]).toBe(200);
  expect((await ask(listener))[0]).toBe(401);
  expect((await ask(listener, await stranger.issue('11')))[0]).toBe(401);
  expect(await ask(listener, {}, '/healthz')).toStrictEqual([200, '{"caller":null}\n']);
});

test('another authority of clients counts from the next connection on', async () => {
  const { listener, put } = await start('Required', byCertificate);
  const [ours, theirs] = [await authority.issue('10'), await stranger.issue('11')];
  expect([(await ask(listener, ours))[0], (await ask(listener, theirs))[0]]).toStrictEqual([200, 0]);
  await put(await issue(authority, '0b', stranger));
  await until(async () => (await ask(listener, theirs))[0] === 200);
  expect((await ask(listener, ours))[0]).toBe(0);
});

test('a client that begins a handshake and says no more does not hold the drain up', async () => {
  const { listener } = await start();
  const socket = connect({ ...client(), port: listener.address.port });
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  socket.pause();
  await listener.drain(20);
  await closed;
});
