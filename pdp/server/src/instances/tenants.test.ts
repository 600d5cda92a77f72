import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { Serving } from '@edict/crds';
import { createLogger } from '../observability/logger.ts';
import { startPdp, type Pdp, type PdpOptions } from '../pdp.ts';
import { until } from '../testing/conditions.ts';
import { useFolders } from '../testing/folders.ts';
import {
  craneDomain,
  craneDomainWithRego,
  liftRequest,
  publish,
  SET,
  TRUSTED_KEYS,
  type Published,
} from '../testing/revisions.ts';
import { storeRevisions } from '../testing/stored-revisions.ts';
import { TestOperator } from '../testing/test-operator.ts';
import type { InstanceStatus } from './instances.ts';

const newFolder = useFolders();
const running: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of running.splice(0).reverse()) await end();
});

type InstanceText = Readonly<Record<string, unknown>>;

function tenant(set: string, instance: InstanceText, domain = craneDomain(5), n = 1): Published {
  const serving = Serving.parse({ instance: { load: 'OnFirstUse', ...instance } });
  return publish(n, [domain], { revision: { set }, manifest: { serving } });
}

async function start(dataDir: string, operator?: TestOperator, over: Partial<PdpOptions> = {}) {
  const logs: string[] = [];
  const away = operator ?? new TestOperator();
  if (operator === undefined) away.close();
  const pdp = await startPdp({
    ...{ host: '127.0.0.1', port: 0, dataDir, maxBodyBytes: 1_000_000, maxSteps: 1_000_000, includeAll: true },
    ...{ requestTimeoutMs: 10_000, auditBufferBytes: 1_000_000, onAuditFull: 'Drop' as const },
    writeRecords: (_bytes, done) => done(null),
    logger: createLogger('info', (line) => logs.push(line)),
    dial: away.dial('pdp-0'),
    fetchArtifact: away.fetch,
    trustedKeys: () => Promise.resolve(TRUSTED_KEYS),
    ...over,
  });
  running.push(() => pdp.drain(0, 100));
  return { pdp, logs };
}

/** Asks a tenant to lift 5 tons. */
async function ask({ url }: Pdp, name: string | undefined, path = '/decision') {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(name === undefined ? {} : { 'policy-set': name }) },
    body: JSON.stringify(liftRequest(5)),
  });
  const { allow, type } = (await response.json()) as { allow?: boolean; type?: string };
  return { status: response.status, allow, type, set: response.headers.get('policy-set') };
}

const state = (pdp: Pdp, set: string): InstanceStatus | undefined =>
  pdp.status().sets.find((status) => status.set === set)?.instance;
const isReady = (pdp: Pdp) => async () => (await fetch(`${pdp.url}/readyz`)).ok;

test('a PDP is ready with tenants on disk; each comes into memory with its first request, by whatever name', async () => {
  const folder = await newFolder();
  await storeRevisions(folder, [
    tenant('port/north', { names: ['north', 'north.example'] }),
    tenant('port/south', { names: ['south'] }, craneDomain(4)),
  ]);
  const { pdp } = await start(folder);
  await until(isReady(pdp));
  expect([state(pdp, 'port/north'), state(pdp, 'port/south')]).toMatchObject([{ state: 'cold' }, { state: 'cold' }]);
  expect(await ask(pdp, 'north')).toMatchObject({ status: 200, allow: true, set: 'port/north' });
  expect(state(pdp, 'port/north')).toMatchObject({ state: 'warm', load: 'OnFirstUse', graceMs: 300_000 });
  expect(state(pdp, 'port/south')).toMatchObject({ state: 'cold' });
  const south = { status: 200, allow: false, set: 'port/south' };
  expect(await ask(pdp, undefined, '/instances/south/decision')).toMatchObject(south);
  expect(await ask(pdp, undefined, '/instances/port%2Fsouth/decision')).toMatchObject(south);
  expect(await ask(pdp, 'west')).toMatchObject({ status: 503, type: 'urn:edict:problem:unknown-set' });
  expect(await ask(pdp, undefined)).toMatchObject({ status: 400, type: 'urn:edict:problem:set-required' });
});

test('a tenant that nobody asks leaves memory after its grace, however busy others are, and comes back', async () => {
  const folder = await newFolder();
  await storeRevisions(folder, [tenant('port/idle', { grace: '50ms' }), tenant('port/busy', { grace: '1h' })]);
  const { pdp } = await start(folder);
  await until(isReady(pdp));
  for (let round = 0; round < 2; round++) {
    expect(await ask(pdp, 'port/idle')).toMatchObject({ status: 200, allow: true });
    await until(async () => {
      expect(await ask(pdp, 'port/busy')).toMatchObject({ status: 200 });
      return state(pdp, 'port/idle')?.state === 'cold';
    });
    expect([pdp.sets.all.has('port/idle'), pdp.sets.all.has('port/busy')]).toStrictEqual([false, true]);
  }
});

test('what was compiled is found again after a restart; what is damaged is compiled anew', async () => {
  const folder = await newFolder();
  const published = tenant('port/north', {});
  await storeRevisions(folder, [published]);
  const first = await start(folder);
  await until(isReady(first.pdp));
  await first.pdp.drain(0, 100);
  const [form = ''] = await readdir(join(folder, 'compiled'));
  const path = join(folder, 'compiled', form);
  const [bundle = ''] = published.manifest.domains.map(({ digest }) => digest.replace(':', '-'));
  await rename(join(folder, 'artifacts', bundle), join(folder, 'away'));
  const second = await start(folder);
  await until(isReady(second.pdp));
  expect(await ask(second.pdp, 'port/north')).toMatchObject({ status: 200, allow: true });
  await second.pdp.drain(0, 100);

  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  await writeFile(path, bytes);
  await rename(join(folder, 'away'), join(folder, 'artifacts', bundle));
  const third = await start(folder);
  await until(isReady(third.pdp));
  expect(await ask(third.pdp, 'port/north')).toMatchObject({ status: 200, allow: true });
  expect(await readFile(path)).not.toStrictEqual(bytes);
});

