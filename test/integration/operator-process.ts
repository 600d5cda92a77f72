import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { freePorts } from '../../pdp/protocol/src/testing/free-port.ts';
import { waitFor } from '../support/wait-for.ts';

/** One replica of the operator, as its own process, started from the sources. */
export interface OperatorProcess {
  readonly name: string;
  readonly pid: number;
  readonly httpUrl: string;
  readonly webhookPort: number;
  readonly streamPort: number;
  readonly bundlesPort: number;
  /** Everything that it logged, one JSON text per line. */
  readonly log: () => string;
  readonly isRunning: () => boolean;
  /** Sends the signal and resolves with the exit code once the process has ended; null if the signal ended it. */
  readonly end: (signal: 'SIGTERM' | 'SIGKILL') => Promise<number | null>;
}

export interface OperatorProcessOptions {
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly name: string;
  /** What is run instead of the sources, such as the bundle of the image. */
  readonly main?: string;
  /** Address of the loopback network that it listens on, as its pod's; `127.0.0.1` by default. */
  readonly host?: string;
  /** Port of its streams; a free one by default. */
  readonly streamPort?: number;
  /** Flags of Node. */
  readonly nodeArgs?: readonly string[];
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** `debug` by default. */
  readonly logLevel?: 'info' | 'debug';
}

const ENTRY = path.join(import.meta.dirname, '../../operator/src/main.ts');

/** Starts a replica and resolves when it is ready. */
export async function startOperatorProcess(options: OperatorProcessOptions): Promise<OperatorProcess> {
  const { kubeconfig, namespace, name, main = ENTRY, host = '127.0.0.1', nodeArgs = [], logLevel = 'debug' } = options;
  const [http = 0, webhook = 0, freePort = 0, bundles = 0] = await freePorts(4);
  const streams = options.streamPort ?? freePort;
  const child = spawn(process.execPath, ['--no-warnings', ...nodeArgs, main], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      KUBECONFIG: kubeconfig,
      EDICT_OPERATOR_NAMESPACE: namespace,
      EDICT_OPERATOR_POD_NAME: name,
      EDICT_OPERATOR_POD_IP: host,
      EDICT_OPERATOR_PDP_IMAGE: 'example.test/edict-pdp:integration',
      EDICT_OPERATOR_LISTEN_HOST: host,
      EDICT_OPERATOR_HTTP_PORT: String(http),
      EDICT_OPERATOR_WEBHOOK_PORT: String(webhook),
      EDICT_OPERATOR_DISTRIBUTION_PORT: String(streams),
      EDICT_OPERATOR_BUNDLES_PORT: String(bundles),
      EDICT_OPERATOR_WEBHOOK_CONFIGURATION: `edict-${namespace}`,
      EDICT_OPERATOR_LOG_LEVEL: logLevel,
      ...options.env,
    },
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => lines.push(text));
  }
  const running: OperatorProcess = {
    name,
    pid: child.pid ?? 0,
    httpUrl: `http://${host}:${String(http)}`,
    webhookPort: webhook,
    streamPort: streams,
    bundlesPort: bundles,
    log: () => lines.join(''),
    isRunning: () => child.exitCode === null && child.signalCode === null,
    end: (signal) => end(child, signal),
  };
  try {
    await waitFor(`${name} to be ready`, async () => {
      if (!running.isRunning()) return true;
      const answer = await fetch(`${running.httpUrl}/readyz`);
      return answer.ok;
    });
    if (!running.isRunning()) throw new Error(`${name} ended at once:\n${running.log()}`);
  } catch (thrown) {
    await end(child, 'SIGKILL');
    throw new Error(`${name} did not become ready:\n${running.log()}`, { cause: thrown });
  }
  return running;
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill(signal);
  return ended;
}
