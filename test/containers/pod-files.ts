import { chown, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { RUNTIME_USER } from '../../scripts/images/runtime-layer.ts';
import type { AnyObject, ClusterClient } from '../support/cluster-client.ts';

/** The parts of a pod's spec that decide what its one container sees. */
export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly volumes?: readonly Volume[];
  readonly containers: readonly {
    readonly image: string;
    readonly env?: readonly {
      readonly name: string;
      readonly value?: string;
      readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
    }[];
    readonly volumeMounts?: readonly {
      readonly name: string;
      readonly mountPath: string;
      readonly readOnly?: boolean;
    }[];
  }[];
}

interface Volume {
  readonly name: string;
  readonly emptyDir?: object;
  readonly configMap?: { readonly name: string };
  readonly projected?: {
    readonly sources: readonly {
      readonly serviceAccountToken?: { readonly audience?: string; readonly path: string };
      readonly configMap?: { readonly name: string };
    }[];
  };
}

/** A pod as stored: nothing runs it here but the test. */
export interface StoredPod extends AnyObject {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly spec: PodSpec;
}

/** A folder of this machine at a place in the container. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly mode: 'ro' | 'rw';
}

/** The environment that the kubelet would give the pod's container. */
export function environmentOf(pod: StoredPod): Record<string, string> {
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace,
    'metadata.uid': pod.metadata.uid,
    'spec.serviceAccountName': pod.spec.serviceAccountName ?? 'default',
    'status.podIP': '',
  };
  const entries = (pod.spec.containers[0]?.env ?? []).map(({ name, value, valueFrom }) => {
    const field = valueFrom?.fieldRef?.fieldPath;
    const found = field === undefined ? (value ?? '') : fields[field];
    if (found === undefined) throw new Error(`no value here for ${name}, taken from ${field ?? ''}`);
    return [name, found] as const;
  });
  return Object.fromEntries(entries);
}

/** Writes what the kubelet would mount (tokens, ConfigMaps, empty directories) below `root`, and says where it belongs. */
export async function mountsOf(cluster: ClusterClient, pod: StoredPod, root: string): Promise<readonly Mount[]> {
  await mkdir(root, { recursive: true });
  const mounts: Mount[] = [];
  for (const { name, mountPath, readOnly } of pod.spec.containers[0]?.volumeMounts ?? []) {
    const volume = pod.spec.volumes?.find((candidate) => candidate.name === name);
    if (volume === undefined) throw new Error(`no volume is named ${name}`);
    const source = path.join(root, name);
    await mkdir(source);
    await fill(cluster, pod, volume, source);
    await chown(source, RUNTIME_USER, RUNTIME_USER);
    mounts.push({ source, target: mountPath, mode: readOnly === true ? 'ro' : 'rw' });
  }
  return mounts;
}

async function fill(cluster: ClusterClient, pod: StoredPod, volume: Volume, directory: string): Promise<void> {
  const { namespace } = pod.metadata;
  if (volume.emptyDir !== undefined) return;
  const sources = volume.projected?.sources ?? [
    { ...(volume.configMap === undefined ? {} : { configMap: volume.configMap }) },
  ];
  for (const { serviceAccountToken, configMap } of sources) {
    if (serviceAccountToken !== undefined) {
      const { audience, path: file } = serviceAccountToken;
      const token = await podToken(cluster, pod, audience);
      await writeFile(path.join(directory, file), token, { mode: 0o644 });
    }
    if (configMap !== undefined) {
      const found = await cluster.get<AnyObject & { readonly data?: Readonly<Record<string, string>> }>({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        namespace,
        name: configMap.name,
      });
      for (const [file, text] of Object.entries(found?.data ?? {})) {
        await writeFile(path.join(directory, file), text, { mode: 0o644 });
      }
    }
  }
}

/** A token bound to the pod, as the kubelet asks for one. */
async function podToken(cluster: ClusterClient, pod: StoredPod, audience: string | undefined): Promise<string> {
  const { name, namespace, uid } = pod.metadata;
  const bound = ['--bound-object-kind=Pod', `--bound-object-name=${name}`, `--bound-object-uid=${uid}`];
  const audiences = audience === undefined ? [] : [`--audience=${audience}`];
  const account = pod.spec.serviceAccountName ?? 'default';
  return (await cluster.kubectl('-n', namespace, 'create', 'token', account, ...bound, ...audiences)).trim();
}
