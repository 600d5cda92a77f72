import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { Serving } from '@edict/crds';
import { ActiveSets } from '../active-sets.ts';
import { createDecisionCore } from '../core/decision-core.ts';
import { createMetrics } from '../observability/metrics.ts';
import { until } from '../testing/conditions.ts';
import { craneDomain, liftRequest } from '../testing/revisions.ts';
import { snapshotOf } from '../testing/snapshots.ts';
import { createHttpEdge } from './http-edge.ts';
import type { Listener } from './listener.ts';

const open: { readonly close: () => unknown }[] = [];
afterEach(async () => {
  for (const { close } of open.splice(0).reverse()) await close();
});

/** An edge with a tenant that takes little, one that takes as much as anybody, and one that is not in memory. */
async function start() {
  const sets = new ActiveSets();
  const held = (set: string) => ({ set, setUid: 'uid', n: 1, digest: `sha256:${'ab'.repeat(32)}`, activatedAtMs: 0 });
  const taking = (names: readonly string[]) => Serving.parse({ instance: { names, limits: { maxBodyBytes: 1_024 } } });
  sets.swap({ ...held('port/small'), snapshot: snapshotOf([craneDomain(5)], { serving: taking(['small.example']) }) });
  sets.swap({ ...held('port/large'), snapshot: snapshotOf([craneDomain(5)]) });
  sets.sleep({ ...held('port/cold'), serving: taking([]), failure: undefined, wake: () => undefined });
  const metrics = createMetrics();
  const core = createDecisionCore({ sets, audit: { room: () => true, record: () => undefined }, metrics });
  const listener = await createHttpEdge({
    host: '127.0.0.1',
    port: 0,
    core,
    metrics,
    readiness: () => ({ ready: true, loading: [] }),
    status: () => ({}),
    maxBodyBytes: 100_000,
    onError: (error) => {
      throw error;
    },
  });
  open.push({ close: () => listener.drain(0) });
  const refused = async (problem: string): Promise<number> => {
    const text = await metrics.registry.getSingleMetricAsString('pdp_refused_total');
    return Number(new RegExp(`api="none",problem="${problem}"} (\\d+)`).exec(text)?.[1] ?? 0);
  };
  return { listener, usage: (set: string) => sets.usages.of(set), refused };
}

function raw({ address }: Listener, bytes: string) {
  const socket = connect({ port: address.port, host: '127.0.0.1' });
  open.push({ close: () => socket.destroy() });
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => (text += part));
  socket.on('error', () => undefined);
  socket.write(bytes);
  return { socket, text: () => text };
}

const head = (path: string, fields: string): string =>
  `POST ${path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n${fields}\r\n\r\n`;
const BODY = JSON.stringify(liftRequest(5));
const padded = (length: number): string => BODY + ' '.repeat(length - BODY.length);

test.each([
  ['its key', '/decision', 'policy-set: port/small\r\n'],
  ['a further name', '/decision', 'policy-set: small.example\r\n'],
  ['the path', '/instances/port%2Fsmall/decision', ''],
  ['its key while it is cold', '/decision', 'policy-set: port/cold\r\n'],
])(
  'a length beyond what a tenant takes is refused before any of the body, named by %s',
  async (_name, path, fields) => {
    const { listener, refused } = await start();
    const { text } = raw(listener, head(path, `${fields}expect: 100-continue\r\ncontent-length: 1025`));
    await until(() => text().endsWith('}\n'));
    expect(text()).toMatch(/^HTTP\/1\.1 413 [^]*connection: close[^]*urn:edict:problem:body-too-large/);
    expect(await refused('body-too-large')).toBe(1);
  },
);

test('others take bodies of that length', async () => {
  const { listener, refused } = await start();
  const body = padded(50_000);
  const { text, socket } = raw(listener, head('/decision', `policy-set: port/large\r\ncontent-length: ${body.length}`));
  socket.write(body);
  await until(() => text().endsWith('{"allow":true}\n'));
  expect(await refused('body-too-large')).toBe(0);
});

test('a body without a length is refused as soon as it is larger, and what it took is given back', async () => {
  const { listener, usage } = await start();
  const { socket, text } = raw(listener, head('/decision', 'policy-set: port/small\r\ntransfer-encoding: chunked'));
  socket.write(`200\r\n${' '.repeat(512)}\r\n`);
  await until(() => usage('port/small').arrivingBytes === 512);
  socket.write(`201\r\n${' '.repeat(513)}\r\n`);
  await until(() => text().endsWith('}\n'));
  expect(text()).toMatch(/^HTTP\/1\.1 413 [^]*body-too-large/);
  expect(usage('port/small')).toMatchObject({ arrivingBytes: 0, bodyBytes: 0 });
});

test('who sends slowly fills the share of one tenant, and keeps out neither others nor what arrives at once', async () => {
  const { listener, usage, refused } = await start();
  const slow = head('/decision', 'policy-set: port/small\r\ncontent-length: 1024');
  const first = raw(listener, slow + ' '.repeat(900));
  await until(() => usage('port/small').arrivingBytes === 900);
  const second = raw(listener, slow + ' '.repeat(900));
  await until(() => second.text().endsWith('}\n'));
  expect(second.text()).toMatch(/^HTTP\/1\.1 503 [^]*urn:edict:problem:overloaded/);
  expect(await refused('overloaded')).toBe(1);
  for (const set of ['port/small', 'port/large']) {
    const whole = raw(listener, head('/decision', `policy-set: ${set}\r\ncontent-length: ${BODY.length}`) + BODY);
    await until(() => whole.text().endsWith('{"allow":true}\n'));
  }
  // A client that goes gives back what it took.
  first.socket.destroy();
  await until(() => usage('port/small').arrivingBytes === 0);
});

test.each([
  ['a length', { 'content-length': '1025' }, 0],
  ['more bytes', {}, 1_025],
])(
  'over HTTP/2 %s beyond what a tenant takes ends the stream, and not the connection',
  async (_name, fields, bytes) => {
    const { listener, usage } = await start();
    const session = connectHttp2(`http://127.0.0.1:${listener.address.port}`);
    open.push({ close: () => session.destroy() });
    const asked = (more: Readonly<Record<string, string>>) => {
      const basics = { ':method': 'POST', ':path': '/decision', 'content-type': 'application/json' };
      const stream = session.request({ ...basics, 'policy-set': 'port/small', ...more });
      stream.on('error', () => undefined);
      return stream;
    };
    const stream = asked(fields);
    stream.write(' '.repeat(bytes));
    const [answer] = (await once(stream, 'response')) as [Readonly<Record<string, unknown>>];
    expect(answer[':status']).toBe(413);
    await until(() => usage('port/small').arrivingBytes === 0);
    const next = asked({});
    next.end(BODY);
    const [well] = (await once(next, 'response')) as [Readonly<Record<string, unknown>>];
    expect(well[':status']).toBe(200);
  },
);
