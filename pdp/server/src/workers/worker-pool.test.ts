import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';
import { CONSISTENCY_DEFAULTS } from '@edict/bundle';
import { principalShare } from '@edict/protocol';
import { createLogger } from '../observability/logger.ts';
import { startPdp, type Pdp } from '../pdp.ts';
import { until } from '../testing/conditions.ts';
import { useFolders } from '../testing/folders.ts';
import { craneDomain, liftRequest, publish, SET, TRUSTED_KEYS } from '../testing/revisions.ts';
import { TestOperator } from '../testing/test-operator.ts';
import type { ToWorker } from './messages.ts';
import { WORKER_TIMES, type WorkerTimes } from './worker-pool.ts';
import { clusterWorkers, type StartWorker, type WorkerProcess } from './worker-process.ts';

const newFolder = useFolders();
const running: { readonly end: () => Promise<void> | void }[] = [];
afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.end();
});

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

/** A PDP in this process whose workers are real processes, and what it takes to watch them. */
async function start(
  count: number,
  times: Partial<WorkerTimes> = {},
  beforeSend: (worker: WorkerProcess, message: ToWorker) => void = () => undefined,
) {
  const dataDir = await newFolder();
  const operator = new TestOperator();
  running.push({ end: () => operator.close() });
  const logs: string[] = [];
  const processes = new Map<number, WorkerProcess>();
  const fork = clusterWorkers({
    exec: MAIN,
    execArgv: [],
    env: {
      EDICT_PDP_LISTEN_HOST: '127.0.0.1',
      EDICT_PDP_LISTEN_PORT: '0',
      EDICT_PDP_OPERATOR_ADDRESS: '127.0.0.1:1',
      EDICT_PDP_BUNDLES_URL: 'https://127.0.0.1:1',
      EDICT_PDP_DATA_DIR: join(dataDir, 'workers'),
    },
  });
  const startWorker: StartWorker = (slot, events) => {
    const started = fork(slot, events);
    processes.set(slot, started);
    return {
      ...started,
      send: (message) => {
        beforeSend(started, message);
        started.send(message);
      },
    };
  };
  const pdp = await startPdp({
    host: '127.0.0.1',
    port: 0,
    dataDir,
    maxBodyBytes: 1_000_000,
    maxSteps: 10_000_000,
    includeAll: true,
    requestTimeoutMs: 10_000,
    // Clients ask without a pause: what they are answered is not kept.
    writeRecords: (_bytes, done) => done(null),
    logger: createLogger('info', (line) => logs.push(line)),
    dial: operator.dial('pdp-0'),
    fetchArtifact: operator.fetch,
    trustedKeys: () => Promise.resolve(TRUSTED_KEYS),
    workers: { count, start: startWorker, times: { ...WORKER_TIMES, ...times } },
  });
  running.push({ end: () => pdp.drain(0, 1_000) });
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${pdp.url}/metrics`)).text();
    return Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1]);
  };
  const pidOf = (slot: number): number => processes.get(slot)?.pid ?? 0;
  await until(async () => (await metric('pdp_workers')) === count);
  return { pdp, operator, logs, metric, pidOf };
}

/** Waits until the operator has heard that revision `n` is active here. */
async function activated(operator: TestOperator, n: number): Promise<void> {
  await until(() => operator.heard.some((message) => message.type === 'Active' && message.revision.n === n));
}

interface Client {
  /** Revision of every answer, in order. */
  readonly revisions: number[];
  /** Requests that got no answer, or not a 200. */
  failed: number;
  connections: number;
  stop: () => Promise<void>;
}

/** Asks one question after the other on one connection, and opens another when that is lost. */
function aClient({ url }: Pdp, tons = 5): Client {
  const { port } = new URL(url);
  const body = JSON.stringify(liftRequest(tons));
  const request = `POST /decision HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  let stopping = false;
  const ended = Promise.withResolvers<undefined>();
  const client: Client = {
    revisions: [],
    failed: 0,
    connections: 0,
    stop: async () => {
      stopping = true;
      await ended.promise;
    },
  };
  const open = (): void => {
    client.connections++;
    let text = '';
    let asked = false;
    const socket = connect(Number(port), '127.0.0.1').setNoDelay(true);
    const ask = (): void => {
      if (stopping) {
        socket.destroy();
        return;
      }
      asked = true;
      text = '';
      socket.write(request);
    };
    socket.on('connect', ask).on('error', () => undefined);
    socket.on('data', (part) => {
      text += part.toString('latin1');
      if (!text.endsWith('}\n')) return;
      asked = false;
      if (text.startsWith('HTTP/1.1 200 ')) client.revisions.push(Number(/policy-revision: (\d+)/.exec(text)?.[1]));
      else client.failed++;
      setImmediate(ask);
    });
    socket.on('close', () => {
      if (asked) client.failed++;
      if (stopping) ended.resolve(undefined);
      else open();
    });
  };
  open();
  running.push({ end: () => client.stop() });
  return client;
}

