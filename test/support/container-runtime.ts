import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { mkdir } from 'node:fs/promises';
import { runCommand, tryCommand } from '../../scripts/run-command.ts';
import { hostArchitecture } from '../../scripts/images/node-binary.ts';
import { POD_BRIDGE, POD_NETWORK } from './node-network.ts';
import { PAUSE_IMAGE, writePauseImage } from './pause-image.ts';
import { isRunning, signalProcess, startProcess, type Lifetime } from './process.ts';
import { waitFor } from './wait-for.ts';

/** The namespace of containerd that the kubelet's containers and images live in. */
const NAMESPACE = 'k8s.io';

/** Where the runtime of the node in `directory` listens. */
export function runtimeSocket(directory: string): string {
  return path.join(directory, 'containerd.sock');
}

/** Starts containerd with its own state, its own pod network and the pause image, and resolves when it answers. */
export async function startContainerRuntime(directory: string, lifetime: Lifetime): Promise<void> {
  const cni = path.join(directory, 'cni');
  await mkdir(cni, { recursive: true });
  await writeFile(path.join(cni, '10-pods.conflist'), JSON.stringify(podNetwork(directory)));
  const config = path.join(directory, 'containerd.toml');
  await writeFile(config, runtimeConfig(directory, cni));
  const args = ['--config', config];
  await startProcess({ name: 'containerd', command: 'containerd', args, directory, lifetime });
  await waitFor('containerd to answer', async () => (await tryCtr(directory, ['version'])).code === 0);
  const archive = path.join(directory, 'pause.tar');
  await writePauseImage(archive, hostArchitecture());
  await importImage(directory, archive);
}

/** Puts an image archive into the node; pods find it with `imagePullPolicy: IfNotPresent` or `Never`. */
export async function importImage(directory: string, archive: string): Promise<void> {
  await runCommand('ctr', ['-a', runtimeSocket(directory), '-n', NAMESPACE, 'images', 'import', archive]);
}

/** The process number, on this machine, of a container's first process; undefined when it does not run. */
export async function containerPid(directory: string, containerId: string): Promise<number | undefined> {
  const listed = await tryCtr(directory, ['task', 'ls']);
  const row = listed.stdout.split('\n').find((line) => line.startsWith(containerId.replace('containerd://', '')));
  const [, pid, status] = row?.split(/\s+/) ?? [];
  return pid === undefined || status === 'STOPPED' ? undefined : Number(pid);
}

/** The user that a process on this machine runs as. */
export async function processUser(pid: number): Promise<number> {
  return Number(/^Uid:\s+([0-9]+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** Kills every container and every shim that belongs to the node in `directory`. The runtime itself is left to the caller. */
export async function killContainers(directory: string): Promise<void> {
  if (await isRunning(directory, 'containerd')) {
    const tasks = await listTasks(directory);
    for (const task of tasks) await tryCtr(directory, ['task', 'kill', '-s', 'SIGKILL', task]);
    for (const task of tasks) {
      await waitFor(`container ${task} to be removed`, async () => {
        await tryCtr(directory, ['task', 'rm', '-f', task]);
        return !(await listTasks(directory)).includes(task);
      });
    }
  }
  for (const pid of await shimsOf(directory)) signalProcess(pid, 'SIGKILL');
}

async function listTasks(directory: string): Promise<readonly string[]> {
  const listed = await tryCtr(directory, ['task', 'ls', '-q']);
  return listed.stdout.split('\n').filter((id) => id !== '');
}

function tryCtr(directory: string, args: readonly string[]): ReturnType<typeof tryCommand> {
  return tryCommand('ctr', ['-a', runtimeSocket(directory), '-n', NAMESPACE, ...args]);
}

/** A shim outlives its containerd; it carries the address of the one that it belongs to among its arguments. */
async function shimsOf(directory: string): Promise<readonly number[]> {
  const socket = runtimeSocket(directory);
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
  const found: number[] = [];
  for (const pid of pids) {
    const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (args[0]?.includes('containerd-shim') === true && args.includes(socket)) found.push(pid);
  }
  return found;
}

function podNetwork(directory: string): unknown {
  const ipam = {
    type: 'host-local',
    dataDir: path.join(directory, 'cni-leases'),
    ranges: [[{ subnet: '198.18.0.0/24' }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  return {
    cniVersion: '0.4.0',
    name: POD_NETWORK,
    plugins: [{ type: 'bridge', bridge: POD_BRIDGE, isGateway: true, hairpinMode: true, ipam }],
  };
}

function runtimeConfig(directory: string, cni: string): string {
  return `version = 2
root = "${directory}/containerd"
state = "${directory}/containerd-state"
[grpc]
  address = "${runtimeSocket(directory)}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${directory}/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/${PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE, as in many CI containers, no process may lower its oom_score_adj, and no sandbox would start.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${cni}"
`;
}
