import { isStoreError } from '@edict/operator';
import { RESOURCES } from '@edict/operator/kube';
import type { Cluster } from './cluster.ts';

/** A pod to make, and the token to mount into it. */
export interface RunningPod {
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Service account; has to exist. */
  readonly account: string;
  readonly address?: string;
  /** For whom the token is meant. */
  readonly audience: string;
}

/** Makes a pod that runs, as far as the API server knows, and answers its token: there is no kubelet to do either. */
export async function makeRunningPod(cluster: Cluster, wanted: RunningPod): Promise<string> {
  const { namespace, name, labels = {}, account, address, audience } = wanted;
  const pod = await cluster.objects.create(RESOURCES.Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels },
    spec: { serviceAccountName: account, containers: [{ name: 'main', image: 'example.test/main' }] },
  });
  const status = { phase: 'Running', ...(address === undefined ? {} : { podIP: address, podIPs: [{ ip: address }] }) };
  await cluster.objects.replace(RESOURCES.Pod, { ...pod, status }, 'status');
  return requestToken(cluster, { namespace, account, audience, pod: { name, uid: pod.metadata.uid ?? '' } });
}

/** For whom a token is, and to which pod it is bound, if to any. */
export interface WantedToken {
  readonly namespace: string;
  readonly account: string;
  readonly audience: string;
  readonly pod?: { readonly name: string; readonly uid: string } | undefined;
}

/** A token of a service account, good for an hour, as the kubelet would project it. */
export async function requestToken(cluster: Cluster, wanted: WantedToken): Promise<string> {
  const { namespace, account, audience, pod } = wanted;
  const answer = (await cluster.client.request({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: [audience],
        expirationSeconds: 3600,
        ...(pod === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...pod } }),
      },
    },
  })) as { readonly status: { readonly token: string } };
  return answer.status.token;
}

/** Makes a service account. Without effect if there is one already, such as `default`, which a controller makes. */
export async function makeAccount(cluster: Cluster, namespace: string, name: string): Promise<void> {
  const metadata = { namespace, name };
  try {
    await cluster.objects.create(RESOURCES.ServiceAccount, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  } catch (error) {
    if (!isStoreError(error, 'AlreadyExists')) throw error;
  }
}
