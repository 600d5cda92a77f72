import { selectorMatches, type PolicySet } from '@edict/crds';
import { PeerError, type NodeId, type NodeTraits } from '@edict/protocol';
import type { MemberSource } from '../backend/members.ts';
import type { Clock } from '../clock.ts';
import { FLEET_LABEL } from '../controllers/policy-decision-point/fleet-labels.ts';
import { isDeleting } from '../controllers/world.ts';
import { fleetOfMember, isSidecarRunning, memberLabels } from '../injection/member-pod.ts';
import type { PodShape } from '../injection/pod-shape.ts';
import { startInformer, type Informer } from '../store/kube/informer.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import { RESOURCES } from '../store/kube/resources.ts';

/** A pod that is or has a PDP, as far as it matters who it is. */
export interface PodFacts {
  readonly uid: NodeId;
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  /** By which sets choose it: those of the pod, and for a sidecar those of its fleet. */
  readonly labels: Readonly<Record<string, string>>;
  /** Its PDP has been started: before that nobody waits for it. */
  readonly isRunning: boolean;
}

/** Where Kubernetes writes a pod's zone, since 1.35 by itself. */
const ZONE_LABEL = 'topology.kubernetes.io/zone';

export interface PodDirectoryOptions {
  readonly client: KubeClient;
  /** Labels of pods that are PDPs. Those with a sidecar are known by label edict.dev/pdp and what they are made of. */
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

/** Starts watching. Until the first lists are in, nobody is a member of anything. */
export function startPodDirectory(options: PodDirectoryOptions): PodDirectory {
  /** Who has dialled us runs, whatever the kubelet, which reports now and then, has said so far. */
  const dialled = new Set<NodeId>();
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const sources = [
    watchPods(options, options.labelSelector, factsOfPdp, changed),
    watchPods(options, FLEET_LABEL, factsOfSidecar, changed),
  ];
  const find = (uid: NodeId): PodFacts | undefined => {
    for (const { pods } of sources) {
      const pod = pods().get(uid);
      if (pod !== undefined) return pod;
    }
    return undefined;
  };
  const isSynced = (): boolean => sources.every(({ synced }) => synced());
  const membersOf = ({ metadata, spec }: PolicySet): readonly PodFacts[] =>
    sources
      .flatMap(({ pods }) => [...pods().values()])
      .filter(
        ({ uid, namespace, labels, isRunning }) =>
          namespace === metadata.namespace &&
          (isRunning || dialled.has(uid)) &&
          selectorMatches(spec.pdps.selector, labels),
      );
  return {
    membersOf: (set) =>
      isSynced() ? new Map(membersOf(set).map(({ uid, namespace, name }) => [uid, `${namespace}/${name}`])) : undefined,
    traitsOf: (set) =>
      isSynced() ? new Map(membersOf(set).map(({ uid, labels }) => [uid, traitsOf(labels)])) : undefined,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    expect: (uid, namespace, name) => {
      const pod = find(uid);
      if (pod?.namespace !== namespace || pod.name !== name) {
        throw new PeerError('UnknownPeer', `pod ${namespace}/${name} is not known here as a PDP`);
      }
      if (!pod.isRunning && !dialled.has(uid)) {
        for (const known of dialled) if (find(known) === undefined) dialled.delete(known);
        dialled.add(uid);
        changed();
      }
      return pod;
    },
    stop: async () => {
      await Promise.all(sources.map(({ stop }) => stop()));
    },
  };
}

/** The pods of one watch that count as PDPs. */
interface PodSource {
  readonly pods: () => ReadonlyMap<NodeId, PodFacts>;
  readonly synced: () => boolean;
  readonly stop: () => Promise<void>;
}

function watchPods(
  options: PodDirectoryOptions,
  labelSelector: string,
  read: (pod: PodShape) => PodFacts | undefined,
  changed: () => void,
): PodSource {
  let pods = new Map<NodeId, PodFacts>();
  let synced = false;
  // A pod that is terminating still answers, but no rollout waits for it.
  const readLive = (pod: PodShape): PodFacts | undefined => (isLive(pod) ? read(pod) : undefined);
  const informer: Informer = startInformer<PodShape>({
    ...options,
    labelSelector,
    resource: RESOURCES.Pod,
    handler: {
      replace: (objects) => {
        const live = objects.map(readLive).filter((facts) => facts !== undefined);
        pods = new Map(live.map((facts) => [facts.uid, facts]));
        synced = true;
        changed();
      },
      put: (pod) => {
        const facts = readLive(pod);
        if (facts !== undefined) pods.set(facts.uid, facts);
        // A label that many pods have, and most of them are none of ours.
        else if (!pods.delete(pod.metadata.uid ?? '')) return;
        changed();
      },
      remove: (pod) => {
        if (pods.delete(pod.metadata.uid ?? '')) changed();
      },
    },
  });
  return { pods: () => pods, synced: () => synced, stop: () => informer.stop() };
}

function traitsOf(labels: PodFacts['labels']): NodeTraits {
  const zone = labels[ZONE_LABEL];
  return { labels, ...(zone === undefined ? {} : { zone }) };
}

function isLive({ metadata, status }: PodShape): boolean {
  return !isDeleting({ metadata }) && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

function factsOfPdp(pod: PodShape): PodFacts {
  const { labels = {} } = pod.metadata;
  return { ...identityOf(pod), labels, isRunning: pod.status?.phase === 'Running' };
}

function factsOfSidecar(pod: PodShape): PodFacts | undefined {
  const fleet = fleetOfMember(pod);
  if (fleet === undefined) return undefined;
  const labels = memberLabels(pod.metadata.labels ?? {}, fleet);
  return { ...identityOf(pod), labels, isRunning: isSidecarRunning(pod) };
}

function identityOf({ metadata, spec }: PodShape): Omit<PodFacts, 'labels' | 'isRunning'> {
  return {
    uid: metadata.uid ?? '',
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    serviceAccount: spec.serviceAccountName ?? 'default',
  };
}
