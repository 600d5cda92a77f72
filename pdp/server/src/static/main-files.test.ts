import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { until } from '../testing/conditions.ts';
import { isReady, usePdpProcesses, type PdpProcess } from '../testing/pdp-process.ts';
import { craneFile, mountFiles } from '../testing/policy-files.ts';
import { liftRequest } from '../testing/revisions.ts';

const { start, newFolder } = usePdpProcesses();

const startOn = async (policy: string, env: Readonly<Record<string, string>> = {}): Promise<PdpProcess> =>
  await start([], {
    EDICT_PDP_POLICY_PATH: policy,
    EDICT_PDP_OPERATOR_ADDRESS: '',
    EDICT_PDP_BUNDLES_URL: '',
    EDICT_PDP_DRAIN_DELAY_MS: '0',
    ...env,
  });

async function lift({ port }: PdpProcess, tons: number): Promise<readonly unknown[]> {
  const answer = await fetch(`http://127.0.0.1:${port}/decision`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(liftRequest(tons)),
  });
  return [answer.status, answer.headers.get('policy-revision'), await answer.json()];
}

test('policy files are served without an operator, and equal ones keep their number after a restart', async () => {
  const policy = join(await newFolder(), 'cranes.yaml');
  await writeFile(policy, craneFile(5));
  const pdp = await startOn(policy);
  await isReady(pdp);
  expect(await lift(pdp, 5)).toStrictEqual([200, '1', { allow: true }]);
  expect(await lift(pdp, 6)).toStrictEqual([200, '1', { allow: false }]);
  pdp.child.kill('SIGTERM');
  expect(await pdp.exited).toBe(0);
  const again = await startOn(policy, { EDICT_PDP_DATA_DIR: pdp.folder });
  await isReady(again);
  expect(await lift(again, 5)).toStrictEqual([200, '1', { allow: true }]);
  again.child.kill('SIGTERM');
  await again.exited;
  await writeFile(policy, craneFile(7));
  const changed = await startOn(policy, { EDICT_PDP_DATA_DIR: pdp.folder });
  await until(async () => (await lift(changed, 7).catch(() => []))[1] === '2');
  expect(await lift(changed, 7)).toStrictEqual([200, '2', { allow: true }]);
});

test('files that are watched are swapped at one moment; wrong ones change nothing and are told with their place', async () => {
  const policy = await newFolder();
  await mountFiles(policy, 1, { 'cranes.yaml': craneFile(5) });
  const pdp = await startOn(policy, { EDICT_PDP_POLICY_WATCH: 'true' });
  await isReady(pdp);
  expect(await lift(pdp, 6)).toStrictEqual([200, '1', { allow: false }]);
  await mountFiles(policy, 2, { 'cranes.yaml': craneFile(5).replace('default allow = 0', 'default allow = nowhere') });
  await until(() => pdp.lines().some(({ level }) => level === 'error'));
  expect(pdp.lines().find(({ level }) => level === 'error')).toMatchObject({
    error: expect.stringMatching(/cranes\.yaml:\d+:\d+: \[policy mrn:harbour:policy:gate\] /) as unknown,
  });
  expect(await lift(pdp, 6)).toStrictEqual([200, '1', { allow: false }]);
  const metrics = await (await fetch(`http://127.0.0.1:${pdp.port}/metrics`)).text();
  expect(metrics).toMatch(/^pdp_policy_refused 1$/m);
  await mountFiles(policy, 3, { 'cranes.yaml': craneFile(6) });
  await until(async () => (await lift(pdp, 6))[1] === '2');
  expect(await lift(pdp, 6)).toStrictEqual([200, '2', { allow: true }]);
});

test('wrong files that are read once end the process with every problem', async () => {
  const policy = await newFolder();
  await writeFile(join(policy, 'a.yaml'), craneFile(5).replace('default allow = 0', 'default allow = nowhere'));
  const pdp = await startOn(policy);
  expect(await pdp.exited).toBe(1);
  expect(pdp.stderr()).toMatch(/is refused:\n {2}a\.yaml:\d+:\d+: /);
});
