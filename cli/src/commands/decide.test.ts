import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { domainYaml, GATE_REGO, referenceYaml } from '../testing/domains.ts';
import { runEdict, temporaryFolder } from '../testing/run-edict.ts';

const ANN = JSON.stringify({ principal: { sub: 'ann' }, operation: 'shop:buy', resource: 'mrn:shop:1' });
const BOB = ANN.replace('ann', 'bob');

test.each([
  ['a grant', ANN, 'GRANT'],
  ['a denial', BOB, 'DENY'],
  ['an empty object, which nobody grants', '{}', 'DENY'],
])('%s ends with 0 and names each policy that had a say', async (_what, stdin, decision) => {
  await using folder = await temporaryFolder({ 'domain.yaml': domainYaml() });
  const { code, stdout, stderr } = await runEdict(['decide', '-b', folder.path('domain.yaml')], { stdin });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.split('\n')[0]).toBe(decision);
  expect(stdout).toMatch(/^ {2}SYSTEM\s+(GRANT|DENY)\s.*by mrn:iam:policy:gate$/m);
});

test('JSON carries the access record', async () => {
  await using folder = await temporaryFolder({ 'domain.yaml': domainYaml(), 'porc.json': ANN });
  const { stdout } = await runEdict([
    'decide',
    '-b',
    folder.path('domain.yaml'),
    '-i',
    folder.path('porc.json'),
    '-o',
    'json',
  ]);
  expect(JSON.parse(stdout)).toMatchObject({ allow: true, record: { decision: 'GRANT', operation: 'shop:buy' } });
});

test('a reference decides like the domain that it builds', async () => {
  await using folder = await temporaryFolder({ 'gate.rego': GATE_REGO });
  const file = await folder.write('ref.yaml', referenceYaml(folder.path('gate.rego')));
  expect((await runEdict(['decide', '-b', file, '-i', '-'], { stdin: ANN })).stdout).toMatch(/^GRANT/);
});

test.each([
  ['nothing', '', 'PORC is empty'],
  ['no JSON', 'operation: x', 'at line 1, column 1'],
  ['JSON that ends early', '{"principal":\n{', 'at line 2'],
  ['a list', '[]', 'must be an object'],
  ['text after the object', '{} x', 'not valid JSON'],
  ['a number that no double can hold', '{"operation":1e400}', 'number'],
])('a PORC of %s is refused with its place', async (_what, stdin, message) => {
  await using folder = await temporaryFolder({ 'domain.yaml': domainYaml() });
  const { code, stdout, stderr } = await runEdict(['decide', '-b', folder.path('domain.yaml')], { stdin });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^error: standard input: /);
  expect(stderr).toContain(message);
});

test.each([
  ['broken Rego', domainYaml('allow := := 1'), /^error: FILE:13:\d+: \[policy mrn:iam:policy:gate\]/],
  [
    'a built-in that reaches out',
    domainYaml('allow := http.send({"method": "get", "url": "http://x"}).status_code'),
    /^error: FILE:13:\d+: .*http\.send/,
  ],
  ['an unknown version', domainYaml().replace('v1beta1', 'v9'), /^error: FILE.*v9/],
  ['no YAML', 'a: [', /^error: FILE:\d+:\d+: /],
])('a domain with %s decides nothing', async (_what, text, expected) => {
  await using folder = await temporaryFolder({ 'bad.yaml': text });
  const { code, stdout, stderr } = await runEdict(['decide', '-b', folder.path('bad.yaml')], { stdin: ANN });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr.replaceAll(folder.path('bad.yaml'), 'FILE')).toMatch(expected);
});

test.each([
  ['neither files nor a PDP', [], 'name PolicyDomain files with -b'],
  ['both', ['-b', 'x.yaml', '--url', 'http://127.0.0.1:1'], "cannot be used with option '-b"],
  ['what only a PDP understands', ['-b', 'x.yaml', '--probe'], 'need --url'],
  ['a URL that is none', ['--url', 'localhost'], 'It is a URL such as'],
  ['a file that is not there', ['-b', 'no/such.yaml'], 'cannot read no/such.yaml: no such file or directory'],
  ['a PORC that is not there', ['-b', 'x.yaml', '-i', 'no/such.json'], 'cannot read no/such.json'],
])('%s is refused', async (_what, args, message) => {
  const { code, stderr } = await runEdict(['decide', ...args], { stdin: ANN });
  expect(code).toBe(1);
  expect(stderr).toContain(message);
});

async function serve(listener: RequestListener): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

test('a PDP without policy is an error, never a decision', async () => {
  await using pdp = await serve(
    (_request, response) => void response.writeHead(503).end('{"title":"No policy is active yet."}'),
  );
  const { code, stdout, stderr } = await runEdict(['decide', '--url', pdp.url], { stdin: ANN });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(`${pdp.url} answered 503: `);
});

test('something that is no PDP is an error, never a decision', async () => {
  await using other = await serve((_request, response) => void response.end('<html>'));
  const { code, stdout, stderr } = await runEdict(['decide', '--url', other.url], { stdin: ANN });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('answered no decision: <html>');
});

test('a PDP that nobody runs is named with the reason', async () => {
  const gone = await serve(() => undefined);
  await gone[Symbol.asyncDispose]();
  const { code, stderr } = await runEdict(['decide', '--url', gone.url], { stdin: ANN });
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`^error: cannot reach ${gone.url}: .*ECONNREFUSED`));
});
