import { afterEach, expect, test } from '@jest/globals';
import { CONSISTENCY_DEFAULTS } from '@edict/bundle';
import { renderTestSuite } from '@edict/engine';
import { principalShare } from '@edict/protocol';
import { createLogger } from './observability/logger.ts';
import { startPdp, type Pdp } from './pdp.ts';
import { until } from './testing/conditions.ts';
import { useFolders } from './testing/folders.ts';
import { craneDomain, liftRequest, publish, SET, TRUSTED_KEYS, type Published } from './testing/revisions.ts';
import { TestOperator } from './testing/test-operator.ts';

const newFolder = useFolders();
const running: { end: () => Promise<void> | void }[] = [];
afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.end();
});

function anOperator(): TestOperator {
  const operator = new TestOperator();
  running.push({ end: () => operator.close() });
  return operator;
}

async function aPdp(operator: TestOperator, dataDir: string): Promise<Pdp> {
  const pdp = await startPdp({
    ...{ host: '127.0.0.1', port: 0, dataDir, maxBodyBytes: 1_000_000, maxSteps: 10_000_000, includeAll: true },
    requestTimeoutMs: 10_000,
    writeRecords: (_bytes, done) => done(null),
    logger: createLogger('error', () => undefined),
    dial: operator.dial('pdp-0'),
    fetchArtifact: operator.fetch,
    trustedKeys: () => Promise.resolve(TRUSTED_KEYS),
  });
  running.push({ end: () => pdp.drain(0, 100) });
  return pdp;
}

const QUARTER = 2_500;
const SALT = `uid of ${SET}/1`;
const names = Array.from({ length: 100 }, (_, index) => `ada${index}`);
const [early = ''] = names.filter((name) => principalShare(SALT, name) < QUARTER);
const [late = ''] = names.filter((name) => principalShare(SALT, name) >= QUARTER);

async function ask(pdp: Pdp, sub: string, tons = 7) {
  const porc = { ...liftRequest(tons), principal: { sub, mroles: ['mrn:harbour:role:operator'] } };
  const answer = await fetch(`${pdp.url}/decision`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(porc),
  });
  const body = (await answer.json()) as { readonly allow?: boolean; readonly type?: string };
  return { status: answer.status, n: Number(answer.headers.get('policy-revision')), ...body };
}

const serves = (pdp: Pdp, n: number) => () => pdp.sets.all.get(SET)?.n === n;
const hasCanary = (pdp: Pdp, n: number) => () => pdp.sets.canaries.get(SET)?.revision.n === n;

const CANARY = {
  waves: [
    { principals: QUARTER, soakMs: 0, needsApproval: false },
    { soakMs: 0, needsApproval: true },
  ],
};

test('a canary answers the principals of its share, also after a restart, until everyone is answered by it', async () => {
  const operator = anOperator();
  const dataDir = await newFolder();
  const pdp = await aPdp(operator, dataDir);
  operator.publish(publish(1, [craneDomain(5)]));
  await until(serves(pdp, 1));
  operator.configure(CANARY);
  operator.publish(publish(2, [craneDomain(9)]));
  await until(hasCanary(pdp, 2));
  const both = [
    { status: 200, n: 2, allow: true },
    { status: 200, n: 1, allow: false },
  ];
  expect([await ask(pdp, early), await ask(pdp, late)]).toStrictEqual(both);
  expect(pdp.status().sets).toMatchObject([{ active: { revision: 1 }, canary: { revision: 2, share: QUARTER } }]);

  await pdp.drain(0, 100);
  const again = await aPdp(anOperator(), dataDir);
  await until(serves(again, 1));
  expect([await ask(again, early), await ask(again, late)]).toStrictEqual(both);
  await again.drain(0, 100);

  const last = await aPdp(operator, dataDir);
  await until(serves(last, 1));
  operator.approve(SET, 2, 1);
  await until(serves(last, 2));
  expect([await ask(last, early), await ask(last, late)]).toStrictEqual([both[0], both[0]]);
  expect(last.status().sets[0]).not.toHaveProperty('canary');
});

