import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOpa } from '../../fuzz/opa-server.ts';
import { freePorts } from '../../../pdp/protocol/src/testing/free-port.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A server that is measured. */
export interface ServerProcess {
  readonly url: string;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** Starts OPA's own server with a policy and data; decision logs are off, as they are by default. */
export async function startOpaServer(binary: string | undefined, rego: string, data: unknown): Promise<ServerProcess> {
  const program = findOpa(binary);
  const folder = await mkdtemp(join(tmpdir(), 'edict-bench-opa-'));
  await writeFile(join(folder, 'policy.rego'), rego);
  await writeFile(join(folder, 'data.json'), JSON.stringify(data));
  const [port = 0] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const files = [join(folder, 'policy.rego'), join(folder, 'data.json')];
  const child = spawn(
    program,
    ['run', '--server', '--addr', address, '--log-level', 'error', '--skip-version-check', ...files],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const url = `http://${address}`;
  await waitFor('OPA to be ready', async () => (await fetch(`${url}/health`)).ok, { intervalMs: 20 });
  return {
    url,
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
      await rm(folder, { recursive: true });
    },
  };
}
