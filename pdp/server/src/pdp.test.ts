import { rm } from 'node:fs/promises';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { signDecision } from '@edict/bundle';
import { createLogger } from './observability/logger.ts';
import { startPdp, type Pdp, type PdpOptions } from './pdp.ts';
import { until } from './testing/conditions.ts';
import { useFolders } from './testing/folders.ts';
import {
  craneDomain,
  craneDomainWithRego,
  liftRequest,
  publish,
  SET,
  SIGNING_KEY,
  TRUSTED_KEYS,
} from './testing/revisions.ts';
import { storeRevisions } from './testing/stored-revisions.ts';
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

async function aPdp(operator: TestOperator, dataDir: string, over: Partial<PdpOptions> = {}) {
  const records: string[] = [];
  const logs: string[] = [];
  const pdp = await startPdp({
    host: '127.0.0.1',
    port: 0,
    dataDir,
    maxBodyBytes: 1_000_000,
    maxSteps: 10_000_000,
    includeAll: true,
    requestTimeoutMs: 10_000,
    writeRecords: (bytes, done) => {
      records.push(...bytes.toString().trim().split('\n'));
      done(null);
    },
    logger: createLogger('info', (line) => logs.push(line)),
    dial: operator.dial('pdp-0'),
    fetchArtifact: operator.fetch,
    trustedKeys: () => Promise.resolve(TRUSTED_KEYS),
    ...over,
  });
  running.push({ end: () => pdp.drain(0, 100) });
  return { pdp, records, logs };
}

interface Answer {
  readonly status: number;
  readonly revision: number;
  readonly type: string;
  readonly text: string;
}

const agent = new Agent({ keepAlive: true });
running.push({ end: () => agent.destroy() });

function ask({ url }: Pdp, porc: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      `${url}/decision`,
      { method: 'POST', agent, headers: { 'content-type': 'application/json' } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => {
          const type = response.headers['content-type'] ?? '';
          resolve({
            status: response.statusCode ?? 0,
            revision: Number(response.headers['policy-revision']),
            type,
            text,
          });
        });
      },
    );
    call.on('error', reject).end(JSON.stringify(porc));
  });
}

const readiness = async ({ url }: Pdp): Promise<number> => (await fetch(`${url}/readyz`)).status;
const serving = (pdp: Pdp, n: number) => () => pdp.sets.all.get(SET)?.n === n;

test('without policy it lives, is not ready, and gives no decision', async () => {
  const { pdp } = await aPdp(anOperator(), await newFolder());
  const answer = await ask(pdp, liftRequest(1));
  expect(answer).toMatchObject({ status: 503, type: 'application/problem+json', revision: NaN });
  expect(JSON.parse(answer.text)).toMatchObject({ type: 'urn:edict:problem:no-policy', status: 503 });
  const ready = await fetch(`${pdp.url}/readyz`);
  expect([ready.status, await ready.json()]).toMatchObject([503, { type: 'urn:edict:problem:no-policy' }]);
  expect((await fetch(`${pdp.url}/healthz`)).status).toBe(200);
});

test('edits swap under load: no failed request, no answer that was not committed before, none older than one before it', async () => {
  const operator = anOperator();
  const { pdp, records } = await aPdp(operator, await newFolder());
  operator.publish(publish(1, [craneDomain(1)]));
  await until(serving(pdp, 1));
  expect(await readiness(pdp)).toBe(200);

  const edits = 12;
  const answers: (Answer & { readonly at: number; readonly tons: number })[] = [];
  let stopped = false;
  const client = async (): Promise<void> => {
    for (let tons = 1; !stopped; tons = (tons % (edits + 2)) + 1) {
      const answer = await ask(pdp, liftRequest(tons));
      answers.push({ ...answer, tons, at: performance.timeOrigin + performance.now() });
    }
  };
  // Each client's own answers have an order; those of different clients overlap.
  const clients = Array.from({ length: 4 }, client);
  for (let n = 2; n <= edits; n++) {
    operator.publish(publish(n, [craneDomain(n)]));
    await until(serving(pdp, n));
  }
  stopped = true;
  await Promise.all(clients);

  expect(answers.filter(({ status }) => status !== 200)).toStrictEqual([]);
  expect(answers.filter(({ revision, at }) => !(at >= (operator.decidedAt.get(revision) ?? Infinity)))).toStrictEqual(
    [],
  );
  // The content that decided is that of the revision in the header.
  expect(answers.filter(({ revision, tons, text }) => text !== `{"allow":${tons <= revision}}\n`)).toStrictEqual([]);
  const revisions = answers.map(({ revision }) => revision);
  expect(revisions).toStrictEqual(revisions.toSorted((a, b) => a - b));
  expect(new Set(revisions).size).toBeGreaterThan(1);
  await until(() => records.length === answers.length);
  const told = records.map((line) => (JSON.parse(line) as { metadata: { policyRevision: string } }).metadata);
  expect(told.map(({ policyRevision }) => Number(policyRevision)).toSorted((a, b) => a - b)).toStrictEqual(revisions);
});