const isSorted = (numbers: readonly number[]): boolean =>
  numbers.every((number, index) => index === 0 || number >= (numbers[index - 1] ?? 0));

test('swaps under load: none fails, none goes back on a connection, and when a swap is told it is so at every worker', async () => {
  const { pdp, operator, metric } = await start(3);
  operator.publish(publish(1, [craneDomain(5)]));
  await activated(operator, 1);
  const clients = Array.from({ length: 6 }, () => aClient(pdp));
  for (let n = 2; n <= 6; n++) {
    operator.publish(publish(n, [craneDomain(5 + n)]));
    await activated(operator, n);
    // Connections are dealt to the workers in turn: so many reach each of them.
    const fresh = Array.from({ length: 6 }, () => aClient(pdp, 5 + n));
    await until(() => fresh.every(({ revisions }) => revisions.length > 0));
    expect(fresh.map(({ revisions }) => revisions[0])).toStrictEqual(fresh.map(() => n));
    await Promise.all(fresh.map(({ stop }) => stop()));
    expect(fresh.map(({ failed }) => failed)).toStrictEqual(fresh.map(() => 0));
  }
  await Promise.all(clients.map(({ stop }) => stop()));
  for (const { revisions, failed, connections } of clients) {
    expect([failed, connections, isSorted(revisions), revisions.at(-1)]).toStrictEqual([0, 1, true, 6]);
  }
  expect(await metric('pdp_worker_swap_skew_seconds_count')).toBe(6);
});

test('metrics and status are told of all workers, whichever is asked', async () => {
  const { pdp, operator, metric } = await start(2);
  operator.publish(publish(1, [craneDomain(5)]));
  await activated(operator, 1);
  const clients = Array.from({ length: 4 }, () => aClient(pdp));
  await until(() => clients.every(({ revisions }) => revisions.length >= 10));
  await Promise.all(clients.map(({ stop }) => stop()));
  const answered = clients.reduce((sum, { revisions }) => sum + revisions.length, 0);
  for (let asked = 0; asked < 4; asked++) {
    expect(await metric('pdp_decisions_total{api="manetu",outcome="permit"}')).toBe(answered);
    const status = (await (await fetch(`${pdp.url}/v1/status`)).json()) as { readonly sets: readonly unknown[] };
    expect(status.sets).toMatchObject([{ set: SET, active: { revision: 1 } }]);
    expect((await fetch(`${pdp.url}/readyz`)).status).toBe(200);
  }
});

test('a worker that is killed under load takes with it only the requests that it was answering, and comes back with the policy', async () => {
  const { pdp, operator, metric, pidOf } = await start(2);
  operator.publish(publish(1, [craneDomain(5)]));
  await activated(operator, 1);
  const clients = Array.from({ length: 8 }, () => aClient(pdp));
  await until(() => clients.every(({ revisions }) => revisions.length > 20));
  const killed = pidOf(1);
  process.kill(killed, 'SIGKILL');
  await until(async () => pidOf(1) !== killed && (await metric('pdp_workers')) === 2);
  operator.publish(publish(2, [craneDomain(6)]));
  await activated(operator, 2);
  await until(() => clients.every(({ revisions }) => revisions.at(-1) === 2));
  await Promise.all(clients.map(({ stop }) => stop()));
  // Of the connections about half were the worker's, each with at most one request.
  for (const { failed, connections } of clients) expect(failed).toBeLessThanOrEqual(connections - 1);
  const lost = clients.reduce((sum, { connections }) => sum + connections - 1, 0);
  expect([lost > 0, lost < clients.length]).toStrictEqual([true, true]);
  expect(await metric('pdp_worker_restarts_total{cause="ended"}')).toBe(1);
});