test('a strict set answers only while the operator vouches for it, and again when it does', async () => {
  const operator = anOperator();
  const pdp = await aPdp(operator, await newFolder());
  const consistency = { ...CONSISTENCY_DEFAULTS, mode: 'Strict', leaseMs: 5_000, onStale: 'NotReady' } as const;
  operator.publish(
    publish(1, [craneDomain(9)], { manifest: { consistency: { ...consistency, onControlPlaneLoss: 'Stop' } } }),
  );
  await until(async () => (await ask(pdp, 'ada')).status === 200);
  expect((await fetch(`${pdp.url}/readyz`)).status).toBe(200);
  operator.vouch(false);
  await until(async () => (await ask(pdp, 'ada')).status === 503);
  expect(await ask(pdp, 'ada')).toMatchObject({ type: 'urn:edict:problem:stale' });
  const ready = await fetch(`${pdp.url}/readyz`);
  expect([ready.status, await ready.json()]).toMatchObject([503, { type: 'urn:edict:problem:stale' }]);
  expect(pdp.status().sets).toMatchObject([{ lease: { mode: 'Strict', action: 'NotReady', stale: true } }]);
  operator.vouch(true);
  await until(async () => (await ask(pdp, 'ada')).status === 200);
});

test('a candidate is asked what live requests ask, and what it would answer otherwise holds it back', async () => {
  const operator = anOperator();
  const pdp = await aPdp(operator, await newFolder());
  operator.publish(publish(1, [craneDomain(9)]));
  await until(serves(pdp, 1));
  operator.configure({
    shadow: { samplePpm: 1_000_000, windowMs: 3_000, maxGrantToDeny: 0, minSamples: 1, onNoTraffic: 'Pass' },
  });
  operator.publish(publish(2, [craneDomain(5)]));
  const found = async () => {
    await ask(pdp, 'ada');
    const reports = operator.heard.filter((message) => message.type === 'ShadowReport');
    return reports.find(({ counts }) => counts.grantToDeny > 0);
  };
  const report = await until(found);
  expect(report.counts.changed).toBe(report.counts.grantToDeny);
  expect(report.samples[0]).toMatchObject({
    difference: 'GrantToDeny',
    operation: 'crane:lift',
    resource: 'mrn:harbour:crane:*',
  });
  expect(JSON.stringify(report)).not.toContain('ada');
  const decision = await until(() => operator.decisionOf(SET, 2));
  expect([decision, (await ask(pdp, 'ada')).n]).toMatchObject([{ type: 'Abort', cause: { reason: 'Gate' } }, 1]);
  expect(pdp.sets.shadows.of(SET).tap).toBeUndefined();
});

/** A revision that carries a test: operators may lift so many tons. */
function tested(n: number, limit: number, tons: number): Published {
  const suite = renderTestSuite({
    name: 'cranes',
    cases: [{ name: `lifts ${tons}`, porc: liftRequest(tons), allow: true }],
  });
  const published = publish(n, [craneDomain(limit)], { manifest: { tests: [suite.digest] } });
  return { ...published, artifacts: new Map([...published.artifacts, [suite.digest, suite.gzip]]) };
}

test('a revision is prepared only if its tests pass on what was compiled of it, and the first that fails is named', async () => {
  const operator = anOperator();
  const pdp = await aPdp(operator, await newFolder());
  operator.publish(tested(1, 5, 5));
  await until(serves(pdp, 1));
  const prepared = operator.heard.find((message) => message.type === 'Prepared');
  expect(prepared).toMatchObject({ tests: { passed: 1, failed: 0 } });
  operator.publish(tested(2, 5, 6));
  const decision = await until(() => operator.decisionOf(SET, 2));
  const nack = operator.heard.find((message) => message.type === 'Nack');
  expect(nack).toMatchObject({ phase: 'Test', code: 'TestsFailed', deterministic: true });
  expect(JSON.stringify(nack)).toContain('suite cranes, case lifts 6: expected allow=true');
  expect([decision.type, (await ask(pdp, 'ada', 5)).n]).toStrictEqual(['Abort', 1]);
});
