import { once } from 'node:events';
import { createServer, connect } from 'node:net';
import { expect, test } from '@jest/globals';
import { until } from '../testing/conditions.ts';
import { isReady, usePdpProcesses, type PdpProcess } from '../testing/pdp-process.ts';
import { craneDomain, liftRequest, publish } from '../testing/revisions.ts';

const pdps = usePdpProcesses();
const TWO = { EDICT_PDP_WORKERS: '2', EDICT_PDP_DRAIN_DELAY_MS: '3000', EDICT_PDP_DRAIN_TIMEOUT_MS: '10000' };
const started = async (env: Readonly<Record<string, string>> = {}): Promise<PdpProcess> => {
  const pdp = await pdps.start([publish(1, [craneDomain(5)])], { ...TWO, ...env });
  await isReady(pdp);
  return pdp;
};

const body = JSON.stringify(liftRequest(5));
const REQUEST = `POST /decision HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

/** Asks one question after the other on one connection, until an answer ends that. */
function clientOf({ port }: PdpProcess) {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  const client = { answered: 0, failed: 0, isToldToLeave: false, closed: once(socket, 'close') };
  let text = '';
  let asked = false;
  const ask = (): void => {
    asked = true;
    text = '';
    socket.write(REQUEST);
  };
  socket.on('connect', ask).on('error', () => undefined);
  socket.on('data', (part) => {
    text += part.toString('latin1');
    if (!text.endsWith('}\n')) return;
    asked = false;
    if (text.startsWith('HTTP/1.1 200 ') && text.endsWith('{"allow":true}\n')) client.answered++;
    else client.failed++;
    client.isToldToLeave = text.includes('connection: close');
    if (client.isToldToLeave) socket.end();
    else setImmediate(ask);
  });
  socket.on('close', () => {
    if (asked) client.failed++;
  });
  return client;
}

const workerPids = ({ lines }: PdpProcess): readonly number[] =>
  lines().flatMap(({ message, pid }) => (message === 'worker answers' ? [Number(pid)] : []));

const recordsOf = ({ lines }: PdpProcess): number => lines().filter((line) => 'decision' in line).length;

test('SIGTERM under load: every client is answered and told to leave, every record is written, and the exit code is 0', async () => {
  const pdp = await started();
  const clients = Array.from({ length: 8 }, () => clientOf(pdp));
  await until(() => clients.every(({ answered }) => answered > 50));
  pdp.child.kill('SIGTERM');
  await Promise.all(clients.map(({ closed }) => closed));
  expect(clients.map(({ failed, isToldToLeave }) => [failed, isToldToLeave])).toStrictEqual(
    clients.map(() => [0, true]),
  );
  expect(await pdp.exited).toBe(0);
  expect(recordsOf(pdp)).toBe(clients.reduce((sum, { answered }) => sum + answered, 0));
  expect(pdp.stderr()).toBe('');
  // No worker outlives it.
  for (const pid of workerPids(pdp)) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test('a terminal that sends the signal to every process ends it no other way', async () => {
  const pdp = await started();
  const clients = Array.from({ length: 4 }, () => clientOf(pdp));
  await until(() => clients.every(({ answered }) => answered > 10));
  for (const pid of workerPids(pdp)) process.kill(pid, 'SIGINT');
  pdp.child.kill('SIGINT');
  await Promise.all(clients.map(({ closed }) => closed));
  expect(clients.map(({ failed }) => failed)).toStrictEqual(clients.map(() => 0));
  expect(await pdp.exited).toBe(0);
});

test('a worker that dies is started again and answers; the end is in order all the same', async () => {
  const pdp = await started();
  await until(() => workerPids(pdp).length === 2);
  const [first = 0] = workerPids(pdp);
  process.kill(first, 'SIGKILL');
  await until(() => workerPids(pdp).length === 3);
  const metrics = await (await fetch(`http://127.0.0.1:${pdp.port}/metrics`)).text();
  expect(metrics).toContain('pdp_worker_restarts_total{cause="ended"} 1');
  const clients = Array.from({ length: 4 }, () => clientOf(pdp));
  await until(() => clients.every(({ answered }) => answered > 10));
  pdp.child.kill('SIGTERM');
  await Promise.all(clients.map(({ closed }) => closed));
  expect(clients.map(({ failed }) => failed)).toStrictEqual([0, 0, 0, 0]);
  expect(await pdp.exited).toBe(0);
});

test('workers do not outlive a primary that is killed', async () => {
  const pdp = await started();
  await until(() => workerPids(pdp).length === 2);
  pdp.child.kill('SIGKILL');
  const isGone = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  };
  await until(() => workerPids(pdp).every(isGone));
});

test('an address that is taken ends the process, workers and all, with a message', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const pdp = await pdps.start([publish(1, [craneDomain(5)])], {
    ...TWO,
    EDICT_PDP_LISTEN_PORT: String(address.port),
  });
  expect(await pdp.exited).toBe(1);
  expect(pdp.stderr()).toContain('EADDRINUSE');
  server.close();
});

test('a decision is explained by whichever worker answers', async () => {
  const pdp = await started();
  const explained = async (): Promise<unknown> => {
    const headers = { 'content-type': 'application/json', connection: 'close' };
    const answer = await fetch(`http://127.0.0.1:${pdp.port}/decision?explain=true`, { method: 'POST', headers, body });
    return await answer.json();
  };
  for (const answer of await Promise.all([explained(), explained(), explained()])) {
    expect(answer).toMatchObject({
      allow: true,
      explain: {
        phases: [
          { phase: 'SYSTEM', references: [{ rules: { decided: [{ rule: 'data.authz.allow', isDefault: true }] } }] },
          {
            phase: 'IDENTITY',
            references: [
              { rules: { decided: [{ rule: 'data.authz.allow', module: 'mrn:harbour:policy:lift', line: 5 }] } },
            ],
          },
          { phase: 'RESOURCE' },
          { phase: 'SCOPE', references: [] },
        ],
      },
    });
  }
});
