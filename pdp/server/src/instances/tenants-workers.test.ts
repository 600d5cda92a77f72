import { writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { Serving } from '@edict/crds';
import { createAuthority, type TestAuthority } from '../../../protocol/src/testing/certificates.ts';
import { createLogger } from '../observability/logger.ts';
import { startPdp } from '../pdp.ts';
import { until } from '../testing/conditions.ts';
import { isReady, usePdpProcesses } from '../testing/pdp-process.ts';
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
import { WORKER_TIMES } from '../workers/worker-pool.ts';
import { clusterWorkers } from '../workers/worker-process.ts';

const pdps = usePdpProcesses();
const MAIN = join(import.meta.dirname, '../main.ts');

function tenant(set: string, instance: object, domain = craneDomain(5), n = 1): Published {
  const serving = Serving.parse({ instance: { load: 'OnFirstUse', ...instance } });
  return publish(n, [domain], { revision: { set }, manifest: { serving } });
}

interface Asked {
  readonly status: number;
  readonly allow: boolean | undefined;
  readonly problem: string | undefined;
  readonly revision: number;
  readonly set: string | undefined;
}

interface Question {
  readonly name?: string;
  readonly path?: string;
  readonly socketPath?: string;
  readonly port?: number;
  /** What the server is called in the TLS handshake, whatever its certificate says. */
  readonly tls?: { readonly ca: string; readonly servername: string };
}

/** Asks to lift 5 tons, over a connection of its own: connections are dealt to the workers in turn. */
async function ask({ name, path = '/decision', tls, ...where }: Question): Promise<Asked> {
  const headers = { 'content-type': 'application/json', ...(name === undefined ? {} : { 'policy-set': name }) };
  const options = { ...where, host: '127.0.0.1', method: 'POST', path, headers, agent: false as const };
  return await new Promise((resolve, reject) => {
    const sent =
      tls === undefined
        ? httpRequest(options)
        : httpsRequest({ ...options, ...tls, checkServerIdentity: () => undefined });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        const { allow, type } = JSON.parse(text) as { readonly allow?: boolean; readonly type?: string };
        const { 'policy-set': set, 'policy-revision': revision } = response.headers;
        resolve({
          status: response.statusCode ?? 0,
          allow,
          problem: type?.split(':').at(-1),
          revision: Number(revision),
          set: typeof set === 'string' ? set : undefined,
        });
      });
    });
    sent.end(JSON.stringify(liftRequest(5)));
  });
}

const times = (count: number, question: Question): Promise<readonly Asked[]> =>
  Promise.all(Array.from({ length: count }, () => ask(question)));

