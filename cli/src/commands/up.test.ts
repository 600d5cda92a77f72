import { request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { readFile, rm, symlink } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { domainYaml } from '../testing/domains.ts';
import { replaceFile } from '../../../operator/src/testing/replace-file.ts';
import { temporaryFolder } from '../testing/run-edict.ts';
import { ask, MAIN, spawnEdict, startUp, until, type RunningUp } from '../testing/running-edict.ts';

const ANN = { principal: { sub: 'ann' }, operation: 'shop:buy', resource: 'mrn:shop:1' };
const allowing = (sub: string): string => domainYaml(`allow := 1 if input.principal.sub == "${sub}"`);

/** What each PDP answers to ann. */
async function answers(
  up: RunningUp,
): Promise<readonly { readonly allow: boolean | undefined; readonly revision: number }[]> {
  return await Promise.all(
    up.pdps.map(async (url) => {
      const { allow, revision } = await ask(url, ANN);
      return { allow, revision };
    }),
  );
}
const all = (allow: boolean, revision: number): readonly unknown[] =>
  Array.from({ length: 3 }, () => ({ allow, revision }));

test('from an empty folder through edits, mistakes, undo and deletion, to the end', async () => {
  await using folder = await temporaryFolder({ 'policies/.keep': '' });
  const file = folder.path('policies/shop.yaml');
  await using up = await startUp(folder.path('policies'));
  expect(up.pdps).toHaveLength(3);
  for (const url of up.pdps) expect(await ask(url, ANN)).toMatchObject({ status: 503, allow: undefined });
  expect(await up.edict('rollout', 'status')).toMatchObject({
    code: 1,
    stderr: 'error: no policy sets in namespace default\n',
  });

  await replaceFile(file, allowing('ann'));
  const first = await up.edict('rollout', 'status');
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toMatch(/default@1 {2}Completed {2}prepared 3\/3, active 3\/3 {2}Converged\n$/);
  expect(await answers(up)).toEqual(all(true, 1));

  // An edit: the status that is asked for right after it is about it.
  await replaceFile(file, allowing('bob'));
  expect((await up.edict('rollout', 'status')).stdout).toMatch(/default@2 {2}Completed .*Converged\n$/);
  expect(await answers(up)).toEqual(all(false, 2));

  // Rego that does not compile: told with its place, exit code 1, and revision 2 answers on.
  await replaceFile(file, allowing('ann').replace('default allow', 'default := allow'));
  const broken = await up.edict('rollout', 'status');
  expect(broken.code).toBe(1);
  expect(broken.stdout).toMatch(/default@2 .*Invalid\n$/);
  expect(broken.stderr).toMatch(/shop is refused, what it said before serves on$/m);
  expect(broken.stderr).toMatch(/^shop\.yaml:12:\d+: \[policy mrn:iam:policy:gate\] /m);
  expect(up.output.stderr).toMatch(/^PolicyDomain shop: Refused: shop\.yaml:12:\d+: \[policy mrn:iam:policy:gate\] /m);
  expect(await answers(up)).toEqual(all(false, 2));

  // YAML that does not parse.
  await replaceFile(file, 'kind: [');
  const unread = await up.edict('rollout', 'status');
  expect(unread.code).toBe(1);
  expect(unread.stderr).toMatch(/shop\.yaml:\d+:\d+: /);
  expect(await answers(up)).toEqual(all(false, 2));

  // Mended, and undone.
  await replaceFile(file, allowing('bob'));
  expect(await up.edict('rollout', 'status')).toMatchObject({ code: 0, stderr: '' });
  expect(await up.edict('rollout', 'undo')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('content of revision 1'),
  });
  expect(await up.edict('rollout', 'status')).toMatchObject({ code: 0 });
  expect(await answers(up)).toEqual(all(true, 3));
  expect(await up.edict('rollout', 'undo', '--to-revision', '9')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no revision 9'),
  });
  expect(await up.edict('rollout', 'undo', '--clear')).toMatchObject({ code: 0 });
  expect(await up.edict('rollout', 'status')).toMatchObject({ code: 0 });
  expect(await answers(up)).toEqual(all(false, 4));
  expect(await up.edict('rollout', 'undo', '--to-revision', '1')).toMatchObject({ code: 0 });
  expect(await up.edict('rollout', 'status')).toMatchObject({ code: 0 });
  expect(await answers(up)).toEqual(all(true, 5));

  const history = await up.edict('rollout', 'history', '-o', 'json');
  expect(JSON.parse(history.stdout)).toMatchObject([
    { n: 5, reason: 'Rollback', rollbackOf: 1 },
    { n: 4, reason: 'Spec' },
    { n: 3, reason: 'Rollback', rollbackOf: 1 },
    { n: 2, reason: 'Spec' },
    { n: 1, reason: 'Spec' },
  ]);
  expect((await up.edict('rollout', 'history')).stdout).toMatch(/^REVISION .*\n5 \* +Completed +Rollback to 1 /);
  const pdps = await up.edict('pdps', '-o', 'json');
  expect((JSON.parse(pdps.stdout) as { pod: string }[]).map(({ pod }) => pod)).toEqual([
    'default/pdp-1',
    'default/pdp-2',
    'default/pdp-3',
  ]);
  expect((await up.edict('pdps')).stdout).toMatch(/^PDP .*\ndefault\/pdp-1 +default +Active +5 /);
  const decided = await spawnEdict([
    'decide',
    '--url',
    up.pdps[0] ?? '',
    '-i',
    await folder.write('porc.json', JSON.stringify(ANN)),
  ]);
  expect(decided.stdout).toMatch(/^GRANT {2}by default\/default@5 \(sha256:/);

  // The file goes, the policy is withdrawn: no answer rather than an old one.
  await up.edict('rollout', 'undo', '--clear');
  await up.edict('rollout', 'status');
  await rm(file);
  await up.edict('rollout', 'status');
  await until('the policy to be withdrawn', async () => (await answers(up)).every(({ allow }) => allow !== true));

  expect(await up.stop('SIGTERM')).toBe(0);
});

