import { expect, test } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ROOMY, startServer, type Received } from '../testing/network-servers.ts';
import { bodyOf, failureOf, useNetwork } from '../testing/use-network.ts';

const { serve, serveRaw, open } = useNetwork();

const ok = (_request: Received, response: ServerResponse): void => void response.end('fine');

test('a request arrives as the policy wrote it, and the response as the server did', async () => {
  const server = await serve((_request, response) => {
    response.writeHead(418, 'Teapot', [
      ['X-Twice', 'a'],
      ['X-Twice', Buffer.from('青').toString('latin1')],
      ['Content-Type', 'text/plain'],
    ]);
    response.end('short and stout');
  });
  const { send, seen } = open({ userAgent: 'Edict/test' });
  const answer = await send(`${server.url}/tea?milk=1`, {
    method: 'POST',
    headers: [['X-Cup', 'blau, schön, 青']],
    body: 'größer',
  });
  expect(server.received).toMatchObject([
    {
      method: 'POST',
      url: '/tea?milk=1',
      body: 'größer',
      headers: {
        'x-cup': Buffer.from('blau, schön, 青').toString('latin1'),
        'content-length': '8',
        'user-agent': 'Edict/test',
      },
    },
  ]);
  expect(answer).toMatchObject({ ok: true, response: { statusCode: 418, status: '418 Teapot' } });
  expect(answer.ok && answer.response.headers.filter(([name]) => name.startsWith('X'))).toStrictEqual([
    ['X-Twice', 'a'],
    ['X-Twice', '青'],
  ]);
  expect(bodyOf(answer)).toBe('short and stout');
  expect(seen).toMatchObject([{ builtin: 'http.send', outcome: 'answered', requestBytes: 8, responseBytes: 15 }]);
});

test('headers that frame the message are ours, whatever the policy says', async () => {
  const server = await serve(ok);
  const { send } = open();
  const headers = [
    ['Content-Length', '1'],
    ['Transfer-Encoding', 'chunked'],
    ['Connection', 'upgrade'],
    ['Upgrade', 'h2c'],
    ['Host', 'other.example'],
  ] as const;
  expect(bodyOf(await send(server.url, { method: 'PUT', body: 'abc', headers }))).toBe('fine');
  const [got] = server.received;
  expect(got).toMatchObject({ body: 'abc', headers: { 'content-length': '3', host: 'other.example' } });
  expect(got?.headers['transfer-encoding'] ?? got?.headers.upgrade).toBeUndefined();
});

test('a user in the URL becomes basic authentication', async () => {
  const server = await serve(ok);
  const { send } = open();
  await send(server.url.replace('//', '//me:a%40b@'));
  expect(server.received[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:a@b').toString('base64')}`);
});

test('connections are kept, and one that the server closed meanwhile is replaced', async () => {
  const server = await serve(ok);
  const { send } = open();
  await send(`${server.url}/1`);
  await send(`${server.url}/2`);
  expect(server.sockets).toHaveLength(1);
  server.sockets[0]?.destroy();
  expect(bodyOf(await send(`${server.url}/3`))).toBe('fine');
  expect(server.sockets).toHaveLength(2);
});

test.each([
  ['never answers', (_socket: Socket): void => undefined, 'awaiting headers', 'network', 100],
  [
    'sends its header a byte at a time',
    (socket: Socket): void => {
      const text = 'HTTP/1.1 200 OK\r\nX-Slow: '.padEnd(10_000, 'x');
      let sent = 0;
      const timer = setInterval(() => socket.write(text.charAt(sent++)), 5);
      socket.on('close', () => clearInterval(timer));
    },
    'awaiting headers',
    'network',
    100,
  ],
  [
    'sends its body a byte at a time',
    (socket: Socket): void => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n');
      const timer = setInterval(() => socket.write('x'), 5);
      socket.on('close', () => clearInterval(timer));
    },
    'while reading body',
    'internal',
    // The header comes within it.
    2_000,
  ],
])('a server that %s meets the time-out', async (_name, connected, words, kind, timeoutMs) => {
  const server = await serveRaw(connected);
  const { send, outcomes } = open();
  const failure = failureOf(await send(server.url, { timeoutMs }));
  expect(failure).toMatchObject({ kind, message: expect.stringContaining(words) });
  if (kind === 'network') expect(failure).toMatchObject({ timedOut: true, url: `${server.url}/` });
  expect(outcomes()).toStrictEqual(['timeout']);
});

test('a time-out beyond what timers can hold is none', async () => {
  const server = await serve((_request, response) => void setTimeout(() => response.end('late'), 20));
  const { send } = open();
  expect(bodyOf(await send(server.url, { timeoutMs: 1e15 }))).toBe('late');
});

test('a request that sets no time-out is bounded by what the decision has left', async () => {
  const server = await serveRaw(() => undefined);
  const { send, outcomes } = open();
  await send(server.url, { timeoutMs: 0 }, { maxMs: 50 });
  await send(server.url, { maxRetries: 1_000_000 }, { maxMs: 50, timeoutMs: 20 });
  expect(outcomes()).toStrictEqual(['timeout', 'timeout']);
});

test.each([
  ['in one piece', (response: ServerResponse): void => void response.end('x'.repeat(100_000))],
  [
    'without saying how long it is, and without end',
    (response: ServerResponse): void => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
      };
      response.on('drain', more);
      more();
    },
  ],
])('a huge body %s is cut off', async (_name, answer) => {
  const server = await serve((_request, response) => answer(response));
  const { send, outcomes } = open();
  expect(failureOf(await send(server.url, {}, { maxResponseBytes: 5_000 }))).toStrictEqual({
    kind: 'internal',
    message: 'the response body is larger than 5000 bytes',
  });
  expect(outcomes()).toStrictEqual(['too-large']);
});