test('a revision that does not compile is refused with its place, and the last good one answers on', async () => {
  const operator = anOperator();
  const { pdp } = await aPdp(operator, await newFolder());
  operator.publish(publish(1, [craneDomain(5)]));
  await until(serving(pdp, 1));
  operator.publish(publish(2, [craneDomainWithRego('package authz\n\nallow { x := y }\n')]));
  const decision = await until(() => operator.decisionOf(SET, 2));
  expect(decision).toMatchObject({ type: 'Abort', cause: { reason: 'Nack' } });
  expect(JSON.stringify(decision)).toContain('mrn:harbour:policy:lift:3:9');
  expect(await ask(pdp, liftRequest(5))).toMatchObject({ status: 200, revision: 1, text: '{"allow":true}\n' });
  expect(await pdp.metrics.registry.getSingleMetricAsString('pdp_nacks_total')).toContain('phase="Compile"} 1');
  operator.publish(publish(3, [craneDomain(6)]));
  await until(serving(pdp, 3));
});

test('a stored revision that does not compile is logged and counted, and nothing is served', async () => {
  const dataDir = await newFolder();
  const broken = publish(2, [craneDomainWithRego('package authz\n\nallow { x := y }\n')]);
  await storeRevisions(dataDir, [broken]);
  const { pdp, logs } = await aPdp(anOperator(), dataDir);
  const line = await until(() => logs.find((log) => log.includes('stored revision not loaded')));
  expect(JSON.parse(line)).toMatchObject({
    level: 'error',
    set: SET,
    revision: 2,
    digest: broken.revision.digest,
    phase: 'Compile',
    detail: { message: 'var y is unsafe', mrn: 'mrn:harbour:policy:lift', line: 3, column: 9 },
  });
  const { registry } = pdp.metrics;
  expect(await registry.getSingleMetricAsString('pdp_boot_failures_total')).toContain('phase="Compile"} 1');
  // Nobody was told, so it is no NACK.
  expect(await registry.getSingleMetricAsString('pdp_nacks_total')).not.toContain('phase="Compile"');
  expect(await readiness(pdp)).toBe(503);
  const failure = expect.stringContaining('active revision 2 could not be loaded') as unknown;
  await until(() => pdp.status().sets[0]?.state === 'Broken');
  expect(pdp.status().sets).toMatchObject([{ set: SET, failure }]);
  const refused = await ask(pdp, liftRequest(5));
  expect([refused.status, refused.text.includes('urn:edict:problem:broken-set')]).toStrictEqual([503, true]);
});

test('after a restart it serves what was committed before any operator is there, and never what was only staged', async () => {
  const operator = anOperator();
  const dataDir = await newFolder();
  const first = await aPdp(operator, dataDir);
  operator.publish(publish(1, [craneDomain(5)]));
  await until(serving(first.pdp, 1));
  operator.holdDecisions(true);
  operator.publish(publish(2, [craneDomain(9)]));
  await until(() => first.pdp.status().sets[0]?.staged?.revision === 2);
  await first.pdp.drain(0, 100);

  const again = await aPdp(operator, dataDir, {
    dial: ({ onClose }) => {
      queueMicrotask(() => onClose({ code: 'Unavailable', reason: 'nobody listens there' }));
      return { send: () => true, close: () => undefined };
    },
    fetchArtifact: () => Promise.reject(new Error('nothing can be fetched')),
  });
  await until(serving(again.pdp, 1));
  expect(await readiness(again.pdp)).toBe(200);
  expect(await ask(again.pdp, liftRequest(9))).toMatchObject({ status: 200, revision: 1, text: '{"allow":false}\n' });
  expect(again.pdp.status()).toMatchObject({
    ready: true,
    connected: false,
    sets: [{ set: SET, state: 'Staged', active: { revision: 1, persisted: true }, staged: { revision: 2 } }],
  });
  await again.pdp.drain(0, 100);

  // The operator comes back and decides: the promise that was staged on disk is kept.
  operator.holdDecisions(false);
  const third = await aPdp(operator, dataDir);
  await until(serving(third.pdp, 2));
  expect(await ask(third.pdp, liftRequest(9))).toMatchObject({ revision: 2, text: '{"allow":true}\n' });
});

