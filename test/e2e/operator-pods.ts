import type { AnyObject, ClusterClient } from '../support/cluster-client.ts';
import { containerPid } from '../support/container-runtime.ts';
import { signalProcess } from '../support/process.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Environment } from './environment.ts';
import type { Pod } from './objects.ts';

interface Lease extends AnyObject {
  readonly spec: { readonly holderIdentity?: string };
}

/** The operator's pods that are not being deleted. */
export async function operatorPods(cluster: ClusterClient, environment: Environment): Promise<readonly Pod[]> {
  const selector = 'app.kubernetes.io/component=operator';
  const pods = await cluster.list<Pod>('v1', 'Pod', environment.operatorNamespace, selector);
  return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** The operator pod that holds the lease. */
export function leadingOperator(cluster: ClusterClient, environment: Environment): Promise<Pod> {
  const { release, operatorNamespace: namespace } = environment;
  return waitFor('an operator to lead', async () => {
    const name = `${release}-operator`;
    const lease = await cluster.get<Lease>({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name });
    const holder = lease?.spec.holderIdentity;
    return (await operatorPods(cluster, environment)).find(({ metadata }) => metadata.name === holder);
  });
}

/** The process number of a pod's one container, on this machine. */
export function pidOf(environment: Environment, pod: Pod): Promise<number> {
  return waitFor(`the process of ${pod.metadata.name}`, () =>
    containerPid(environment.nodeDirectory, pod.status?.containerStatuses?.[0]?.containerID ?? ''),
  );
}

/** `kill -9` of a pod's process: no time to say goodbye, to flush or to give up the lease. */
export async function killPod(environment: Environment, pod: Pod): Promise<void> {
  signalProcess(await pidOf(environment, pod), 'SIGKILL');
}

/** Lines of the operator's logs, of all its pods, in which the API server refused it for want of a right. */
export async function refusalsByRights(cluster: ClusterClient, environment: Environment): Promise<readonly string[]> {
  const pods = await operatorPods(cluster, environment);
  const logs = await Promise.all(
    pods.map(({ metadata }) => cluster.kubectl('-n', environment.operatorNamespace, 'logs', metadata.name)),
  );
  return logs.flatMap((log) =>
    log.split('\n').filter((line) => /User .{0,4}system:serviceaccount:.* cannot /.test(line)),
  );
}
