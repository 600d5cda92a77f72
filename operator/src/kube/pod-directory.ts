import { selectorMatches, type PolicySet } from '@edict/crds';
import { PeerError, type NodeId } from '@edict/protocol';
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
  return {
    membersOf: ({ metadata, spec }: PolicySet) => {
      if (!synced) return undefined;
      const members = new Map<NodeId, string>();
      for (const { uid, namespace, name, labels, isRunning } of pods.values()) {
        if (isRunning && namespace === metadata.namespace && selectorMatches(spec.pdps.selector, labels)) {
          members.set(uid, `${namespace}/${name}`);
        }
      }
      return members;
    },
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