test('a set that is assigned no more is not answered for any longer; given back, it is again', async () => {
  const operator = anOperator();
  const { pdp } = await aPdp(operator, await newFolder(), { withdrawGraceMs: 0 });
  operator.publish(publish(1, [craneDomain(5)]));
  await until(serving(pdp, 1));
  operator.removeSet(SET);
  await until(() => pdp.sets.all.size === 0);
  expect((await ask(pdp, liftRequest(5))).status).toBe(503);
  expect(await readiness(pdp)).toBe(503);
  expect(pdp.status().sets).toMatchObject([{ set: SET, state: 'Withdrawn' }]);
  expect(await pdp.metrics.registry.getSingleMetricAsString('pdp_active_revision')).not.toContain(SET);
  operator.restoreSet(SET);
  await until(serving(pdp, 1));
  expect((await ask(pdp, liftRequest(5))).status).toBe(200);
});

test('what the Beats tell adds up to what was answered', async () => {
  const operator = anOperator();
  const { pdp } = await aPdp(operator, await newFolder());
  operator.publish(publish(1, [craneDomain(5)]));
  await until(serving(pdp, 1));
  for (let i = 0; i < 30; i++) await ask(pdp, liftRequest(i % 10));
  const told = () =>
    operator.heard.reduce((sum, message) => sum + (message.type === 'Beat' ? message.load.decisions : 0), 0);
  await until(() => told() >= 30);
  await until(() => operator.heard.at(-1)?.type === 'Beat');
  expect(told()).toBe(30);
});

test('a record that cannot be written is told, and the policy is served all the same', async () => {
  const operator = anOperator();
  const dataDir = await newFolder();
  const { pdp } = await aPdp(operator, dataDir);
  operator.publish(publish(1, [craneDomain(5)]));
  await until(serving(pdp, 1));
  operator.holdDecisions(true);
  operator.publish(publish(2, [craneDomain(6)]));
  await until(() => pdp.status().sets[0]?.staged?.revision === 2);
  await rm(join(dataDir, 'sets'), { recursive: true });
  operator.holdDecisions(false);
  await until(serving(pdp, 2));
  expect(pdp.status().sets[0]?.active).toMatchObject({ revision: 2, persisted: false });
  expect(await pdp.metrics.registry.getSingleMetricAsString('pdp_persist_failures_total')).toMatch(/total [1-9]/);
  await until(() => operator.heard.some((message) => message.type === 'Active' && !message.persisted));
});

