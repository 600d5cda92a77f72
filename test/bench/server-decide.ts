/**
 * Measures decisions over HTTP against a whole PDP process on this machine, which serves a revision from its disk:
 * `node test/bench/server-decide.ts [--seconds N] [--connections N] [--probe] [--cpu-prof DIR]`. Prints requests per second,
 * latencies as the clients see them, and the PDP's CPU per request; nothing is asserted, because machines differ.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  canonicalJson,
  createManifest,
  formatTrustedKeys,
  generateSigningKey,
  manifestDigest,
  readDomain,
  renderBundle,
  signRevision,
} from '@edict/bundle';
import { summarizeManifest } from '@edict/protocol';
import { quantile } from '../support/figures.ts';
import { freePorts } from '../support/free-port.ts';
import { waitFor } from '../support/wait-for.ts';

const DOMAIN = `
apiVersion: edict.dev/v1beta1
kind: PolicyDomain
metadata: {name: library}
spec:
  policies:
    - {mrn: door, rego: "package authz\\ndefault allow = 0\\nallow = -1 { not input.principal.sub }"}
    - mrn: reader
      rego: |
        package authz
        default allow = false
        allow { input.principal.mannotations.shelves[_] == input.resource.annotations.shelf }
    - {mrn: anyone, rego: "package authz\\ndefault allow = true"}
  roles:
    - {mrn: member, policy: reader, annotations: [{name: shelves, value: [history, maps]}]}
  resource-groups:
    - {mrn: books, default: true, policy: anyone, annotations: [{name: shelf, value: maps}]}
  operations:
    - {name: all, selector: ['book:.*'], policy: door}
`;
const QUESTION = { principal: { sub: 'ada', mroles: ['member'] }, operation: 'book:open', resource: 'mrn:book:1' };
const SET = 'bench/library';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '16' },
    probe: { type: 'boolean', default: false },
    'cpu-prof': { type: 'string' },
  },
});

const folder = await mkdtemp(join(tmpdir(), 'edict-bench-'));
const [port = 0] = await freePorts(1);
const pdp = startPdp(await seed());
try {
  const ready = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  await waitFor('the PDP to serve', ready);
  await measure(1); // lets the PDP compile what it runs often
  const before = cpuSecondsOf(pdp);
  const latencies = await measure(Number(options.seconds));
  const cpu = cpuSecondsOf(pdp) - before;
  const perSecond = latencies.length / Number(options.seconds);
  const micros = (share: number): string => `${(quantile(latencies, share) * 1000).toFixed(0)} µs`;
  console.log(
    [
      `${Math.round(perSecond).toLocaleString('en')} requests/s over ${options.connections} connections`,
      `p50 ${micros(0.5)}, p99 ${micros(0.99)}`,
      `${((cpu / latencies.length) * 1e6).toFixed(1)} µs CPU per request`,
    ].join('; '),
  );
} finally {
  pdp.kill('SIGTERM');
  await once(pdp, 'exit');
  await rm(folder, { recursive: true });
}

/** Lays a committed revision down as a PDP would have left it, and tells how to start on it. */
async function seed(): Promise<Readonly<Record<string, string>>> {
  const read = readDomain(DOMAIN, 'library.yaml');
  if (!read.ok) throw new Error(read.problems.map(({ message }) => message).join('\n'));
  const { digest, size, gzSize, gzip } = renderBundle(read.domain);
  const manifest = createManifest({
    setUid: 'uid',
    engineMin: '0.1.0',
    policies: 3,
    domains: [{ namespace: 'bench', name: 'library', uid: 'uid', generation: 1, digest, size, gzSize }],
  });
  const key = generateSigningKey();
  const createdAt = new Date().toISOString();
  const revision = signRevision(
    { set: SET, setUid: 'uid', n: 1, digest: manifestDigest(manifest), parent: 0, reason: 'Spec', createdAt },
    key.privateKey,
  );
  await mkdir(join(folder, 'artifacts'));
  await mkdir(join(folder, 'sets'));
  await writeFile(join(folder, 'artifacts', digest.replace(':', '-')), gzip);
  await writeFile(join(folder, 'artifacts', revision.digest.replace(':', '-')), canonicalJson(manifest));
  const record = { active: { revision, manifest: summarizeManifest(manifest) } };
  await writeFile(join(folder, 'sets', `${encodeURIComponent(SET)}.json`), JSON.stringify(record));
  await writeFile(join(folder, 'keys.json'), formatTrustedKeys([key.publicKey]));
  return {
    EDICT_PDP_LISTEN_HOST: '127.0.0.1',
    EDICT_PDP_LISTEN_PORT: String(port),
    EDICT_PDP_OPERATOR_ADDRESS: '127.0.0.1:1',
    EDICT_PDP_BUNDLES_URL: 'https://127.0.0.1:1',
    EDICT_PDP_CA_FILE: join(folder, 'ca.crt'),
    EDICT_PDP_KEYS_FILE: join(folder, 'keys.json'),
    EDICT_PDP_DATA_DIR: folder,
    EDICT_PDP_DRAIN_DELAY_MS: '0',
  };
}

function startPdp(env: Readonly<Record<string, string>>): ChildProcess {
  const main = join(import.meta.dirname, '../../pdp/server/src/main.ts');
  const profile = options['cpu-prof'] === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options['cpu-prof']}`];
  // A file, as a container's log would be read: records are rendered and written, and nobody is slow.
  return spawn(process.execPath, [...profile, main], {
    env: { ...process.env, ...env },
    stdio: ['ignore', openSync('/dev/null', 'w'), 'inherit'],
  });
}

/** Asks for so long over all connections, each one question at a time; answers with every latency in milliseconds. */
async function measure(seconds: number): Promise<readonly number[]> {
  const latencies: number[] = [];
  const until = performance.now() + seconds * 1000;
  await Promise.all(Array.from({ length: Number(options.connections) }, () => askUntil(until, latencies)));
  return latencies;
}

function askUntil(until: number, latencies: number[]): Promise<void> {
  const body = JSON.stringify(QUESTION);
  const question = Buffer.from(
    [
      `POST /decision${options.probe ? '?probe=true' : ''} HTTP/1.1`,
      'Host: localhost',
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n'),
  );
  return new Promise((done, fail) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true).on('error', fail).on('close', done);
    let sentAt = 0;
    let answer = '';
    const ask = (): void => {
      sentAt = performance.now();
      answer = '';
      socket.write(question);
    };
    socket.on('connect', ask).on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (!answer.endsWith('}\n')) return;
      if (!answer.startsWith('HTTP/1.1 200 ') || !answer.endsWith('{"allow":true}\n')) {
        socket.destroy(new Error(`unexpected answer: ${answer}`));
        return;
      }
      const now = performance.now();
      latencies.push(now - sentAt);
      if (now < until) ask();
      else socket.end();
    });
  });
}

/** User and system time of a process, in seconds; `NaN` where there is no /proc. */
function cpuSecondsOf({ pid }: ChildProcess): number {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticksPerSecond = 100; // USER_HZ, the same on every Linux that Node runs on
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return NaN;
  }
}