test('a restart over the same state serves the committed revision at once, and knows its history', async () => {
  await using folder = await temporaryFolder({ 'policies/shop.yaml': allowing('ann') });
  const policies = folder.path('policies');
  {
    await using up = await startUp(policies);
    expect(await up.edict('rollout', 'status')).toMatchObject({ code: 0 });
    expect(await answers(up)).toEqual(all(true, 1));
    expect(await up.stop('SIGINT')).toBe(0);
  }
  await using again = await startUp(policies);
  // Its last-known-good is on disk: nothing has to be rolled out first.
  const seen = new Set<number>();
  await until('every PDP to answer', async () => {
    const given = await answers(again);
    for (const { revision } of given) seen.add(revision);
    return given.every(({ allow }) => allow === true);
  });
  // 0 is no answer: none was given by another revision on the way.
  expect([...seen].filter((revision) => revision !== 0)).toEqual([1]);
  expect(await again.edict('rollout', 'status')).toMatchObject({ code: 0 });
  expect(JSON.parse((await again.edict('rollout', 'history', '-o', 'json')).stdout)).toHaveLength(1);
});

test('access records go to the file that is named', async () => {
  await using folder = await temporaryFolder({ 'policies/shop.yaml': allowing('ann') });
  const records = folder.path('records.jsonl');
  await using up = await startUp(folder.path('policies'), '--records', records, '--pdps', '1');
  expect(await up.edict('rollout', 'status')).toMatchObject({ code: 0 });
  await ask(up.pdps[0] ?? '', ANN);
  expect(await up.stop()).toBe(0);
  expect(JSON.parse(await readFile(records, 'utf8'))).toMatchObject({ decision: 'GRANT', operation: 'shop:buy' });
});

test('a second one over the same folder is refused, and the first goes on', async () => {
  await using folder = await temporaryFolder({ 'shop.yaml': allowing('ann') });
  await using up = await startUp(folder.path('.'), '--pdps', '1');
  const second = await spawnEdict(['up', '--folder', folder.path('.'), '--port', '0', '--api-port', '0']);
  expect(second).toMatchObject({ code: 1, stdout: '' });
  expect(second.stderr).toMatch(
    new RegExp(`^error: \\S+ is in use: .*process ${up.pid} uses this folder; stop it first\n$`),
  );
  expect(await up.edict('rollout', 'status')).toMatchObject({ code: 0 });
});