test('a worker that is killed while connections come keeps none of them waiting', async () => {
  const { pdp, operator, metric, pidOf } = await start(2);
  operator.publish(publish(1, [craneDomain(5)]));
  await activated(operator, 1);
  // One that is on its way to a worker stays so for as long as that is stopped, and then it is killed.
  const killed = pidOf(1);
  process.kill(killed, 'SIGSTOP');
  const clients = Array.from({ length: 8 }, () => aClient(pdp));
  await until(() => clients.filter(({ revisions }) => revisions.length > 0).length >= 7);
  expect(clients.filter(({ revisions }) => revisions.length === 0)).toHaveLength(1);
  process.kill(killed, 'SIGKILL');
  await until(() => clients.every(({ revisions }) => revisions.length > 0));
  await until(async () => pidOf(1) !== killed && (await metric('pdp_workers')) === 2);
});

test('a worker that does not swap in time is ended, so that no two are further apart than that', async () => {
  const { pdp, operator, metric, pidOf } = await start(2, { swapMs: 5_000, loadMs: 5_000 });
  operator.publish(publish(1, [craneDomain(5)]));
  await activated(operator, 1);
  const stuck = pidOf(2);
  process.kill(stuck, 'SIGSTOP');
  operator.publish(publish(2, [craneDomain(6)]));
  await activated(operator, 2);
  await until(async () => pidOf(2) !== stuck && (await metric('pdp_workers')) === 2);
  expect(await metric('pdp_worker_restarts_total{cause="slow"}')).toBe(1);
  const clients = Array.from({ length: 4 }, () => aClient(pdp));
  await until(() => clients.every(({ revisions }) => revisions.length > 0));
  expect(clients.map(({ revisions }) => revisions[0])).toStrictEqual([2, 2, 2, 2]);
});

test('a swap that a worker does not follow in time has failed, and is counted', async () => {
  const stopAtChange = ({ pid }: WorkerProcess, message: ToWorker): void => {
    const isSecond = message.type === 'change' && message.change.kind === 'active' && message.change.held.n === 2;
    if (isSecond && pid === stuck) process.kill(pid, 'SIGSTOP');
  };
  const { pdp, operator, metric, pidOf } = await start(2, { swapMs: 5_000 }, stopAtChange);
  const stuck = pidOf(2);
  operator.publish(publish(1, [craneDomain(5)]));
  await activated(operator, 1);
  expect(await metric('pdp_swap_failures_total{cause="worker"}')).toBe(0);
  operator.publish(publish(2, [craneDomain(6)]));
  await activated(operator, 2);
  expect(await metric('pdp_swap_failures_total{cause="worker"}')).toBe(1);
  await until(async () => pidOf(2) !== stuck && (await metric('pdp_workers')) === 2);
  const client = aClient(pdp);
  await until(() => client.revisions.length > 0);
  expect(client.revisions[0]).toBe(2);
});

test('a worker that says nothing is ended and replaced', async () => {
  const { metric, pidOf } = await start(2, { silenceMs: 5_000 });
  const silent = pidOf(2);
  process.kill(silent, 'SIGSTOP');
  await until(() => pidOf(2) !== silent);
  await until(async () => (await metric('pdp_worker_restarts_total{cause="silent"}').catch(() => 0)) === 1);
});

test('workers know of a set that cannot be loaded, those that are told later too, and forget it when it is served', async () => {
  const { pdp, metric, pidOf } = await start(2);
  const problemOf = async (): Promise<unknown> => {
    const headers = { 'content-type': 'application/json', 'policy-set': 'harbour/broken' };
    const answer = await fetch(`${pdp.url}/decision`, {
      method: 'POST',
      headers,
      body: JSON.stringify(liftRequest(5)),
    });
    return ((await answer.json()) as { type?: unknown }).type;
  };
  pdp.sets.fail('harbour/broken', 'active revision 1 could not be loaded');
  // Connections are given to the workers in turn.
  const isEverywhere = async (problem: string): Promise<boolean> =>
    (await Promise.all([1, 2, 3, 4].map(problemOf))).every((type) => type === `urn:edict:problem:${problem}`);
  // A worker that is killed takes its connections with it, also those that are kept for the next request.
  const workers = async (): Promise<number> => await metric('pdp_workers').catch(() => 0);
  await until(async () => await isEverywhere('broken-set'));
  const killed = pidOf(1);
  process.kill(killed, 'SIGKILL');
  await until(() => pidOf(1) !== killed);
  await until(async () => (await workers()) === 2);
  expect(await isEverywhere('broken-set').catch(() => isEverywhere('broken-set'))).toBe(true);
  pdp.sets.remove('harbour/broken');
  await until(async () => await isEverywhere('no-policy'));
});

