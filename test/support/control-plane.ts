import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { requireAssets } from '../../scripts/kube-assets.ts';
import { freePorts } from '../../pdp/protocol/src/testing/free-port.ts';
import {
  createAuthority,
  issueCertificate,
  writeKubeconfig,
  writeTokenKey,
  type Authority,
  type KeyPairFiles,
} from './pki.ts';
import { isRunning, readLogTail, recordedProcesses, startProcess, stopProcess, type Lifetime } from './process.ts';
import { waitFor } from './wait-for.ts';

/** A running API server, and how to reach and stop it. */
export interface ControlPlane {
  /** Path of a kubeconfig whose user may do everything. */
  readonly kubeconfig: string;
  /** `https://address:port` */
  readonly server: string;
  /** State, logs (`logs/*.log`) and keys. */
  readonly directory: string;
  /** Ends the programs and removes the state. May be called twice. */
  readonly stop: () => Promise<void>;
}

/** What differs between the uses of a control plane. */
export interface ControlPlaneOptions {
  /** State directory; a new temporary one by default. */
  readonly directory?: string;
  /** `bound` by default: nothing survives the process that started it. */
  readonly lifetime?: Lifetime;
  /**
   * Also start the controller manager: deployments make pods, owners' deletion deletes, deleted namespaces go. Without it the
   * API server only stores, which suffices for most tests of a controller. False by default.
   */
  readonly controllers?: boolean;
  /** The address that the API server is reached by from pods; 127.0.0.1 by default. */
  readonly address?: string;
  /** Further flags of the API server, such as those of its audit log. */
  readonly apiServerFlags?: readonly string[];
}

/** Addresses of Services; a benchmark range (RFC 2544) where nothing real is. */
export const SERVICE_RANGE = '198.19.0.0/16';
/** Addresses of pods. */
export const POD_RANGE = '198.18.0.0/16';
/** The API server's own Service address: the first of {@link SERVICE_RANGE}. */
const API_SERVICE_ADDRESS = '198.19.0.1';

/** What a further component of the same cluster needs: its kubeconfig and the files that it shares with the API server. */
export interface ControlPlaneParts extends ControlPlane {
  readonly authority: Authority;
  readonly tokenKey: string;
  /** Issues a certificate for one user and returns the path of its kubeconfig. */
  readonly credentials: (name: string, subject: string) => Promise<string>;
}

/**
 * Starts etcd and kube-apiserver without root, on free ports, with ServiceAccount tokens (TokenRequest and TokenReview) and
 * RBAC, and resolves when `/readyz` says so: about five seconds. Nothing is shared with another control plane.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlaneParts> {
  const directory = options.directory ?? (await mkdtemp(path.join(tmpdir(), 'edict-control-plane-')));
  try {
    return await start(directory, options);
  } catch (thrown) {
    await stopAll(directory);
    throw thrown;
  }
}

async function start(directory: string, options: ControlPlaneOptions): Promise<ControlPlaneParts> {
  const { lifetime = 'bound', controllers = false, address = '127.0.0.1', apiServerFlags: furtherFlags = [] } = options;
  const wanted = controllers
    ? (['etcd', 'kube-apiserver', 'kube-controller-manager'] as const)
    : (['etcd', 'kube-apiserver'] as const);
  const assets: Partial<Record<(typeof wanted)[number], string>> = await requireAssets(wanted);
  const pki = path.join(directory, 'pki');
  await mkdir(pki, { recursive: true });
  const [etcdClient = 0, etcdPeer = 0, secure = 0] = await freePorts(3);
  const launch = (name: string, command: string | undefined, args: readonly string[]): Promise<void> =>
    startProcess({ name, command: command ?? name, args, directory, lifetime });

  const etcdUrl = `http://127.0.0.1:${etcdClient}`;
  await launch('etcd', assets.etcd, etcdFlags(directory, etcdUrl, `http://127.0.0.1:${etcdPeer}`));

  const authority = await createAuthority(pki);
  const tokenKey = await writeTokenKey(pki);
  const serving = await issueCertificate(authority, 'apiserver', '/CN=kube-apiserver', apiServerNames(address));
  const admin = await issueCertificate(authority, 'admin', '/O=system:masters/CN=admin');
  const frontProxy = await issueCertificate(authority, 'front-proxy', '/CN=front-proxy-client');
  const server = `https://${address}:${secure}`;
  const kubeconfig = await writeKubeconfig(path.join(directory, 'admin.kubeconfig'), server, authority, admin);
  const files = { authority, serving, admin, frontProxy, tokenKey };
  const flags = [...apiServerFlags(etcdUrl, address, secure, files), ...furtherFlags];
  await launch('kube-apiserver', assets['kube-apiserver'], flags);
  await waitUntilReady(directory, secure, address, authority, admin);

  const credentials = async (name: string, subject: string): Promise<string> => {
    const user = await issueCertificate(authority, name, subject);
    return writeKubeconfig(path.join(directory, `${name}.kubeconfig`), server, authority, user);
  };
  if (controllers) {
    const user = await credentials('controller-manager', '/CN=system:kube-controller-manager');
    const flags = controllerManagerFlags(user, authority, tokenKey);
    await launch('kube-controller-manager', assets['kube-controller-manager'], flags);
  }
  return { kubeconfig, server, directory, authority, tokenKey, credentials, stop: () => stopControlPlane(directory) };
}

/** Ends what {@link startControlPlane} started in `directory`, in this process or another, and removes the directory. */
export async function stopControlPlane(directory: string): Promise<void> {
  await stopAll(directory);
  await rm(directory, { recursive: true, force: true });
}

