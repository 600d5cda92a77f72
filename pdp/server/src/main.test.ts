import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';
import { formatTrustedKeys } from '@edict/bundle';
import { summarizeManifest } from '@edict/protocol';
import { RevisionFiles } from './sync/revision-files.ts';
import { until } from './testing/conditions.ts';
import { useFolders } from './testing/folders.ts';
import { freePorts } from '../../protocol/src/testing/free-port.ts';
import { craneDomain, liftRequest, publish, SET, SIGNING_KEY } from './testing/revisions.ts';

const newFolder = useFolders();
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

type Environment = Readonly<Record<string, string>>;

const running: { readonly kill: () => boolean; readonly exited: Promise<unknown> }[] = [];
afterEach(async () => {
  for (const { kill, exited } of running.splice(0)) {
    kill();
    await exited;
  }
});

/** Starts the process; nobody reads its standard output unless asked to. */
function run(env: Environment, options: { readonly args?: readonly string[]; readonly readStdout?: boolean } = {}) {
  const child = spawn(process.execPath, [MAIN, ...(options.args ?? [])], {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  if (options.readStdout !== false)
    child.stdout.setEncoding('utf8').on('data', (part: string) => (output.stdout += part));
  child.stderr.setEncoding('utf8').on('data', (part: string) => (output.stderr += part));
  // Only then is all read that it wrote.
  const exited = once(child, 'close').then(([code]: unknown[]) => code);
  running.push({ kill: () => child.kill('SIGKILL'), exited });
  const lines = (): Record<string, unknown>[] =>
    output.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { child, output, exited, lines };
}

/** A data folder with a committed revision in it, and an environment whose operator cannot be reached. */
async function anEnvironment(limit: number): Promise<Environment> {
  const folder = await newFolder();
  const { revision, manifest, artifacts } = publish(4, [craneDomain(limit)]);
  const files = await RevisionFiles.open(folder, () => undefined);
  for (const [digest, bytes] of artifacts) await files.writeArtifact(digest, bytes);
  await files.writeRecord(SET, { active: { revision, manifest: summarizeManifest(manifest) } });
  await writeFile(join(folder, 'keys.json'), formatTrustedKeys([SIGNING_KEY.publicKey]));
  await writeFile(join(folder, 'token'), 'token');
  return {
    EDICT_PDP_LISTEN_HOST: '127.0.0.1',
    EDICT_PDP_LISTEN_PORT: String((await freePorts(1))[0]),
    // Port 1 of this machine: nobody listens there.
    EDICT_PDP_OPERATOR_ADDRESS: '127.0.0.1:1',
    EDICT_PDP_BUNDLES_URL: 'https://127.0.0.1:1',
    EDICT_PDP_TOKEN_FILE: join(folder, 'token'),
    EDICT_PDP_CA_FILE: join(folder, 'ca.crt'),
    EDICT_PDP_KEYS_FILE: join(folder, 'keys.json'),
    EDICT_PDP_DATA_DIR: folder,
    EDICT_PDP_DRAIN_DELAY_MS: '0',
    EDICT_PDP_DRAIN_TIMEOUT_MS: '5000',
  };
}

const portOf = (env: Environment): number => Number(env['EDICT_PDP_LISTEN_PORT']);
const urlOf = (env: Environment): string => `http://127.0.0.1:${portOf(env)}`;

/** The status of a path; 0 while nobody listens. */
async function statusOf(env: Environment, path: string): Promise<number> {
  try {
    return (await fetch(urlOf(env) + path)).status;
  } catch {
    return 0;
  }
}

async function decide(env: Environment, tons: number) {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${urlOf(env)}/decision`, {
    method: 'POST',
    headers,
    body: JSON.stringify(liftRequest(tons)),
  });
  return { status: answer.status, revision: answer.headers.get('policy-revision'), body: await answer.text() };
}

test('--help prints every variable, an unknown argument is refused', async () => {
  const help = run({}, { args: ['--help'] });
  expect(await help.exited).toBe(0);
  expect(help.output.stdout).toContain('EDICT_PDP_OPERATOR_ADDRESS');
  const unknown = run({}, { args: ['--port=1'] });
  expect(await unknown.exited).toBe(1);
  expect(unknown.output.stderr).toContain('unknown argument --port=1');
});

test('a bad configuration ends the process with every problem', async () => {
  const { exited, output } = run({ EDICT_PDP_LISTEN_PORT: 'http', EDICT_PDP_AUDIT_ON_FULL: 'Refuse' });
  expect(await exited).toBe(1);
  for (const name of ['LISTEN_PORT', 'OPERATOR_ADDRESS', 'BUNDLES_URL', 'AUDIT_ON_FULL']) {
    expect(output.stderr).toContain(`EDICT_PDP_${name}: `);
  }
  expect(output.stderr).not.toContain('    at ');
});

test('a variable that is misspelt is told in the log', async () => {
  const env = await anEnvironment(5);
  const { child, exited, output } = run({ ...env, EDICT_PDP_LOGLEVEL: 'debug', EDICT_PDP_SERVICE_HOST: '10.0.0.1' });
  await until(async () => (await statusOf(env, '/healthz')) === 200);
  child.kill('SIGTERM');
  expect(await exited).toBe(0);
  const told = output.stdout.split('\n').filter((line) => line.includes('not known'));
  expect(told.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { name: 'EDICT_PDP_LOGLEVEL', level: 'warn' },
  ]);
});

test('an address that is taken ends the process with a message', async () => {
  const env = await anEnvironment(5);
  const first = run(env);
  await until(async () => (await statusOf(env, '/healthz')) === 200);
  const second = run(env);
  expect(await second.exited).toBe(1);
  expect(second.output.stderr).toContain('EADDRINUSE');
  expect(first.child.exitCode).toBeNull();
});

test('it serves last-known-good without an operator; SIGTERM drains: not ready, open requests answered, exit code 0', async () => {
  const env = {
    ...(await anEnvironment(5)),
    EDICT_PDP_DRAIN_DELAY_MS: '5000',
    EDICT_PDP_DRAIN_TIMEOUT_MS: '60000',
  };
  const { child, exited, output, lines } = run(env);
  await until(async () => (await statusOf(env, '/readyz')) === 200);
  expect(await decide(env, 5)).toStrictEqual({ status: 200, revision: '4', body: '{"allow":true}\n' });

  // A request whose end comes only while the process drains.
  const body = JSON.stringify(liftRequest(6));
  const socket = connect(portOf(env), '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => (text += part));
  const closed = once(socket, 'close');
  socket.write(
    `POST /decision HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  socket.write(body.slice(0, 10));
  await until(async () => (await (await fetch(`${urlOf(env)}/metrics`)).text()).includes('pdp_decisions_total'));

  child.kill('SIGTERM');
  await until(async () => (await statusOf(env, '/readyz')) === 503);
  expect((await decide(env, 5)).status).toBe(200);
  await until(async () => (await statusOf(env, '/healthz')) === 0);
  expect(child.exitCode).toBeNull();
  socket.write(body.slice(10));
  await closed;
  expect(text).toContain('HTTP/1.1 200 OK');
  expect(text).toContain('{"allow":false}');
  expect(await exited).toBe(0);
  expect(output.stderr).toBe('');
  const decided = lines().filter((line) => 'decision' in line);
  expect(decided.map(({ decision }) => decision)).toStrictEqual(['GRANT', 'GRANT', 'DENY']);
  expect(lines().filter((line) => line['message'] === 'draining')).toHaveLength(1);
});

test('a reader of standard output that stalls stops neither decisions nor the end', async () => {
  const env = { ...(await anEnvironment(5)), EDICT_PDP_AUDIT_BUFFER_BYTES: '10000' };
  const { child, exited } = run(env, { readStdout: false });
  await until(async () => (await statusOf(env, '/readyz')) === 200);
  const unlogged = async (): Promise<number> => {
    const text = await (await fetch(`${urlOf(env)}/metrics`)).text();
    return Number(/^pdp_decisions_unlogged_total{sink="stdout",reason="queue-full"} (\d+)$/m.exec(text)?.[1]);
  };
  let decided = 0;
  while ((await unlogged()) < 10) {
    for (let i = 0; i < 50; i++, decided++) expect((await decide(env, 5)).status).toBe(200);
  }
  expect(decided).toBeGreaterThan(10);
  child.kill('SIGTERM');
  expect(await exited).toBe(0);
});

test('where records are required, a reader that stalls ends decisions with a problem, and no record is lost', async () => {
  const env = {
    ...(await anEnvironment(5)),
    EDICT_PDP_AUDIT_BUFFER_BYTES: '10000',
    EDICT_PDP_AUDIT_ON_FULL: 'Block',
  };
  const { child, exited, output, lines } = run(env, { readStdout: false });
  await until(async () => (await statusOf(env, '/readyz')) === 200);
  let given = 0;
  let last = await decide(env, 5);
  for (; last.status === 200; last = await decide(env, 5)) given++;
  expect([last.status, last.body]).toStrictEqual([503, expect.stringContaining('urn:edict:problem:audit-unavailable')]);
  child.stdout.setEncoding('utf8').on('data', (part: string) => (output.stdout += part));
  await until(async () => (await decide(env, 5)).status === 200);
  given++;
  child.kill('SIGTERM');
  expect(await exited).toBe(0);
  expect(lines().filter((line) => 'decision' in line)).toHaveLength(given);
});

test('records ahead of decisions outlive the process, and files that were moved away are begun anew', async () => {
  const env = await anEnvironment(5);
  const folder = await newFolder();
  const path = join(folder, 'records.jsonl');
  const audit = join(folder, 'audit.yaml');
  await writeFile(
    audit,
    `sinks: [{name: file, type: File, path: ${path}, journal: {writeAhead: true, sync: Always}}]\n`,
  );
  const start = () => run({ ...env, EDICT_PDP_AUDIT_FILE: audit });
  const linesOf = async (file: string): Promise<number> =>
    (await readFile(file, 'utf8').catch(() => '')).split('"timestamp"').length - 1;

  const first = start();
  await until(async () => (await statusOf(env, '/readyz')) === 200);
  expect((await decide(env, 5)).status).toBe(200);
  await until(async () => (await linesOf(path)) === 1);
  await rename(path, `${path}.1`);
  first.child.kill('SIGHUP');
  for (let n = 0; n < 20; n++) expect((await decide(env, 5)).status).toBe(200);
  first.child.kill('SIGKILL');
  await first.exited;

  const second = start();
  await until(async () => (await linesOf(path)) + (await linesOf(`${path}.1`)) >= 21);
  await until(async () => (await statusOf(env, '/readyz')) === 200);
  second.child.kill('SIGTERM');
  expect(await second.exited).toBe(0);
});

test('an audit file that cannot be used ends the process with every problem', async () => {
  const file = join(await newFolder(), 'audit.yaml');
  await writeFile(file, 'sinks: [{name: a, type: File}, {name: b, type: Http, url: x}]');
  const { exited, output } = run({ ...(await anEnvironment(5)), EDICT_PDP_AUDIT_FILE: file });
  expect(await exited).toBe(1);
  expect(output.stderr).toContain('sinks[0].path: ');
  expect(output.stderr).toContain('sinks[1].url: must be an http or https URL');
});
