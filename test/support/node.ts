import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readScriptConfig } from '../../scripts/config.ts';
import { requireAssets } from '../../scripts/kube-assets.ts';
import { runCommand, tryCommand } from '../../scripts/run-command.ts';
import { ensureSystemPackages, NODE_PACKAGES } from '../../scripts/system-packages.ts';
import { importImage, killContainers, runtimeSocket, startContainerRuntime } from './container-runtime.ts';
import { POD_RANGE, startControlPlane, type ControlPlaneParts } from './control-plane.ts';
import { createNodeNetwork, mountsBelow, NODE_ADDRESS, removeNodeNetwork } from './node-network.ts';
import { startMetricsServer } from './metrics-server.ts';
import { issueCertificate } from './pki.ts';
import { recordedProcesses, startProcess, stopProcess, type Lifetime } from './process.ts';
import { waitFor } from './wait-for.ts';

/** A whole cluster of one node on this machine. */
export interface ClusterNode {
  /** Path of a kubeconfig whose user may do everything. Pod and Service addresses are reachable from this machine too. */
  readonly kubeconfig: string;
  /** State and logs (`logs/*.log`). */
  readonly directory: string;
  /** Puts an image archive into the node; pods use it with `imagePullPolicy: IfNotPresent`. */
  readonly importImage: (archive: string) => Promise<void>;
  /** Ends everything and leaves nothing: no process, mount, link, rule, cgroup or file. May be called twice. */
  readonly stop: () => Promise<void>;
}

/** What differs between the uses of a node. */
export interface NodeOptions {
  /** `bound` by default: its programs do not survive the process that started it (what they mounted does, until `stopNode`). */
  readonly lifetime?: Lifetime;
  /** Also start metrics-server: `kubectl top` and autoscalers by CPU work. False by default. */
  readonly metrics?: boolean;
  /** Receives progress lines. */
  readonly report?: (line: string) => void;
}

/** One per machine, since its addresses are: a second start replaces the first. */
export const NODE_DIRECTORY = path.join(tmpdir(), 'edict-node');

const NODE_NAME = 'node1';
const CLUSTER_DOMAIN = 'cluster.local';

/**
 * Starts etcd, kube-apiserver, controller manager, scheduler, containerd, kubelet, kube-proxy and CoreDNS as root, and resolves
 * when the node is Ready: about 20 seconds. Installs missing Debian packages and builds missing programs first. NetworkPolicies
 * are accepted and not enforced.
 */
export async function startNode(options: NodeOptions = {}): Promise<ClusterNode> {
  const { lifetime = 'bound', report = (line) => process.stderr.write(`${line}\n`) } = options;
  if (!readScriptConfig().isRoot) {
    throw new Error('a whole node changes the network and mounts of this machine: run this as root');
  }
  await ensureSystemPackages(NODE_PACKAGES, report);
  await stopNode();
  await mkdir(NODE_DIRECTORY, { recursive: true });
  try {
    const node = await start(lifetime, report);
    if (options.metrics === true) await startMetricsServer(node.directory, lifetime);
    return node;
  } catch (thrown) {
    if (!readScriptConfig().keepClusters) await stopNode();
    throw thrown;
  }
}

async function start(lifetime: Lifetime, report: (line: string) => void): Promise<ClusterNode> {
  const directory = NODE_DIRECTORY;
  const assets = await requireAssets(
    [
      'kube-apiserver',
      'kube-controller-manager',
      'etcd',
      'kube-scheduler',
      'kubelet',
      'kube-proxy',
      'coredns',
      'kubectl',
    ],
    report,
  );
  await createNodeNetwork(directory);
  const controlPlane = await startControlPlane({ directory, lifetime, controllers: true, address: NODE_ADDRESS });
  const launch = (name: string, command: string, args: readonly string[]): Promise<void> =>
    startProcess({ name, command, args, directory, lifetime });

  await launch('kube-scheduler', assets['kube-scheduler'], await schedulerFlags(controlPlane));
  await startContainerRuntime(directory, lifetime);
  await launch('coredns', assets.coredns, ['-conf', await writeDnsConfig(controlPlane)]);
  await launch('kubelet', assets.kubelet, await kubeletFlags(controlPlane));
  await launch('kube-proxy', assets['kube-proxy'], [`--config=${await writeProxyConfig(controlPlane)}`]);

  const kubectl = ['--kubeconfig', controlPlane.kubeconfig];
  await waitFor('the node to be Ready', async () => {
    const wait = ['wait', '--for=condition=Ready', `node/${NODE_NAME}`, '--timeout=1s'];
    return (await tryCommand(assets.kubectl, [...kubectl, ...wait])).code === 0;
  });
  return {
    kubeconfig: controlPlane.kubeconfig,
    directory,
    importImage: (archive) => importImage(directory, archive),
    stop: stopNode,
  };
}