/** Those that write to etcd end before etcd does. */
async function stopAll(directory: string): Promise<void> {
  const names = await recordedProcesses(directory);
  const etcdLast = [...names.filter((name) => name !== 'etcd'), ...names.filter((name) => name === 'etcd')];
  for (const name of etcdLast) await stopProcess(directory, name, name === 'kube-apiserver' ? 3_000 : 10_000);
}

function etcdFlags(directory: string, clientUrl: string, peerUrl: string): readonly string[] {
  return [
    `--data-dir=${path.join(directory, 'etcd')}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--unsafe-no-fsync', // a test's data need not survive a power cut
  ];
}

function apiServerNames(address: string): readonly string[] {
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost'];
  const addresses = new Set(['127.0.0.1', API_SERVICE_ADDRESS, address]);
  return [...service.map((name) => `DNS:${name}`), ...[...addresses].map((ip) => `IP:${ip}`)];
}

interface ApiServerFiles {
  readonly authority: Authority;
  readonly serving: KeyPairFiles;
  readonly admin: KeyPairFiles;
  readonly frontProxy: KeyPairFiles;
  readonly tokenKey: string;
}

function apiServerFlags(etcdUrl: string, address: string, port: number, files: ApiServerFiles): readonly string[] {
  const issuer = 'https://kubernetes.default.svc';
  return [
    `--etcd-servers=${etcdUrl}`,
    `--secure-port=${port}`,
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    // An address of this machine's loopback may not be an endpoint of the kubernetes Service.
    ...(address === '127.0.0.1' ? ['--endpoint-reconciler-type=none'] : []),
    `--client-ca-file=${files.authority.certificate}`,
    `--tls-cert-file=${files.serving.certificate}`,
    `--tls-private-key-file=${files.serving.key}`,
    `--service-account-key-file=${files.tokenKey}`,
    `--service-account-signing-key-file=${files.tokenKey}`,
    `--service-account-issuer=${issuer}`,
    `--api-audiences=${issuer}`,
    `--service-cluster-ip-range=${SERVICE_RANGE}`,
    '--authorization-mode=Node,RBAC',
    '--allow-privileged=true',
    '--kubelet-preferred-address-types=InternalIP', // node names do not resolve here
    `--kubelet-client-certificate=${files.admin.certificate}`,
    `--kubelet-client-key=${files.admin.key}`,
    `--requestheader-client-ca-file=${files.authority.certificate}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${files.frontProxy.certificate}`,
    `--proxy-client-key-file=${files.frontProxy.key}`,
  ];
}

function controllerManagerFlags(kubeconfig: string, authority: Authority, tokenKey: string): readonly string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--leader-elect=false',
    `--service-account-private-key-file=${tokenKey}`,
    `--root-ca-file=${authority.certificate}`,
    `--cluster-signing-cert-file=${authority.certificate}`,
    `--cluster-signing-key-file=${authority.key}`,
    '--use-service-account-credentials=true',
    '--allocate-node-cidrs=true',
    `--cluster-cidr=${POD_RANGE}`,
    '--horizontal-pod-autoscaler-sync-period=5s', // a test does not wait for the usual 15 s
    '--secure-port=0', // two control planes on one machine must not meet
  ];
}

async function waitUntilReady(
  directory: string,
  port: number,
  address: string,
  authority: Authority,
  admin: KeyPairFiles,
): Promise<void> {
  const [ca, cert, key] = await Promise.all(
    [authority.certificate, admin.certificate, admin.key].map((file) => readFile(file)),
  );
  const isReady = (): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const probe = request({ host: address, port, path: '/readyz', ca, cert, key, timeout: 2_000 }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
      probe.on('timeout', () => probe.destroy(new Error('no answer in 2 s')));
      probe.on('error', reject).end();
    });
  const crashed = async (): Promise<string | undefined> => {
    for (const name of ['etcd', 'kube-apiserver']) if (!(await isRunning(directory, name))) return name;
    return undefined;
  };
  let ended: string | undefined;
  await waitFor(
    'the API server to be ready',
    async () => (ended = await crashed()) !== undefined || (await isReady()),
    {
      intervalMs: 100,
    },
  );
  if (ended !== undefined) throw new Error(`${ended} ended at once:\n${await readLogTail(directory, ended)}`);
}