test('a small text that claims to unpack to a huge one stays as it is', async () => {
  const server = await serve((_request, response) => {
    response.setHeader('Content-Encoding', 'gzip');
    response.end('not unpacked');
  });
  const { send } = open();
  expect(bodyOf(await send(server.url))).toBe('not unpacked');
  expect(server.received[0]?.headers['accept-encoding']).toBeUndefined();
});

test.each([
  ['closes without a word', (socket: Socket): void => void socket.end(), 'network', 'EOF'],
  [
    'resets the connection',
    (socket: Socket): void => void socket.resetAndDestroy(),
    'network',
    'read: connection reset by peer',
  ],
  [
    'speaks something else',
    (socket: Socket): void => void socket.end('SSH-2.0-x\r\n\r\n'),
    'network',
    'malformed HTTP response',
  ],
  [
    'breaks off in the body',
    (socket: Socket): void => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'),
    'internal',
    'unexpected EOF',
  ],
  [
    'switches protocols unasked',
    (socket: Socket): void =>
      void socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    'network',
    'the server switched protocols',
  ],
])('a server that %s is a failure that says so', async (_name, connected, kind, message) => {
  const server = await serveRaw((socket) => socket.once('data', () => connected(socket)));
  const { send, outcomes } = open();
  expect(failureOf(await send(server.url))).toMatchObject({
    kind,
    message: expect.stringContaining(message),
  });
  expect(outcomes()).toStrictEqual(['failed']);
});

test('nobody there is said as Go says it', async () => {
  const server = await startServer(ok);
  await server.close();
  const { send } = open();
  expect(failureOf(await send(server.url))).toStrictEqual({
    kind: 'network',
    method: 'GET',
    url: `${server.url}/`,
    message: `dial tcp 127.0.0.1:${server.port}: connect: connection refused`,
    timedOut: false,
  });
});

