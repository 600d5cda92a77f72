import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { load } from 'js-yaml';
import { StoreError, systemClock, type Store } from '@edict/operator';
import {
  createKubeClient,
  createKubeObjects,
  createKubeStore,
  loadKubeConfig,
  type KubeClient,
  type KubeObject,
  type KubeObjects,
  type Resource,
} from '@edict/operator/kube';
import { waitFor } from '../support/wait-for.ts';

/** The API of a control plane, with our kinds in it. */
export interface Cluster {
  readonly client: KubeClient;
  readonly objects: KubeObjects;
  readonly store: Store;
  /** Makes a namespace that nobody else uses. */
  readonly namespace: () => Promise<string>;
  readonly close: () => Promise<void>;
}

const NAMESPACE: Resource = { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', isNamespaced: false };
const CRD: Resource = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  isNamespaced: false,
};

export interface CrdObject extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

let counter = 0;

/** Connects, and installs the generated CRDs where they are missing. `inactivityMs` as in the store's options. */
export async function connectCluster(
  kubeconfig: string,
  options: { readonly inactivityMs?: number; readonly onRestart?: (cause: string) => void } = {},
): Promise<Cluster> {
  const client = createKubeClient({ config: loadKubeConfig(kubeconfig) });
  const objects = createKubeObjects(client);
  await installCrds(objects);
  const store = createKubeStore({
    client,
    clock: systemClock,
    random: Math.random,
    onRestart: (_kind, cause) => options.onRestart?.(cause),
    ...(options.inactivityMs === undefined ? {} : { inactivityMs: options.inactivityMs }),
  });
  return {
    client,
    objects,
    store,
    namespace: async () => {
      counter += 1;
      const name = `test-${Date.now().toString(36)}-${String(counter)}`;
      await objects.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      return name;
    },
    close: async () => {
      await store.close();
      client.close();
    },
  };
}

/** The CRDs as the chart ships them, as stored once the apiserver serves them. */
export async function installCrds(objects: KubeObjects): Promise<readonly CrdObject[]> {
  const folder = path.join(import.meta.dirname, '../../crds/generated');
  const names: string[] = [];
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.yaml'))) {
    const crd = load(await readFile(path.join(folder, file), 'utf8')) as {
      readonly metadata: { readonly name: string };
    };
    await objects.apply(CRD, crd, { fieldManager: 'integration', force: true });
    names.push(crd.metadata.name);
  }
  return Promise.all(
    names.map((name) =>
      waitFor(`${name} is served`, async () => {
        const crd = await objects.get<CrdObject>(CRD, { name });
        const isServed = crd?.status?.conditions?.some(
          ({ type, status }) => type === 'Established' && status === 'True',
        );
        return isServed === true ? crd : undefined;
      }),
    ),
  );
}

/** Begins the deletion of a namespace, as `kubectl delete namespace --wait=false`. */
export async function deleteNamespace(cluster: Cluster, name: string): Promise<void> {
  await cluster.objects.delete(NAMESPACE, { name });
}

/** Whether a namespace is still there. */
export async function hasNamespace(cluster: Cluster, name: string): Promise<boolean> {
  return (await cluster.objects.get(NAMESPACE, { name })) !== undefined;
}

/** The code and the message of what an action was refused with. */
export async function refusal(action: Promise<unknown>): Promise<StoreError> {
  try {
    await action;
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error('the action was not refused');
}
