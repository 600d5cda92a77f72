import type { PolicyDecisionPoint } from '@edict/crds';
import type { Clock } from '../clock.ts';
import { INJECT_LABEL } from '../injection/names.ts';
import type { PodShape } from '../injection/pod-shape.ts';
import { callRoll, entryOf, type PodEntry, type RollCall } from '../injection/roll-call.ts';
import { startInformer, type Informer } from '../store/kube/informer.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import type { KubeObject } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';

export interface SidecarWatchOptions {
  readonly client: KubeClient;
  /** Namespaces whose pods never get a sidecar. */
  readonly excluded: ReadonlySet<string>;
  readonly clock: Clock;
  readonly random: () => number;
  /** Fleets of any form, from the cache. */
  readonly fleets: () => readonly PolicyDecisionPoint[];
  /** Pods of the namespace, or its label, have changed. */
  readonly onChange: (namespace: string) => void;
  readonly onRestart: (kind: string, cause: string, error: unknown, retryInMs: number) => void;
}

/** Who should have a sidecar and who has one, in every namespace where anybody should. */
export interface SidecarWatch {
  /** Undefined until the pods of the namespace have been listed. */
  readonly rollOf: (namespace: string) => RollCall | undefined;
  /** Fleets may have come or gone. */
  readonly look: () => void;
  readonly stop: () => Promise<void>;
}

interface WatchedNamespace {
  readonly pods: Map<string, PodEntry>;
  synced: boolean;
  readonly informer: Informer;
}

/**
 * Watches the pods of namespaces that have a fleet of sidecars, or say by label that their pods want some, and of all others those
 * that say so themselves. Pods of namespaces that have nothing to do with sidecars are not looked at.
 */
export function startSidecarWatch(options: SidecarWatchOptions): SidecarWatch {
  const { client, clock, random, excluded, onChange } = options;
  const watched = new Map<string, WatchedNamespace>();
  let enabled = new Set<string>();
  let namespacesSynced = false;
  const asking = new Map<string, Map<string, PodEntry>>();
  let isStopped = false;
  const stopping: Promise<void>[] = [];

  const watchNamespace = (namespace: string): void => {
    const pods = new Map<string, PodEntry>();
    const put = (pod: PodShape): void => {
      const entry = entryOf(pod);
      if (entry === undefined) pods.delete(pod.metadata.uid ?? '');
      else pods.set(pod.metadata.uid ?? '', entry);
    };
    const informer = startInformer<PodShape>({
      client,
      clock,
      random,
      namespace,
      resource: RESOURCES.Pod,
      handler: {
        replace: (objects) => {
          pods.clear();
          for (const pod of objects) put(pod);
          state.synced = true;
          onChange(namespace);
        },
        put: (pod) => {
          put(pod);
          onChange(namespace);
        },
        remove: (pod) => {
          pods.delete(pod.metadata.uid ?? '');
          onChange(namespace);
        },
      },
      onRestart: (cause, error, retryInMs) => options.onRestart('Pod', cause, error, retryInMs),
    });
    const state: WatchedNamespace = { pods, synced: false, informer };
    watched.set(namespace, state);
  };
  const look = (): void => {
    if (isStopped) return;
    const ofFleets = options
      .fleets()
      .filter(({ spec }) => spec.form === 'Sidecar')
      .map(({ metadata }) => metadata.namespace ?? '');
    const wanted = new Set([...ofFleets, ...enabled].filter((namespace) => !excluded.has(namespace)));
    for (const namespace of wanted) if (!watched.has(namespace)) watchNamespace(namespace);
    for (const [namespace, { informer }] of watched) {
      if (wanted.has(namespace)) continue;
      watched.delete(namespace);
      stopping.push(informer.stop());
      onChange(namespace);
    }
  };
  const enabledChanged = (namespace: string): void => {
    look();
    onChange(namespace);
  };
  const namespaces = startInformer<KubeObject>({
    client,
    clock,
    random,
    resource: RESOURCES.Namespace,
    labelSelector: `${INJECT_LABEL}=enabled`,
    handler: {
      replace: (objects) => {
        const before = enabled;
        enabled = new Set(objects.map(({ metadata }) => metadata.name));
        namespacesSynced = true;
        look();
        for (const namespace of new Set([...before, ...enabled])) onChange(namespace);
      },
      put: ({ metadata }) => {
        if (enabled.has(metadata.name)) return;
        enabled.add(metadata.name);
        enabledChanged(metadata.name);
      },
      remove: ({ metadata }) => {
        if (enabled.delete(metadata.name)) enabledChanged(metadata.name);
      },
    },
    onRestart: (cause, error, retryInMs) => options.onRestart('Namespace', cause, error, retryInMs),
  });
  const ask = (pod: PodShape, entry: PodEntry | undefined): void => {
    const { namespace = '', uid = '' } = pod.metadata;
    const pods = asking.get(namespace) ?? new Map<string, PodEntry>();
    if (entry === undefined) pods.delete(uid);
    else pods.set(uid, entry);
    if (pods.size === 0) asking.delete(namespace);
    else asking.set(namespace, pods);
    onChange(namespace);
  };
  const askingPods = startInformer<PodShape>({
    client,
    clock,
    random,
    resource: RESOURCES.Pod,
    labelSelector: `${INJECT_LABEL}=enabled`,
    handler: {
      replace: (objects) => {
        const before = [...asking.keys()];
        asking.clear();
        for (const pod of objects) ask(pod, entryOf(pod));
        for (const namespace of before) onChange(namespace);
      },
      put: (pod) => ask(pod, entryOf(pod)),
      remove: (pod) => ask(pod, undefined),
    },
    onRestart: (cause, error, retryInMs) => options.onRestart('Pod', cause, error, retryInMs),
  });
  look();
  return {
    rollOf: (namespace) => {
      const state = watched.get(namespace);
      if (!namespacesSynced || state?.synced === false || excluded.has(namespace)) return undefined;
      return callRoll({
        namespace,
        isNamespaceEnabled: enabled.has(namespace),
        fleets: options.fleets().filter(({ metadata }) => metadata.namespace === namespace),
        pods: (state?.pods ?? asking.get(namespace) ?? new Map<string, PodEntry>()).values(),
      });
    },
    look,
    stop: async () => {
      isStopped = true;
      await Promise.all([
        namespaces.stop(),
        askingPods.stop(),
        ...[...watched.values()].map(({ informer }) => informer.stop()),
        ...stopping,
      ]);
    },
  };
}
