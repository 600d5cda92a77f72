import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatTrustedKeys } from '@edict/bundle';
import { afterEach } from '@jest/globals';
import { until } from './conditions.ts';
import { useFolders } from './folders.ts';
import { freePorts } from '../../../protocol/src/testing/free-port.ts';
import { SIGNING_KEY, type Published } from './revisions.ts';
import { storeRevisions } from './stored-revisions.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

/** A PDP as a process of its own, which serves from its disk and has no operator. */
export interface PdpProcess {
  readonly port: number;
  readonly folder: string;
  readonly child: ChildProcess;
  /** Resolves with its exit code. */
  readonly exited: Promise<number | null>;
  /** Its log and records so far, line by line. */
  readonly lines: () => readonly Readonly<Record<string, unknown>>[];
  readonly stderr: () => string;
}

type Environment = Readonly<Record<string, string>>;

/** Starts PDPs for the tests of one file, which are killed after each test. */
export function usePdpProcesses() {
  const newFolder = useFolders();
  const started: Pick<PdpProcess, 'child' | 'exited'>[] = [];
  afterEach(async () => {
    for (const { child, exited } of started.splice(0)) {
      child.kill('SIGKILL');
      await exited;
    }
  });
  /** `env` is given the PDP's folder. */
  const start = async (
    published: readonly Published[],
    env: Environment | ((folder: string) => Promise<Environment>) = {},
  ): Promise<PdpProcess> => {
    const folder = await newFolder();
    await storeRevisions(folder, published);
    await writeFile(join(folder, 'keys.json'), formatTrustedKeys([SIGNING_KEY.publicKey]));
    const [port = 0] = await freePorts(1);
    const child = spawn(process.execPath, [MAIN], {
      env: {
        EDICT_PDP_LISTEN_HOST: '127.0.0.1',
        EDICT_PDP_LISTEN_PORT: String(port),
        // Port 1 of this machine: nobody listens there.
        EDICT_PDP_OPERATOR_ADDRESS: '127.0.0.1:1',
        EDICT_PDP_BUNDLES_URL: 'https://127.0.0.1:1',
        EDICT_PDP_TOKEN_FILE: join(folder, 'token'),
        EDICT_PDP_CA_FILE: join(folder, 'ca.crt'),
        EDICT_PDP_KEYS_FILE: join(folder, 'keys.json'),
        EDICT_PDP_DATA_DIR: folder,
        ...(typeof env === 'function' ? await env(folder) : env),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (part: string) => (output.stdout += part));
    child.stderr.setEncoding('utf8').on('data', (part: string) => (output.stderr += part));
    const exited = once(child, 'close').then(([code]: unknown[]) => code as number | null);
    started.push({ child, exited });
    const lines = () =>
      output.stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    return { port, folder, child, exited, lines, stderr: () => output.stderr };
  };
  return { start, newFolder };
}

/** Waits until a PDP answers in clear text that it is ready; fails if it ends first. */
export async function isReady({ port, child, stderr }: PdpProcess): Promise<void> {
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`it has ended: ${stderr()}`);
    return await fetch(`http://127.0.0.1:${port}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
}
