import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, expect, test } from '@jest/globals';
import { createLogger } from '../observability/logger.ts';
import { startPdp } from '../pdp.ts';
import { fieldsOf, messageOf } from '../testing/check-messages.ts';
import { until } from '../testing/conditions.ts';
import { useFolders } from '../testing/folders.ts';
import { craneDomain, liftRequest, publish, TRUSTED_KEYS } from '../testing/revisions.ts';
import { TestOperator } from '../testing/test-operator.ts';
import { WORKER_TIMES } from '../workers/worker-pool.ts';
import { clusterWorkers } from '../workers/worker-process.ts';

const newFolder = useFolders();
const running: { readonly end: () => Promise<void> | void }[] = [];
afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.end();
});

const WORKERS = 2;

/** A PDP with workers that serve gRPC too, and the operator that it hears. */
async function start() {
  const dataDir = await newFolder();
  const operator = new TestOperator();
  running.push({ end: () => operator.close() });
  const pdp = await startPdp({
    host: '127.0.0.1',
    port: 0,
    dataDir,
    maxBodyBytes: 1_000_000,
    maxSteps: 10_000_000,
    includeAll: true,
    requestTimeoutMs: 10_000,
    writeRecords: (_, done) => done(null),
    logger: createLogger('error', () => undefined),
    dial: operator.dial('pdp-0'),
    fetchArtifact: operator.fetch,
    trustedKeys: () => Promise.resolve(TRUSTED_KEYS),
    workers: {
      count: WORKERS,
      times: WORKER_TIMES,
      start: clusterWorkers({
        exec: fileURLToPath(new URL('../main.ts', import.meta.url)),
        execArgv: [],
        env: {
          EDICT_PDP_LISTEN_HOST: '127.0.0.1',
          EDICT_PDP_LISTEN_PORT: '0',
          EDICT_PDP_GRPC_LISTEN: '127.0.0.1:0',
          EDICT_PDP_OPERATOR_ADDRESS: '127.0.0.1:1',
          EDICT_PDP_BUNDLES_URL: 'https://127.0.0.1:1',
          EDICT_PDP_DATA_DIR: join(dataDir, 'workers'),
        },
      }),
    },
  });
  running.push({ end: () => pdp.drain(0, 1_000) });
  const metrics = async (): Promise<string> => await (await fetch(`${pdp.url}/metrics`)).text();
  await until(async () => /^pdp_workers 2$/m.test(await metrics()));
  return { operator, metrics, port: (pdp.grpcAddress as AddressInfo).port };
}

const QUESTION = messageOf([[1, JSON.stringify(liftRequest(5))]]);
const same = (bytes: Buffer): Buffer => bytes;

/** A client with a connection of its own, which tells what it is answered: whether it may, by which revision. */
function aClient(port: number): () => Promise<readonly [boolean, number]> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  running.push({ end: () => client.close() });
  return async () => {
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const path = '/edict.pdp.v1.DecisionService/Authorize';
      const deadline = Date.now() + 60_000;
      client.makeUnaryRequest(path, same, same, QUESTION, { deadline }, (error, bytes) => {
        if (error === null) resolve(bytes ?? Buffer.alloc(0));
        else reject(error);
      });
    });
    const fields = fieldsOf(answer);
    return [fields.get(1)?.[0] === 1, Number(fieldsOf(fields.get(2)?.[0] as Buffer).get(2)?.[0])];
  };
}

test('workers share the port of gRPC: every connection gets the revision that was told last, and no call fails', async () => {
  const { operator, metrics, port } = await start();
  operator.publish(publish(1, [craneDomain(10)]));
  const activated = async (n: number): Promise<void> => {
    await until(() => operator.heard.some((message) => message.type === 'Active' && message.revision.n === n));
  };
  await activated(1);
  // Connections are dealt to the workers in turn.
  const clients = Array.from({ length: 2 * WORKERS }, () => aClient(port));
  expect(await Promise.all(clients.map((ask) => ask()))).toStrictEqual(clients.map(() => [true, 1]));
  let swapped = false;
  const asking = clients.map(async (ask) => {
    const answers: (readonly [boolean, number])[] = [];
    while (!swapped) answers.push(await ask());
    answers.push(await ask());
    return answers;
  });
  operator.publish(publish(2, [craneDomain(1)]));
  await activated(2);
  swapped = true;
  for (const answers of await Promise.all(asking)) {
    expect(answers.map(([, n]) => n)).toStrictEqual(answers.map(([, n]) => n).sort());
    expect(answers.every(([allow, n]) => allow === (n === 1))).toBe(true);
    expect(answers.at(-1)).toStrictEqual([false, 2]);
  }
  const counted = /^pdp_grpc_calls_total\{method="Authorize",code="OK"\} (\d+)$/m.exec(await metrics());
  expect(Number(counted?.[1])).toBeGreaterThanOrEqual(2 * clients.length);
});