test('draining: not ready at once, then no new connections; asked again it is the same drain', async () => {
  const operator = anOperator();
  const { pdp } = await aPdp(operator, await newFolder());
  operator.publish(publish(1, [craneDomain(5)]));
  await until(serving(pdp, 1));
  const drained = pdp.drain(5_000, 1_000);
  expect(pdp.drain(0, 0)).toBe(drained);
  const ready = await fetch(`${pdp.url}/readyz`);
  expect([ready.status, await ready.json()]).toMatchObject([503, { type: 'urn:edict:problem:draining' }]);
  expect((await ask(pdp, liftRequest(5))).status).toBe(200);
  await drained;
  await expect(ask(pdp, liftRequest(5))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

/** Asks with headers over a connection of its own; `gone` cuts it. */
function askWith({ url }: Pdp, headers: Readonly<Record<string, string>>) {
  const call = request(`${url}/decision`, {
    ...{ method: 'POST', agent: false },
    headers: { 'content-type': 'application/json', ...headers },
  });
  const answer = new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
    call.on('error', reject);
    call.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
  });
  call.end(JSON.stringify(liftRequest(5)));
  return { answer, gone: () => call.destroy() };
}

const waits = async ({ metrics }: Pdp, outcome: string): Promise<number> =>
  (await metrics.tokenWaits.get()).values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;

test('a request that requires the next revision is answered by it, at the swap', async () => {
  const operator = anOperator();
  const { pdp } = await aPdp(operator, await newFolder(), { maxWaitMs: 60_000 });
  operator.publish(publish(1, [craneDomain(1)]));
  await until(serving(pdp, 1));
  const first = await askWith(pdp, {}).answer;
  const at1 = String(first.headers['policy-token']);
  expect((await askWith(pdp, { 'policy-at-least': at1 }).answer).status).toBe(200);

  const refused = await askWith(pdp, { 'policy-at-least': `${SET}@2` }).answer;
  expect([refused.status, refused.headers['content-type']]).toStrictEqual([412, 'application/problem+json']);
  expect(JSON.parse(refused.text)).toMatchObject({
    ...{ type: 'urn:edict:problem:revision-not-reached', active: 1, required: 2, stale: false },
  });

  const waiting = askWith(pdp, { 'policy-at-least': `${SET}@2`, 'policy-wait': '30s' }).answer;
  operator.publish(publish(2, [craneDomain(9)]));
  const answer = await waiting;
  expect([answer.status, answer.headers['policy-revision'], answer.text]).toStrictEqual([200, '2', '{"allow":true}\n']);
  expect(pdp.status()).toMatchObject({
    ...{ stale: false, stalenessMs: expect.any(Number) as unknown },
    sets: [{ active: { revision: 2, token: answer.headers['policy-token'], ageMs: expect.any(Number) as unknown } }],
  });
});

test('a client that goes while it waits frees its place', async () => {
  const operator = anOperator();
  const { pdp } = await aPdp(operator, await newFolder(), { maxWaiters: 1, maxWaitMs: 60_000 });
  operator.publish(publish(1, [craneDomain(1)]));
  await until(serving(pdp, 1));
  const required = { 'policy-at-least': `${SET}@2`, 'policy-wait': '60s' };
  const { answer, gone } = askWith(pdp, required);
  await until(async () => (await askWith(pdp, { ...required, 'policy-wait': '1ms' }).answer).status === 503);
  gone();
  await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
  await until(async () => (await waits(pdp, 'gone')) === 1);
  expect((await askWith(pdp, { ...required, 'policy-wait': '1ms' }).answer).status).toBe(412);
});

test('many are decided in one request, by one revision', async () => {
  const operator = anOperator();
  const { pdp } = await aPdp(operator, await newFolder(), { maxBatch: 3 });
  operator.publish(publish(1, [craneDomain(5)]));
  await until(serving(pdp, 1));
  const send = (porcs: readonly unknown[]) =>
    fetch(`${pdp.url}/decisions`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(porcs) },
    });
  const answer = await send([liftRequest(5), liftRequest(6), null]);
  expect([answer.status, answer.headers.get('policy-revision'), await answer.json()]).toStrictEqual([
    200,
    '1',
    { decisions: [{ allow: true }, { allow: false }, { message: 'PORC must be an object' }] },
  ]);
  expect((await send([{}, {}, {}, {}])).status).toBe(400);
});

test('where decisions have to be signed, a revision that is signed and not decided is never served', async () => {
  let isSigned = false;
  const operator = new TestOperator({
    signDecision: (revision, part) => (isSigned ? signDecision(revision, part, SIGNING_KEY.privateKey) : undefined),
  });
  running.push({ end: () => operator.close() });
  const { pdp } = await aPdp(operator, await newFolder(), { decisions: 'Signed' });
  operator.publish(publish(1, [craneDomain(5)]));
  const refusals = () => operator.heard.filter((message) => message.type === 'Nack');
  await until(() => refusals().length > 0);
  expect(refusals()[0]).toMatchObject({ phase: 'Verify', code: 'Undecided', deterministic: false });
  expect(pdp.sets.held.size).toBe(0);
  expect(await readiness(pdp)).toBe(503);
  isSigned = true;
  await until(serving(pdp, 1));
  expect((await ask(pdp, liftRequest(5))).text).toBe('{"allow":true}\n');
});