test('a request is tried again as often as the policy says, and its last failure counts', async () => {
  let connections = 0;
  const server = await serveRaw((socket) => {
    connections++;
    socket.once('data', () => {
      if (connections < 3) socket.resetAndDestroy();
      else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  const { send } = open();
  expect(failureOf(await send(server.url, { maxRetries: 1 }))).toMatchObject({ kind: 'network' });
  expect(connections).toBe(2);
  expect(bodyOf(await send(server.url, { maxRetries: 2 }))).toBe('ok');
});

test.each([
  [301, 'POST', 'GET', ''],
  [302, 'POST', 'GET', ''],
  [303, 'PUT', 'GET', ''],
  [303, 'HEAD', 'HEAD', ''],
  [307, 'POST', 'POST', 'text'],
  [308, 'PUT', 'PUT', 'text'],
])('a %i of a %s is followed by a %s', async (status, method, followed, body) => {
  const server = await serve(({ url }, response) => {
    if (url === '/from') response.writeHead(status, { location: '/to?x=1' });
    response.end();
  });
  const { send } = open();
  const sent = method === 'HEAD' ? undefined : 'text';
  const answer = await send(`${server.url}/from`, { method, body: sent, followRedirects: true });
  expect(answer).toMatchObject({ ok: true, response: { statusCode: 200 } });
  expect(server.received[1]).toMatchObject({ method: followed, url: '/to?x=1', body });
});

test('a redirect is an answer unless the policy wants it followed', async () => {
  const server = await serve((_request, response) => void response.writeHead(302, { location: '/x' }).end());
  const { send } = open();
  expect(await send(server.url)).toMatchObject({ ok: true, response: { statusCode: 302 } });
  expect(server.received).toHaveLength(1);
});

test('a redirect that does not say where to is the answer', async () => {
  const server = await serve((_request, response) => void response.writeHead(302).end());
  const { send } = open();
  expect(await send(server.url, { followRedirects: true })).toMatchObject({ ok: true, response: { statusCode: 302 } });
});

test('a server that does not speak TLS is a failure that says so', async () => {
  const server = await serve(ok);
  const { send } = open();
  expect(failureOf(await send(server.url.replace('http:', 'https:')))).toMatchObject({
    kind: 'network',
    message: 'tls: first record does not look like a TLS handshake',
  });
});

test('redirects without end are ended', async () => {
  const server = await serve((_request, response) => void response.writeHead(302, { location: '/again' }).end());
  const { send } = open();
  expect(failureOf(await send(server.url, { followRedirects: true }, { maxRedirects: 3 }))).toMatchObject({
    kind: 'network',
    url: `${server.url}/again`,
    message: 'stopped after 3 redirects',
  });
  expect(server.received).toHaveLength(4);
});

test.each([
  ['the metadata service', 'http://169.254.169.254/latest/meta-data/', 'disallowed host: 169.254.169.254'],
  ['a private address', 'http://10.1.2.3/', 'disallowed host: 10.1.2.3'],
  ['a number that is an address', 'http://0xa9fea9fe/', 'disallowed host: 169.254.169.254'],
  ['a name that is not listed', 'http://internal.example/', 'disallowed host: internal.example'],
  ['another scheme', 'file:///etc/passwd', 'unsupported protocol scheme "file"'],
])('a redirect to %s goes nowhere', async (_name, location, message) => {
  const server = await serve((_request, response) => void response.writeHead(302, { location }).end());
  const { send } = open();
  expect(failureOf(await send(server.url, { followRedirects: true }))).toMatchObject({ kind: 'network', message });
});

test('a redirect to another host does not take secrets along; one to the same host does', async () => {
  const other = await serve(ok);
  const server = await serve(({ url }, response) => {
    const location = url === '/away' ? `http://localhost:${other.port}/` : url === '/stay' ? '/done' : undefined;
    if (location !== undefined) response.writeHead(302, { location });
    response.end();
  });
  const { send } = open();
  const headers = [
    ['Authorization', 'Bearer x'],
    ['Cookie', 'a=b'],
    ['X-Own', 'kept'],
  ] as const;
  await send(`${server.url}/stay`, { headers, followRedirects: true });
  expect(server.received[1]?.headers).toMatchObject({ authorization: 'Bearer x', cookie: 'a=b', 'x-own': 'kept' });
  await send(`${server.url}/away`, { headers, followRedirects: true });
  expect(other.received[0]?.headers).toMatchObject({ 'x-own': 'kept' });
  expect(Object.keys(other.received[0]?.headers ?? {})).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/^(authorization|cookie)$/)]),
  );
});

test('a name that resolves to an address nobody listed is not connected to', async () => {
  const server = await serve(ok);
  const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
  const { send, outcomes } = open({ allowedHosts: ['rebound.example'], resolve });
  expect(failureOf(await send(`http://rebound.example:${server.port}/`))).toMatchObject({
    kind: 'network',
    message: 'disallowed host: rebound.example is at 127.0.0.1, which no listed network holds',
  });
  expect(server.sockets).toStrictEqual([]);
  expect(outcomes()).toStrictEqual(['forbidden-host']);
});

