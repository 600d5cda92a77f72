import { selectorMatches, type PolicySet } from '@edict/crds';
import { PeerError, type NodeId, type NodeTraits } from '@edict/protocol';
import type { MemberSource } from '../backend/members.ts';
import type { Clock } from '../clock.ts';
import { startInformer, type Informer } from '../store/kube/informer.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import type { KubeObject } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';

/** A PDP pod, as far as it matters who it is. */
export interface PodFacts {
  readonly uid: NodeId;
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Its containers have been started: before that nobody waits for it. */
  readonly isRunning: boolean;
}

/** Where Kubernetes writes a pod's zone, since 1.35 by itself. */
const ZONE_LABEL = 'topology.kubernetes.io/zone';

interface Pod extends KubeObject {
  readonly spec?: { readonly serviceAccountName?: string };
  readonly status?: { readonly phase?: string };
}

export interface PodDirectoryOptions {
  readonly client: KubeClient;
  readonly labelSelector: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onRestart: (cause: string, error: unknown, retryInMs: number) => void;
}

/** Every PDP pod of the cluster, from the operator's own watch: labels are never taken from what a peer says. */
export interface PodDirectory extends MemberSource {
  /** The pod with that UID and name. @throws PeerError `UnknownPeer` */
  readonly expect: (uid: NodeId, namespace: string, name: string) => PodFacts;
  readonly stop: () => Promise<void>;
}

/** Starts watching. Until the first list is in, nobody is a member of anything. */
export function startPodDirectory(options: PodDirectoryOptions): PodDirectory {
  let pods = new Map<NodeId, PodFacts>();
  let synced = false;
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const informer: Informer = startInformer<Pod>({
    ...options,
    resource: RESOURCES.Pod,
    handler: {
      replace: (objects) => {
        pods = new Map(objects.flatMap((pod) => (isLive(pod) ? [[pod.metadata.uid ?? '', factsOf(pod)]] : [])));
        synced = true;
        changed();
      },
      put: (pod) => {
        const uid = pod.metadata.uid ?? '';
        // A pod that is terminating still answers, but no rollout waits for it.
        if (isLive(pod)) pods.set(uid, factsOf(pod));
        else pods.delete(uid);
        changed();
      },
      remove: (pod) => {
        pods.delete(pod.metadata.uid ?? '');
        changed();
      },
    },
  });
  const membersOf = ({ metadata, spec }: PolicySet): readonly PodFacts[] =>
    [...pods.values()].filter(
      ({ namespace, labels, isRunning }) =>
        isRunning && namespace === metadata.namespace && selectorMatches(spec.pdps.selector, labels),
    );
  return {
    membersOf: (set) =>
      synced ? new Map(membersOf(set).map(({ uid, namespace, name }) => [uid, `${namespace}/${name}`])) : undefined,
    traitsOf: (set) => (synced ? new Map(membersOf(set).map(({ uid, labels }) => [uid, traitsOf(labels)])) : undefined),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    expect: (uid, namespace, name) => {
      const pod = pods.get(uid);
      if (pod?.namespace === namespace && pod.name === name) return pod;
      throw new PeerError('UnknownPeer', `pod ${namespace}/${name} is not known here as a PDP`);
    },
    stop: () => informer.stop(),
  };
}

function traitsOf(labels: PodFacts['labels']): NodeTraits {
  const zone = labels[ZONE_LABEL];
  return { labels, ...(zone === undefined ? {} : { zone }) };
}

function isLive({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

function factsOf({ metadata, spec, status }: Pod): PodFacts {
  return {
    uid: metadata.uid ?? '',
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    serviceAccount: spec?.serviceAccountName ?? 'default',
    labels: metadata.labels ?? {},
    isRunning: status?.phase === 'Running',
  };
}
