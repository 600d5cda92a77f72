import { copyFile, readFile, readdir, readlink, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runCommand, tryCommand } from '../../scripts/run-command.ts';
import { POD_RANGE, SERVICE_RANGE } from './control-plane.ts';

/** The node's address, reachable from pods; in the pods' benchmark range but outside the node's own share of it. */
export const NODE_ADDRESS = '198.18.255.1';
/** The bridge that pods hang on. */
export const POD_BRIDGE = 'edict-pods';
/** The name that CNI keeps its leases and results under. */
export const POD_NETWORK = 'edict-pods';
/** A veth pair, since not every machine has the dummy device: one end carries the node's address. */
const NODE_LINK = 'edict-node';
const NODE_LINK_PEER = 'edict-node-peer';

const FORWARDING = '/proc/sys/net/ipv4/ip_forward';

/**
 * Gives this machine the node's address and lets pods' packets through. Needs root; undone by {@link removeNodeNetwork} of the
 * same state directory.
 */
export async function createNodeNetwork(directory: string): Promise<void> {
  const taken = await runCommand('ip', ['-4', 'addr', 'show', 'to', '198.18.0.0/15']);
  if (taken.trim() !== '') {
    throw new Error(`the addresses ${POD_RANGE} and ${SERVICE_RANGE} are in use on this machine:\n${taken}`);
  }
  await runCommand('ip', ['link', 'add', NODE_LINK, 'type', 'veth', 'peer', 'name', NODE_LINK_PEER]);
  await runCommand('ip', ['addr', 'add', `${NODE_ADDRESS}/32`, 'dev', NODE_LINK]);
  await runCommand('ip', ['link', 'set', NODE_LINK_PEER, 'up']);
  await runCommand('ip', ['link', 'set', NODE_LINK, 'up']);
  // A Service that kube-proxy does not know yet must lead nowhere, not out of this machine.
  await runCommand('ip', ['route', 'add', SERVICE_RANGE, 'dev', NODE_LINK]);
  await copyFile(FORWARDING, path.join(directory, 'ip_forward'));
  await writeFile(FORWARDING, '1');
  // Absent without the bridge netfilter module; then packets between pods do not pass iptables, and Services work all the same.
  await writeFile('/proc/sys/net/bridge/bridge-nf-call-iptables', '1').catch(() => undefined);
  // A Docker engine on the same machine makes "drop" the policy for forwarded packets.
  for (const rule of forwardRules('-I')) await runCommand('iptables', rule);
}

/** Removes links, rules, leases and log links of a node, whether or not all of them exist. */
export async function removeNodeNetwork(directory: string): Promise<void> {
  const forwarding = await readFile(path.join(directory, 'ip_forward'), 'utf8').catch(() => undefined);
  if (forwarding !== undefined) await writeFile(FORWARDING, forwarding);
  for (const rule of forwardRules('-D')) await tryCommand('iptables', rule);
  await removeRules('iptables');
  await removeRules('ip6tables');
  await tryCommand('ip', ['link', 'del', NODE_LINK]);
  await tryCommand('ip', ['link', 'del', POD_BRIDGE]);
  // Each names the network namespace that it is about, which lies in the state directory.
  await removeMatching('/var/lib/cni/results', async (file) => (await readFile(file, 'utf8')).includes(directory));
  await removeMatching('/var/log/containers', async (file) => (await readlink(file)).startsWith(directory));
  await removeCgroups('/sys/fs/cgroup');
}

function forwardRules(operation: '-I' | '-D'): readonly (readonly string[])[] {
  return (['-s', '-d'] as const).map((direction) => ['-w', operation, 'FORWARD', direction, POD_RANGE, '-j', 'ACCEPT']);
}

/** Drops the chains that kube-proxy, the kubelet and CNI made, and every rule that leads to one; all other rules stay. */
async function removeRules(family: 'iptables' | 'ip6tables'): Promise<void> {
  const saved = await tryCommand(`${family}-save`, []);
  if (saved.code !== 0 || !/KUBE-|CNI-/.test(saved.stdout)) return;
  const kept = saved.stdout.split('\n').filter((line) => !/\b(KUBE|CNI)-/.test(line));
  await runCommand(`${family}-restore`, ['-w'], { input: kept.join('\n') });
}

async function removeMatching(directory: string, isOurs: (file: string) => Promise<boolean>): Promise<void> {
  for (const entry of await readdir(directory).catch(() => [])) {
    const file = path.join(directory, entry);
    const ours = await isOurs(file).catch(() => false); // gone meanwhile, or of another kind than ours
    if (ours) await rm(file, { force: true });
  }
}

/** The kubelet puts every pod below `kubepods` in each hierarchy; an empty cgroup is removed like a directory, leaves first. */
async function removeCgroups(root: string): Promise<void> {
  const hierarchies = ['.', ...(await readdir(root).catch(() => []))];
  for (const hierarchy of hierarchies) await removeTree(path.join(root, hierarchy, 'kubepods'));
}

async function removeTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(path.join(directory, entry.name));
  await rmdir(directory).catch(() => undefined); // absent, or another node's pods are in it
}

/** Mounts below `directory`, deepest first. */
export async function mountsBelow(directory: string): Promise<readonly string[]> {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  return mounts
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point.startsWith(`${directory}/`))
    .toSorted((a, b) => b.length - a.length);
}
