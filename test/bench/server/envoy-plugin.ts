import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../../pdp/protocol/src/testing/free-port.ts';
import { waitFor } from '../../support/wait-for.ts';

/** The plugin at work. */
export interface PluginProcess {
  readonly port: number;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** Starts the OPA-Envoy plugin with a rule `data.envoy.authz.allow`; decision logs are off, as they are by default. */
export async function startPlugin(program: string, rego: string): Promise<PluginProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'edict-bench-plugin-'));
  const policy = join(folder, 'policy.rego');
  await writeFile(policy, rego);
  const [port = 0, apiPort = 0, diagnosticPort = 0] = await freePorts(3);
  const settings = [
    `plugins.envoy_ext_authz_grpc.addr=127.0.0.1:${port}`,
    'plugins.envoy_ext_authz_grpc.path=envoy/authz/allow',
  ];
  const child = spawn(
    program,
    [
      ...['run', '--server', '--addr', `127.0.0.1:${apiPort}`, '--diagnostic-addr', `127.0.0.1:${diagnosticPort}`],
      ...['--log-level', 'error', '--skip-version-check', ...settings.flatMap((setting) => ['--set', setting]), policy],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const healthy = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${diagnosticPort}/health?plugins`)).ok;
  await waitFor('the plugin to be ready', healthy, { intervalMs: 20 });
  return {
    port,
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
      await rm(folder, { recursive: true });
    },
  };
}