const QUARTER = 2_500;
const inQuarter = (sub: string): boolean => principalShare(`uid of ${SET}/1`, sub) < QUARTER;
const people = Array.from({ length: 40 }, (_, index) => `ada${index}`);

/** Asks for each of many people on a connection of its own, and so at any worker: the revisions that answered. */
async function revisionsFor({ url }: Pdp): Promise<ReadonlyMap<string, string | null>> {
  const asked = people.map(async (sub) => {
    const porc = { ...liftRequest(1), principal: { sub, mroles: ['mrn:harbour:role:operator'] } };
    const answer = await fetch(`${url}/decision`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify(porc),
    });
    // What is not read keeps its connection.
    await answer.arrayBuffer();
    return [sub, answer.ok ? answer.headers.get('policy-revision') : `status ${answer.status}`] as const;
  });
  return new Map(await Promise.all(asked));
}

test('all workers answer a principal by the same revision during a canary, also one that was started meanwhile', async () => {
  const { pdp, operator, metric, pidOf } = await start(2);
  operator.publish(publish(1, [craneDomain(5)]));
  await activated(operator, 1);
  const canary = { principals: QUARTER, soakMs: 0, needsApproval: false };
  operator.configure({ waves: [canary, { soakMs: 0, needsApproval: true }] });
  operator.publish(publish(2, [craneDomain(9)]));
  await activated(operator, 2);
  const expected = new Map(people.map((sub) => [sub, inQuarter(sub) ? '2' : '1']));
  expect(new Set(expected.values())).toStrictEqual(new Set(['1', '2']));
  for (let round = 0; round < 5; round++) expect(await revisionsFor(pdp)).toStrictEqual(expected);
  const killed = pidOf(1);
  process.kill(killed, 'SIGKILL');
  // Until it has ended its connections take questions that nobody answers.
  await until(() => pidOf(1) !== killed);
  await until(async () => (await metric('pdp_workers')) === 2);
  for (let round = 0; round < 5; round++) expect(await revisionsFor(pdp)).toStrictEqual(expected);
  expect(await metric(`pdp_canary_revision{set="${SET}"}`)).toBe(2);
  operator.approve(SET, 2, 1);
  await until(() => operator.decisionOf(SET, 2));
  await until(() => pdp.sets.all.get(SET)?.n === 2);
  await until(async () => new Set((await revisionsFor(pdp)).values()).size === 1);
});

test('workers answer only as long as their lease lasts', async () => {
  const { pdp, operator } = await start(2);
  const consistency = { ...CONSISTENCY_DEFAULTS, mode: 'Strict', leaseMs: 5_000, onStale: 'NotReady' } as const;
  operator.publish(
    publish(1, [craneDomain(5)], { manifest: { consistency: { ...consistency, onControlPlaneLoss: 'Stop' } } }),
  );
  const all = (answer: string) => async () => [...(await revisionsFor(pdp)).values()].every((each) => each === answer);
  await until(all('1'));
  operator.vouch(false);
  await until(all('status 503'));
  await until(async () => (await fetch(`${pdp.url}/readyz`)).status === 503);
  operator.vouch(true);
  await until(all('1'));
});

test('what workers compare is told as one', async () => {
  const { pdp, operator } = await start(2);
  operator.publish(publish(1, [craneDomain(5)]));
  await activated(operator, 1);
  operator.configure({
    shadow: { samplePpm: 1_000_000, windowMs: 600_000, maxGrantToDeny: 1, minSamples: 1, onNoTraffic: 'Pass' },
  });
  operator.publish(publish(2, [craneDomain(0)]));
  await until(() => operator.heard.some((message) => message.type === 'Prepared' && message.revision.n === 2));
  for (let round = 0; round < 10; round++) await revisionsFor(pdp);
  // Each worker answered about half of them, and may have begun to compare a little after the first were asked.
  const most = 0.75 * 10 * people.length;
  const report = await until(() =>
    operator.heard.filter((message) => message.type === 'ShadowReport').findLast(({ counts }) => counts.total >= most),
  );
  const { total } = report.counts;
  expect(report).toMatchObject({ done: false, counts: { total, changed: total, grantToDeny: total, dropped: 0 } });
});
