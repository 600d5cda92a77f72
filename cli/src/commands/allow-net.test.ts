import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { runEdict, temporaryFolder } from '../testing/run-edict.ts';
import { runProcess } from '../testing/run-process.ts';

const POLICY = `package ask

who := body.name if {
	print("asking for", input.user)
	body := http.send({"method": "POST", "url": input.url, "body": {"user": input.user}}).body
}

home := net.lookup_ip_addr("localhost")

status := http.send({"method": "GET", "url": input.url, "raise_error": false})

test_who if who == "Ann" with input as {"url": "URL", "user": "ann"}

test_other if who == "Bob" with input as {"url": "URL", "user": "ann"}
`;

let server: Server;
let url: string;
let bodies: string[];

beforeEach(async () => {
  bodies = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.setHeader('content-type', 'application/json');
      response.end('{"name": "Ann"}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const folderOf = async () =>
  await temporaryFolder({
    'ask.rego': POLICY.replaceAll('URL', url),
    'input.json': JSON.stringify({ url, user: 'ann' }),
  });

test('a policy asks hosts that are allowed, once, and prints once', async () => {
  await using folder = await folderOf();
  const args = ['-d', folder.path('ask.rego'), '-i', folder.path('input.json'), '-f', 'raw', 'data.ask.who'];
  const outcome = await runEdict(['eval', '--allow-net', 'localhost', '--allow-net', '127.0.0.1', ...args]);
  expect(outcome).toEqual({ code: 0, stdout: 'Ann\n', stderr: 'asking for ann\n' });
  expect(bodies).toEqual(['{"user":"ann"}']);
});

test('names are looked up where they are allowed', async () => {
  await using folder = await folderOf();
  const args = ['eval', '--allow-net', 'localhost', '-d', folder.path('ask.rego'), '-f', 'raw'];
  const { stdout } = await runEdict([...args, '"127.0.0.1" in data.ask.home']);
  expect(stdout).toBe('true\n');
});

test.each([
  ['nothing is allowed', [], 'http.send was refused: name the hosts that policies may ask with --allow-net\n'],
  ['another host is allowed', ['--allow-net', 'example.com'], 'http.send: '],
])('where %s the result is undefined, and standard error says why', async (_what, allowed, why) => {
  await using folder = await folderOf();
  const args = ['-d', folder.path('ask.rego'), '-i', folder.path('input.json'), '-f', 'pretty', 'data.ask.who'];
  const { code, stdout, stderr } = await runEdict(['eval', ...allowed, ...args]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'undefined\n' });
  expect(stderr).toContain(why);
  expect(bodies).toEqual([]);
});

test('strictly, a request to a host that is not allowed is an error', async () => {
  await using folder = await folderOf();
  const args = ['eval', '--strict-builtin-errors', '-d', folder.path('ask.rego'), '-i', folder.path('input.json')];
  const { code, stderr } = await runEdict([...args, '--allow-net', 'example.com', '-f', 'raw', 'data.ask.who']);
  expect(code).toBe(2);
  expect(stderr).toContain('disallowed host: 127.0.0.1');
});

test('an explanation repeats the evaluation and not its requests', async () => {
  await using folder = await folderOf();
  const args = [
    '-d',
    folder.path('ask.rego'),
    '-i',
    folder.path('input.json'),
    '-f',
    'pretty',
    '--why',
    'data.ask.who',
  ];
  const { stdout } = await runEdict(['eval', '--allow-net', '127.0.0.1', ...args]);
  expect(stdout).toContain('[body = {"name":"Ann"}');
  expect(bodies).toHaveLength(1);
});

test('each test asks for itself, and tests that fail are explained without asking again', async () => {
  await using folder = await folderOf();
  const { code, stdout } = await runEdict(['test', '--allow-net', '127.0.0.1', folder.path('ask.rego')]);
  expect(code).toBe(2);
  expect(stdout).toContain('PASS: 1/2\nFAIL: 1/2\n');
  expect(bodies).toEqual(['{"user":"ann"}', '{"user":"ann"}']);
});

test('a benchmark asks once, and its process ends', async () => {
  await using folder = await folderOf();
  const args = ['bench', '-d', 'ask.rego', '-i', 'input.json', '--duration', '500ms', '--allow-net', '127.0.0.1'];
  const { code, stdout } = await runProcess([...args, '-f', 'json', 'data.ask.status.status_code'], folder.path('.'));
  expect(code).toBe(0);
  expect((JSON.parse(stdout) as { readonly N: number }).N).toBeGreaterThan(1);
  expect(bodies).toHaveLength(1);
});

test('what names no host is refused', async () => {
  const { code, stderr } = await runEdict(['eval', '--allow-net', 'http://example.com/', '1']);
  expect(code).toBe(1);
  expect(stderr).toContain("--allow-net: 'http://example.com/' is no host name");
});