async function withUsedPort(work: (port: number) => Promise<void>): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await work((server.address() as AddressInfo).port);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

test.each([
  [
    'a PDP',
    '--port',
    '--api-port',
    /^error: port PORT is in use: choose another with --port, or --port 0 for free ones\n$/,
  ],
  ['the API', '--api-port', '--port', /^error: port PORT of the API is in use .*: choose one with --api-port\n$/],
])('a port in use by %s ends it, with which and what to do', async (_what, used, free, expected) => {
  await using folder = await temporaryFolder();
  await withUsedPort(async (port) => {
    const { code, stdout, stderr } = await spawnEdict([
      'up',
      '--folder',
      folder.path('.'),
      used,
      String(port),
      free,
      '0',
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.replaceAll(String(port), 'PORT')).toMatch(expected);
  });
  // Nothing was left behind that would keep the next one from starting.
  await using up = await startUp(folder.path('.'), '--pdps', '1');
  expect(up.pdps).toHaveLength(1);
});

test('a signing key that is damaged is never replaced', async () => {
  await using folder = await temporaryFolder({ '.edict/signing-key.json': '{"keyId":' });
  const { code, stderr } = await spawnEdict(['up', '--folder', folder.path('.'), '--port', '0', '--api-port', '0']);
  expect(code).toBe(1);
  expect(stderr).toContain('signing-key.json is no signing key');
});

test('a folder that is a file is refused', async () => {
  await using folder = await temporaryFolder({ 'a-file': '' });
  const { code, stderr } = await spawnEdict(['up', '--folder', folder.path('a-file')]);
  expect(code).toBe(1);
  expect(stderr).toContain(`error: cannot use ${folder.path('a-file')}: `);
});

test('the API changes nothing for a page that reached this machine under another name', async () => {
  await using folder = await temporaryFolder({ 'shop.yaml': allowing('ann') });
  await using up = await startUp(folder.path('.'), '--pdps', '1');

  const status = await new Promise((resolve, reject) => {
    request(`${up.server}/v1/policysets`, { headers: { host: 'evil.example' } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once('error', reject)
      .end();
  });
  expect(status).toBe(403);
  const act = async (set: string, body: string, type = 'application/json') => {
    const headers = { 'content-type': type };
    return await fetch(`${up.server}/v1/policysets/default/${set}/actions/undo`, { method: 'POST', body, headers });
  };
  expect((await act('default', '{"toRevision":"x"}')).status).toBe(400);
  expect((await act('default', 'no JSON')).status).toBe(400);
  expect((await act('default', '{}', 'text/plain')).status).toBe(415);
  expect((await act('none', '{"toRevision":1}')).status).toBe(404);
  expect((await fetch(`${up.server}/v1/pdps`, { method: 'DELETE' })).status).toBe(405);
  expect((await fetch(`${up.server}/nothing`)).status).toBe(404);
  expect(await (await fetch(`${up.server}/metrics`)).text()).toContain('# TYPE operator_');
});

test('a link of the name kubectl-edict is the plugin', async () => {
  await using folder = await temporaryFolder();
  await symlink(MAIN, folder.path('kubectl-edict'));
  const { code, stdout } = await spawnEdict(['rollout', 'undo', '--help'], folder.path('kubectl-edict'));
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: kubectl edict rollout undo /);
});

test('the web console shows the folder to who has the token', async () => {
  await using folder = await temporaryFolder({ 'shop.yaml': allowing('ann') });
  await using up = await startUp(folder.path('.'), '--pdps', '1', '--console-port', '0');
  await up.edict('rollout', 'status');

  const [, url = '', token = ''] = /^console (\S+) \(token (\S+)\)$/m.exec(up.output.stdout) ?? [];
  const headers = { authorization: `Bearer ${token}` };
  expect((await fetch(`${url}api/v1/sets`)).status).toBe(401);
  expect(await (await fetch(`${url}api/v1/sets`, { headers })).json()).toMatchObject({
    sets: [{ name: 'default', committed: 1, pdps: { active: 1 } }],
  });
  expect(await (await fetch(url)).text()).toMatch(/<!doctype html>/i);
});