/** A PDP in this process whose two workers are real processes. */
async function start(published: readonly Published[], operator?: TestOperator) {
  const dataDir = await pdps.newFolder();
  await storeRevisions(dataDir, published);
  const away = operator ?? new TestOperator();
  if (operator === undefined) away.close();
  const pdp = await startPdp({
    ...{ host: '127.0.0.1', port: 0, dataDir, maxBodyBytes: 1_000_000, maxSteps: 10_000_000, includeAll: true },
    requestTimeoutMs: 10_000,
    writeRecords: (_bytes, done) => done(null),
    logger: createLogger('error', () => undefined),
    dial: away.dial('pdp-0'),
    fetchArtifact: away.fetch,
    trustedKeys: () => Promise.resolve(TRUSTED_KEYS),
    workers: {
      count: 2,
      times: WORKER_TIMES,
      start: clusterWorkers({
        exec: MAIN,
        execArgv: [],
        env: {
          EDICT_PDP_LISTEN_HOST: '127.0.0.1',
          EDICT_PDP_LISTEN_PORT: '0',
          EDICT_PDP_OPERATOR_ADDRESS: '127.0.0.1:1',
          EDICT_PDP_BUNDLES_URL: 'https://127.0.0.1:1',
          EDICT_PDP_DATA_DIR: join(dataDir, 'workers'),
        },
      }),
    },
  });
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${pdp.url}/metrics`)).text();
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1] ?? NaN,
    );
  };
  await until(async () => (await metric('pdp_workers')) === 2);
  const stateOf = (set: string) => pdp.status().sets.find((status) => status.set === set)?.instance?.state;
  return { pdp, metric, stateOf, port: Number(new URL(pdp.url).port) };
}

test('a cold tenant that one worker is asked for comes into the memory of all, once, and leaves it again', async () => {
  const { pdp, metric, stateOf, port } = await start([
    tenant('port/north', { names: ['north'], grace: '10s' }),
    tenant('port/south', { names: ['south'] }),
  ]);
  try {
    await until(async () => (await fetch(`${pdp.url}/readyz`)).ok);
    expect([stateOf('port/north'), stateOf('port/south')]).toStrictEqual(['cold', 'cold']);
    expect(await ask({ port, name: 'north' })).toMatchObject({ status: 200, allow: true, set: 'port/north' });
    // So many reach both workers, and none of them has to load it again.
    expect((await times(6, { port, name: 'port/north' })).map(({ allow }) => allow)).toStrictEqual(Array(6).fill(true));
    expect(await metric('pdp_instance_loads_total{outcome="loaded"}')).toBe(1);
    expect(stateOf('port/south')).toBe('cold');
    // Workers tell of their use: the one that nobody asks leaves the memory of all, and comes back.
    await until(() => stateOf('port/north') === 'cold');
    expect((await times(6, { port, name: 'north' })).map(({ status }) => status)).toStrictEqual(Array(6).fill(200));
    expect(await metric('pdp_instance_loads_total{outcome="loaded"}')).toBe(2);
  } finally {
    await pdp.drain(0, 1_000);
  }
});

test('a swap of a tenant reaches all workers at one moment, warm or cold, and no other tenant', async () => {
  const operator = new TestOperator();
  const { pdp, stateOf, port } = await start([], operator);
  const active = async (n: number): Promise<void> => {
    await until(() => operator.heard.some((message) => message.type === 'Active' && message.revision.n === n));
  };
  try {
    operator.publish(tenant(SET, {}, craneDomain(5), 1));
    await active(1);
    expect((await times(4, { port })).map(({ revision, allow }) => [revision, allow])).toStrictEqual(
      Array(4).fill([1, true]),
    );
    for (let n = 2; n <= 4; n++) {
      operator.publish(tenant(SET, {}, craneDomain(n % 2 === 0 ? 4 : 5), n));
      await active(n);
      expect(stateOf(SET)).toBe('warm');
      const answers = await times(4, { port });
      expect(answers.map(({ revision, allow }) => [revision, allow])).toStrictEqual(Array(4).fill([n, n % 2 === 1]));
    }
  } finally {
    await pdp.drain(0, 1_000);
    operator.close();
  }
});

test('with workers a slow and a broken tenant harm no other', async () => {
  const endless = 'package authz\n\nallow { count([1 | numbers.range(1, 3000)[_]; numbers.range(1, 3000)[_]]) > 0 }\n';
  const pdp = await pdps.start(
    [
      tenant('port/broken', {}, craneDomainWithRego('package authz\n\nallow { x := y }\n')),
      tenant('port/slow', { limits: { maxSteps: 1_000, maxConcurrent: 2 } }, craneDomainWithRego(endless)),
      tenant('port/well', {}),
    ],
    { EDICT_PDP_WORKERS: '2' },
  );
  await isReady(pdp);
  const asked = await Promise.all(
    Array.from({ length: 30 }, async (_, index) => {
      const name = ['port/broken', 'port/slow', 'port/well'][index % 3] ?? '';
      return { name, ...(await ask({ port: pdp.port, name })) };
    }),
  );
  for (const { name, status, allow, problem } of asked) {
    if (name === 'port/well') expect([status, allow]).toStrictEqual([200, true]);
    // Steps that are used up deny; what is beyond the tenant's own share is refused.
    else if (name === 'port/slow' && status === 200) expect(allow).toBe(false);
    else if (name === 'port/slow') expect([status, problem]).toStrictEqual([503, 'overloaded']);
    else expect([status, problem]).toStrictEqual([503, 'broken-set']);
  }
  pdp.child.kill('SIGTERM');
  expect(await pdp.exited).toBe(0);
});

let authority: TestAuthority;
beforeAll(async () => {
  authority = await createAuthority('a test');
});

test('the name in the TLS handshake chooses a tenant, a header goes before it, and the unix socket knows the header alone', async () => {
  const socket = join(await pdps.newFolder(), 'pdp.sock');
  const pdp = await pdps.start(
    [
      tenant('port/north', { names: ['north.example'] }),
      tenant('port/south', { names: ['south.example'] }, craneDomain(4)),
    ],
    async (folder) => {
      const { cert, key } = await authority.issue('0a');
      await writeFile(join(folder, 'tls.crt'), cert);
      await writeFile(join(folder, 'tls.key'), key);
      return {
        EDICT_PDP_WORKERS: '2',
        EDICT_PDP_UNIX_SOCKET: socket,
        EDICT_PDP_TLS_CERT_FILE: join(folder, 'tls.crt'),
        EDICT_PDP_TLS_KEY_FILE: join(folder, 'tls.key'),
      };
    },
  );
  const named = (servername: string, more: Question = {}) =>
    ask({ port: pdp.port, tls: { ca: authority.caPem, servername }, ...more });
  // Every process has both: until then the only one that it has answers who names none.
  await until(async () => {
    for (let asked = 0; asked < 8; asked++) {
      const answer = await named('pdp.example').catch(() => undefined);
      if (answer?.problem !== 'set-required') return false;
    }
    return true;
  });
  for (let turn = 0; turn < 2; turn++) {
    expect(await named('north.example')).toMatchObject({ status: 200, set: 'port/north', allow: true });
    expect(await named('south.example')).toMatchObject({ status: 200, set: 'port/south', allow: false });
    expect(await named('pdp.example')).toMatchObject({ status: 400, problem: 'set-required' });
    expect(await named('north.example', { name: 'port/south' })).toMatchObject({ set: 'port/south' });
    expect(await named('north.example', { path: '/instances/south.example/decision' })).toMatchObject({
      set: 'port/south',
    });
    expect(await ask({ socketPath: socket, name: 'north.example' })).toMatchObject({ set: 'port/north', allow: true });
    expect(await ask({ socketPath: socket })).toMatchObject({ status: 400, problem: 'set-required' });
  }
});