test('of several addresses only those that are allowed are connected to, whatever a second look-up says', async () => {
  const server = await serve(ok);
  let asked = 0;
  const resolve = () => {
    asked++;
    const addresses = [
      { address: '169.254.169.254', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ];
    return Promise.resolve(asked === 1 ? addresses : addresses.slice(0, 1));
  };
  const { send } = open({ allowedHosts: ['rebound.example', '127.0.0.1'], resolve });
  expect(bodyOf(await send(`http://rebound.example:${server.port}/`))).toBe('fine');
  expect(asked).toBe(1);
});

test('a name that is not listed is not even resolved', async () => {
  const names: string[] = [];
  const resolve = (name: string) => {
    names.push(name);
    return Promise.resolve([]);
  };
  const { port, send } = open({ allowedHosts: ['*.good.example'], resolve });
  expect(failureOf(await send('http://secret.evil.example/'))).toMatchObject({
    message: 'disallowed host: secret.evil.example',
  });
  const request = { builtin: 'net.lookup_ip_addr', key: 'x', name: 'secret.evil.example' } as const;
  expect(await port.lookup(request, ROOMY)).toStrictEqual({
    ok: false,
    message: 'disallowed host: secret.evil.example',
  });
  expect(names).toStrictEqual([]);
});

test('an unknown name is said as Go says it', async () => {
  const resolve = () => Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }));
  const { port, send } = open({ allowedHosts: ['*'], resolve });
  expect(failureOf(await send('http://gone.example/'))).toMatchObject({
    message: 'dial tcp: lookup gone.example: no such host',
  });
  const request = { builtin: 'net.lookup_ip_addr', key: 'x', name: 'gone.example' } as const;
  expect(await port.lookup(request, ROOMY)).toStrictEqual({ ok: false, message: 'lookup gone.example: no such host' });
});

test('the machine itself resolves localhost', async () => {
  const { port, seen } = open();
  const answer = await port.lookup({ builtin: 'net.lookup_ip_addr', key: 'x', name: 'localhost' }, ROOMY);
  expect(answer).toMatchObject({ ok: true });
  expect(answer.ok && answer.addresses.every((address) => ['127.0.0.1', '::1'].includes(address))).toBe(true);
  expect(seen).toMatchObject([{ builtin: 'net.lookup_ip_addr', outcome: 'answered' }]);
});

test('a resolver that hangs meets the time-out, and counts as under way until it ends', async () => {
  const hanging = Promise.withResolvers<[]>();
  const resolve = () => hanging.promise;
  const { port, outcomes } = open({ allowedHosts: ['*'], resolve, maxRequestsUnderWay: 1 });
  const look = () =>
    port.lookup({ builtin: 'net.lookup_ip_addr', key: 'x', name: 'a.example' }, { ...ROOMY, timeoutMs: 20 });
  expect(await look()).toStrictEqual({ ok: false, message: 'lookup a.example: i/o timeout' });
  expect(await look()).toStrictEqual({ ok: false, message: 'too many requests to the network are under way' });
  hanging.resolve([]);
  await hanging.promise;
  await Promise.resolve();
  expect(await look()).toStrictEqual({ ok: true, addresses: [] });
  expect(outcomes()).toStrictEqual(['timeout', 'overloaded', 'answered']);
});

test('requests beyond those that may be under way fail at once', async () => {
  const server = await serveRaw(() => undefined);
  const { send, outcomes, port } = open({ maxRequestsUnderWay: 2 });
  const waiting = [send(server.url), send(server.url)];
  expect(failureOf(await send(server.url))).toMatchObject({ kind: 'internal' });
  expect(outcomes()).toStrictEqual(['overloaded']);
  port.close();
  expect(await Promise.all(waiting)).toMatchObject([{ ok: false }, { ok: false }]);
  expect(await send(server.url)).toMatchObject({ ok: false });
  const request = { builtin: 'net.lookup_ip_addr', key: 'x', name: 'localhost' } as const;
  expect(await port.lookup(request, ROOMY)).toMatchObject({ ok: false });
});

test('a header that is none is the fault of the policy', async () => {
  const { send, outcomes } = open();
  expect(failureOf(await send('http://127.0.0.1:1/', { headers: [['a b', 'x']] }))).toMatchObject({ kind: 'internal' });
  expect(failureOf(await send('http://127.0.0.1:1/', { headers: [['a', 'x\r\ny: z']] }))).toMatchObject({
    kind: 'internal',
  });
  expect(outcomes()).toStrictEqual(['invalid', 'invalid']);
});