test('a tenant whose files are gone is 503 for itself alone, and recovers by itself', async () => {
  const folder = await newFolder();
  await storeRevisions(folder, [tenant('port/lost', {}), tenant('port/well', {})]);
  const { pdp, logs } = await start(folder);
  await until(isReady(pdp));
  const away = await newFolder();
  for (const part of ['compiled', 'artifacts']) await rename(join(folder, part), join(away, part));
  expect(await ask(pdp, 'port/lost')).toMatchObject({ status: 503, type: 'urn:edict:problem:broken-set' });
  expect(state(pdp, 'port/lost')).toMatchObject({ state: 'broken', failure: expect.any(String) as unknown });
  expect(logs.some((line) => line.includes('instance broken') && line.includes('port/lost'))).toBe(true);
  for (const part of ['compiled', 'artifacts']) {
    await rm(join(folder, part), { recursive: true, force: true });
    await rename(join(away, part), join(folder, part));
  }
  await until(() => state(pdp, 'port/lost')?.state === 'warm');
  expect(await ask(pdp, 'port/lost')).toMatchObject({ status: 200, allow: true });
  expect(await ask(pdp, 'port/well')).toMatchObject({ status: 200, allow: true });
});

test('a tenant that does not compile, or costs too much, harms no other', async () => {
  const folder = await newFolder();
  const endless = 'package authz\n\nallow { count([1 | numbers.range(1, 3000)[_]; numbers.range(1, 3000)[_]]) > 0 }\n';
  await storeRevisions(folder, [
    tenant('port/broken', {}, craneDomainWithRego('package authz\n\nallow { x := y }\n')),
    tenant('port/slow', { limits: { maxSteps: 1_000 } }, craneDomainWithRego(endless)),
    tenant('port/well', {}),
  ]);
  const { pdp } = await start(folder);
  await until(isReady(pdp));
  expect(await ask(pdp, 'port/broken')).toMatchObject({ status: 503, type: 'urn:edict:problem:broken-set' });
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => ask(pdp, index % 2 === 0 ? 'port/slow' : 'port/well')),
  );
  expect(answers.map(({ status, allow }) => [status, allow])).toStrictEqual(
    Array.from({ length: 20 }, (_, index) => [200, index % 2 === 1]),
  );
});

test('a revision of a cold tenant leaves it cold, one of a warm tenant lets nobody wait; both are served at once', async () => {
  const operator = new TestOperator();
  running.push(() => operator.close());
  const { pdp } = await start(await newFolder(), operator);
  operator.publish(tenant(SET, {}, craneDomain(4), 1));
  await until(() => pdp.sets.held.get(SET)?.n === 1);
  operator.publish(tenant(SET, {}, craneDomain(5), 2));
  await until(() => pdp.sets.held.get(SET)?.n === 2);
  expect([state(pdp, SET)?.state, pdp.sets.all.has(SET)]).toStrictEqual(['cold', false]);
  expect(await ask(pdp, SET)).toMatchObject({ status: 200, allow: true });
  const text = await pdp.metrics.registry.getSingleMetricAsString('pdp_instance_loads_total');
  expect(text).toContain('pdp_instance_loads_total{outcome="loaded"} 1');
  operator.publish(tenant(SET, {}, craneDomain(4), 3));
  await until(async () => {
    const { status, allow } = await ask(pdp, SET);
    expect(status).toBe(200);
    return allow === false;
  });
  expect(pdp.sets.all.get(SET)?.n).toBe(3);
  expect(await pdp.metrics.registry.getSingleMetricAsString('pdp_instance_loads_total')).toBe(text);
});

test('what several sets have on disk outlives the start of each of them', async () => {
  const folder = await newFolder();
  const stored = ['a', 'b', 'c', 'd'].map((name, index) => tenant(`port/${name}`, {}, craneDomain(index, { name })));
  await storeRevisions(folder, stored);
  const { pdp } = await start(folder);
  await until(isReady(pdp));
  // What nobody needs goes; by then everything else has been judged too.
  await writeFile(join(folder, 'artifacts', `sha256-${'0'.repeat(64)}`), 'nobody needs this');
  const operator = new TestOperator();
  running.push(() => operator.close());
  await pdp.drain(0, 100);
  const again = await start(folder, operator);
  await until(isReady(again.pdp));
  await until(async () => !(await readdir(join(folder, 'artifacts'))).includes(`sha256-${'0'.repeat(64)}`));
  const names = stored.flatMap(({ artifacts }) => [...artifacts.keys()].map((digest) => digest.replace(':', '-')));
  expect((await readdir(join(folder, 'artifacts'))).sort()).toStrictEqual(names.sort());
});

test('metrics name a bounded number of sets, and say that they fold', async () => {
  const folder = await newFolder();
  await storeRevisions(
    folder,
    ['a', 'b', 'c'].map((name) => tenant(`port/${name}`, {})),
  );
  const { pdp, logs } = await start(folder, undefined, { maxSetLabels: 1 });
  await until(isReady(pdp));
  for (const name of ['a', 'b', 'c']) expect(await ask(pdp, `port/${name}`)).toMatchObject({ status: 200 });
  const text = await pdp.metrics.registry.metrics();
  expect(text).toContain('pdp_folded_sets 2');
  expect(text).toContain('pdp_instance_decisions_total{set="other",outcome="permit"} 2');
  expect(logs.filter((line) => line.includes('share one label'))).toHaveLength(1);
});
