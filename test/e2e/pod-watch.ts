import type { ClusterClient } from '../support/cluster-client.ts';
import { isPodReady, type Pod } from './objects.ts';

/** When things of a pod were first seen: milliseconds since the epoch. */
export interface PodTimes {
  readonly pod: Pod;
  readonly createdAt: number;
  readonly readyAt: number | undefined;
}

/** The PDPs of a namespace as they come and go. */
export interface PodWatch {
  /** By name; those that are gone too. */
  readonly times: ReadonlyMap<string, PodTimes>;
  readonly stop: () => void;
}

/** Watches the PDPs of a namespace from now on; `onAddress` is told of each that has got an address, once. */
export async function watchPods(
  cluster: ClusterClient,
  namespace: string,
  onAddress: (pod: Pod) => void,
): Promise<PodWatch> {
  const times = new Map<string, PodTimes>();
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const stop = await cluster.watch<Pod>(path, ({ type, object, seenAt }) => {
    const { name, labels } = object.metadata;
    if (type === 'DELETED' || labels?.['app.kubernetes.io/component'] !== 'pdp') return;
    const before = times.get(name);
    const readyAt = before?.readyAt ?? (isPodReady(object) ? seenAt : undefined);
    times.set(name, { pod: object, createdAt: before?.createdAt ?? seenAt, readyAt });
    if (before?.pod.status?.podIP === undefined && object.status?.podIP !== undefined) onAddress(object);
  });
  return { times, stop };
}
