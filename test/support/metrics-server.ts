import path from 'node:path';
import { requireAssets } from '../../scripts/kube-assets.ts';
import { runCommand, tryCommand } from '../../scripts/run-command.ts';
import { freePorts } from '../../pdp/protocol/src/testing/free-port.ts';
import { NODE_ADDRESS } from './node-network.ts';
import { isRunning, readLogTail, startProcess, stopProcess, type Lifetime } from './process.ts';
import { waitFor } from './wait-for.ts';

const NAME = 'metrics-server';
const NAMESPACE = 'kube-system';
const API_SERVICE = 'v1beta1.metrics.k8s.io';
/** The shortest that metrics-server takes; a request has to be shorter. */
const RESOLUTION_SECONDS = 10;

/**
 * Starts metrics-server beside the node in `directory`, and resolves when the API server asks it: from then on there are
 * figures of CPU and memory (`kubectl top`), and autoscalers work, after two looks at the pods. Builds the program first
 * where it is missing.
 */
export async function startMetricsServer(directory: string, lifetime: Lifetime = 'bound'): Promise<void> {
  const assets = await requireAssets([NAME, 'kubectl']);
  const kubeconfig = path.join(directory, 'admin.kubeconfig');
  const [port = 0] = await freePorts(1);
  const args = [
    `--secure-port=${port}`,
    `--bind-address=${NODE_ADDRESS}`,
    `--cert-dir=${path.join(directory, 'metrics-server-pki')}`,
    `--kubelet-certificate-authority=${path.join(directory, 'pki/ca.crt')}`,
    '--kubelet-preferred-address-types=InternalIP', // node names do not resolve here
    `--metric-resolution=${RESOLUTION_SECONDS}s`,
    `--kubelet-request-timeout=${RESOLUTION_SECONDS / 2}s`,
    ...['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map((flag) => `--${flag}=${kubeconfig}`),
  ];
  await startProcess({ name: NAME, command: assets[NAME], args, directory, lifetime });
  const kubectl = (rest: readonly string[], input?: string): Promise<string> =>
    runCommand(assets.kubectl, ['--kubeconfig', kubeconfig, ...rest], input === undefined ? {} : { input });
  await kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: apiObjects(port) }));
  const wait = ['wait', '--for=condition=Available', `apiservice/${API_SERVICE}`, '--timeout=1s'];
  const outcome = await waitFor('the API server to ask metrics-server', async () => {
    if (!(await isRunning(directory, NAME))) return 'Ended';
    return (await tryCommand(assets.kubectl, ['--kubeconfig', kubeconfig, ...wait])).code === 0 && 'Asked';
  });
  if (outcome === 'Ended') throw new Error(`metrics-server ended at once:\n${await readLogTail(directory, NAME)}`);
}

/** Ends metrics-server and takes its API away: an API that nobody serves would hold up the deletion of every namespace. */
export async function stopMetricsServer(directory: string): Promise<void> {
  const { kubectl } = await requireAssets(['kubectl']);
  const cluster = ['--kubeconfig', path.join(directory, 'admin.kubeconfig')];
  await runCommand(kubectl, [...cluster, 'delete', 'apiservice', API_SERVICE, '--ignore-not-found']);
  await runCommand(kubectl, [...cluster, '-n', NAMESPACE, 'delete', 'service', NAME, '--ignore-not-found']);
  await stopProcess(directory, NAME);
}

/** The API server finds it by a Service: one without pods, whose endpoint is the node itself. */
function apiObjects(port: number): readonly object[] {
  const metadata = { name: NAME, namespace: NAMESPACE };
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 443, targetPort: port }] } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': NAME } },
      addressType: 'IPv4',
      ports: [{ port }],
      endpoints: [{ addresses: [NODE_ADDRESS] }],
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: API_SERVICE },
      spec: {
        group: 'metrics.k8s.io',
        version: 'v1beta1',
        service: { name: NAME, namespace: NAMESPACE },
        insecureSkipTLSVerify: true, // its certificate is one that it makes for itself at every start
        groupPriorityMinimum: 100,
        versionPriority: 100,
      },
    },
  ];
}
