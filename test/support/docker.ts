import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { readScriptConfig } from '../../scripts/config.ts';
import { runCommand, tryCommand } from '../../scripts/run-command.ts';
import { DOCKER_PACKAGES, ensureSystemPackages } from '../../scripts/system-packages.ts';
import { mountsBelow } from './node-network.ts';
import { readLogTail, startProcess, stopProcess, type Lifetime } from './process.ts';
import { waitFor } from './wait-for.ts';

/** A Docker engine. */
export interface DockerEngine {
  /** For `DOCKER_HOST`. */
  readonly host: string;
  /** Loads an image archive; the image has the name that the archive says. */
  readonly load: (archive: string) => Promise<void>;
  /** Ends the engine if it was started here, and leaves nothing of it. May be called twice. */
  readonly stop: () => Promise<void>;
}

/** One per machine: a second start replaces the first. */
const DIRECTORY = path.join(tmpdir(), 'edict-docker');
/** Not `docker0`, which may belong to an engine that somebody else runs. */
const BRIDGE = 'edict-docker';
/** A third part of the benchmark range would collide with the node's; this one is for documentation (RFC 5737), and unused. */
const BRIDGE_ADDRESS = '198.51.100.1/24';

/**
 * Uses the engine of `DOCKER_HOST` or the default socket when one answers, else installs Debian's and starts it (as root), with
 * its own state and bridge: about three seconds.
 */
export async function startDocker(
  lifetime: Lifetime = 'bound',
  report: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): Promise<DockerEngine> {
  for (const host of [readScriptConfig().dockerHost, 'unix:///var/run/docker.sock']) {
    if (host !== undefined && (await answers(host)))
      return { host, load: loadInto(host), stop: () => Promise.resolve() };
  }
  if (!readScriptConfig().isRoot) {
    throw new Error(
      'no Docker engine answers, and starting one needs root: start Docker, set DOCKER_HOST, or run this as root',
    );
  }
  await ensureSystemPackages(DOCKER_PACKAGES, report);
  await stopDocker();
  await mkdir(DIRECTORY, { recursive: true });
  await runCommand('ip', ['link', 'add', BRIDGE, 'type', 'bridge']);
  await runCommand('ip', ['addr', 'add', BRIDGE_ADDRESS, 'dev', BRIDGE]);
  const host = `unix://${path.join(DIRECTORY, 'docker.sock')}`;
  const at = (name: string): string => path.join(DIRECTORY, name);
  const flags = [
    ...['--host', host, '--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('dockerd.pid')],
    ...['--bridge', BRIDGE, '--storage-driver', 'overlay2'],
    // Ports are published by docker-proxy then: containers here talk to this machine only, and no rules stay behind.
    ...['--iptables=false', '--ip6tables=false', '--ip-masq=false'],
  ];
  await startProcess({ name: 'dockerd', command: 'dockerd', args: flags, directory: DIRECTORY, lifetime });
  try {
    await waitFor('the Docker engine to answer', () => answers(host));
  } catch (cause) {
    const log = await readLogTail(DIRECTORY, 'dockerd');
    await stopDocker();
    throw new Error(`dockerd does not answer:\n${log}`, { cause });
  }
  return { host, load: loadInto(host), stop: stopDocker };
}

/** Ends an engine that {@link startDocker} started, in this process or another. */
export async function stopDocker(): Promise<void> {
  await stopProcess(DIRECTORY, 'dockerd', 20_000);
  for (const mount of await mountsBelow(DIRECTORY)) await runCommand('umount', ['-l', mount]);
  await tryCommand('ip', ['link', 'del', BRIDGE]);
  await rm(DIRECTORY, { recursive: true, force: true });
}

async function answers(host: string): Promise<boolean> {
  return callEngine(host, 'GET', '/_ping').then(
    () => true,
    () => false,
  );
}

function loadInto(host: string): (archive: string) => Promise<void> {
  return async (archive) => {
    const said = await callEngine(host, 'POST', '/images/load', archive);
    // The status is sent before the archive is read; what went wrong then stands in the body.
    if (said.includes('"error"')) throw new Error(`the Docker engine refused ${archive}: ${said.trim()}`);
  };
}

/** How a container stands, or how it ended. */
export interface ContainerState {
  readonly Running: boolean;
  readonly ExitCode: number;
  /** When the engine started its process last: RFC 3339. */
  readonly StartedAt: string;
}

/** Asks the engine how a container stands; it must not have been removed. */
export async function inspectContainer(host: string, id: string): Promise<ContainerState> {
  const { State } = JSON.parse(await callEngine(host, 'GET', `/containers/${id}/json`)) as {
    readonly State: ContainerState;
  };
  return State;
}

/** A line that a container wrote. */
export interface LogLine {
  /** When the engine got it, milliseconds since the epoch. */
  readonly at: number;
  readonly text: string;
}

/** What a container has written to its standard output since it was started last. */
export async function containerLog(host: string, id: string): Promise<readonly LogLine[]> {
  const { StartedAt } = await inspectContainer(host, id);
  const said = await callEngine(host, 'GET', `/containers/${id}/logs?stdout=1&timestamps=1`);
  // Each line comes after some bytes that say of which stream it is.
  return [...said.matchAll(/(\d{4}-\d\d-\d\dT[\d:.]+Z) (.*)$/gm)]
    .map(([, time = '', text = '']) => ({ at: Date.parse(time), text }))
    .filter(({ at }) => at >= Date.parse(StartedAt));
}

/** Sends a signal to a container's first process. */
export async function signalContainer(host: string, id: string, signal: NodeJS.Signals): Promise<void> {
  await callEngine(host, 'POST', `/containers/${id}/kill?signal=${signal}`);
}

/** The address by which containers on the engine's default network reach this machine. */
export async function hostAddressOf(host: string): Promise<string> {
  const { IPAM } = JSON.parse(await callEngine(host, 'GET', '/networks/bridge')) as {
    readonly IPAM: { readonly Config: readonly { readonly Gateway?: string }[] };
  };
  const gateway = IPAM.Config.find(({ Gateway }) => Gateway !== undefined)?.Gateway;
  if (gateway === undefined) throw new Error('the default network of the Docker engine has no gateway');
  return gateway;
}

/** Calls the engine's HTTP API, so that no Docker client is needed; `bodyFile` is sent as the body. */
function callEngine(host: string, method: string, target: string, bodyFile?: string): Promise<string> {
  const url = new URL(host);
  const where = url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname, port: url.port };
  return new Promise((resolve, reject) => {
    const headers = bodyFile === undefined ? {} : { 'content-type': 'application/x-tar' };
    const call = request({ ...where, method, path: target, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('error', reject).on('end', () => {
        if (response.statusCode !== undefined && response.statusCode < 300) resolve(text);
        else reject(new Error(`${method} ${target} answered ${response.statusCode ?? 0}: ${text}`));
      });
    });
    call.on('error', reject);
    if (bodyFile === undefined) call.end();
    else pipeline(createReadStream(bodyFile), call).catch(reject);
  });
}