/** Ends the node, whichever process started it and however that ended; nothing to stop is no error. */
export async function stopNode(): Promise<void> {
  const directory = NODE_DIRECTORY;
  // The kubelet first: it would start again what is killed here. etcd last: the others write to it.
  for (const name of ['kubelet', 'kube-proxy', 'coredns']) await stopProcess(directory, name, 3_000);
  await killContainers(directory);
  for (const name of ['containerd', 'kube-scheduler', 'kube-controller-manager'])
    await stopProcess(directory, name, 3_000);
  await stopProcess(directory, 'kube-apiserver', 1_000);
  for (const name of await recordedProcesses(directory)) await stopProcess(directory, name);
  for (const mount of await mountsBelow(directory)) await runCommand('umount', ['-l', mount]);
  if (readScriptConfig().isRoot) await removeNodeNetwork(directory);
  await rm(directory, { recursive: true, force: true });
}

async function schedulerFlags(controlPlane: ControlPlaneParts): Promise<readonly string[]> {
  const kubeconfig = await controlPlane.credentials('scheduler', '/CN=system:kube-scheduler');
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--leader-elect=false',
    '--secure-port=0',
  ];
}

/** DNS for pods, on the node's address; it knows the cluster's names only. */
async function writeDnsConfig(controlPlane: ControlPlaneParts): Promise<string> {
  const file = path.join(controlPlane.directory, 'Corefile');
  await writeFile(
    file,
    `.:53 {
    bind ${NODE_ADDRESS}
    kubernetes ${CLUSTER_DOMAIN} in-addr.arpa {
        kubeconfig ${controlPlane.kubeconfig}
    }
    cache 5
}
`,
  );
  await writeFile(path.join(controlPlane.directory, 'resolv.conf'), `nameserver ${NODE_ADDRESS}\n`);
  return file;
}

async function kubeletFlags(controlPlane: ControlPlaneParts): Promise<readonly string[]> {
  const { directory, authority } = controlPlane;
  const kubeconfig = await controlPlane.credentials('kubelet', `/O=system:nodes/CN=system:node:${NODE_NAME}`);
  const names = [`DNS:${NODE_NAME}`, 'IP:127.0.0.1', `IP:${NODE_ADDRESS}`];
  const serving = await issueCertificate(
    authority,
    'kubelet-serving',
    `/O=system:nodes/CN=system:node:${NODE_NAME}`,
    names,
  );
  const config = path.join(directory, 'kubelet.json');
  await writeFile(
    config,
    JSON.stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: authority.certificate },
      },
      authorization: { mode: 'Webhook' },
      cgroupDriver: 'cgroupfs',
      failCgroupV1: false, // machines with the first version of cgroups still run CI
      failSwapOn: false,
      syncFrequency: '10s', // ConfigMaps reach pods with this: a minute is long for a test
      containerRuntimeEndpoint: `unix://${runtimeSocket(directory)}`,
      clusterDomain: CLUSTER_DOMAIN,
      clusterDNS: [NODE_ADDRESS],
      resolvConf: path.join(directory, 'resolv.conf'),
      podLogsDir: path.join(directory, 'pod-logs'),
      tlsCertFile: serving.certificate,
      tlsPrivateKeyFile: serving.key,
      // The images are imported by hand: collected, they would be gone for good.
      imageGCHighThresholdPercent: 100,
      evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '0%', 'imagefs.available': '0%' },
    }),
  );
  return [
    `--config=${config}`,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${NODE_NAME}`,
    `--node-ip=${NODE_ADDRESS}`,
    `--root-dir=${path.join(directory, 'kubelet')}`,
    `--cert-dir=${path.join(directory, 'kubelet-pki')}`,
  ];
}

async function writeProxyConfig(controlPlane: ControlPlaneParts): Promise<string> {
  const kubeconfig = await controlPlane.credentials('kube-proxy', '/CN=system:kube-proxy');
  const file = path.join(controlPlane.directory, 'kube-proxy.json');
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig },
    clusterCIDR: POD_RANGE,
    hostnameOverride: NODE_NAME,
    mode: 'iptables',
    conntrack: { maxPerCore: 0, min: 0 }, // limits of the whole machine are not a test's to change
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}
