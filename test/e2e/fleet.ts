import type { ClusterClient } from '../support/cluster-client.ts';
import type { LoadTarget } from '../support/load-generator.ts';
import { domainOfEdit } from '../support/policy-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { EDICT, getEdict, isPodReady, type EdictKinds, type Pod } from './objects.ts';

/** A namespace with one PolicySet, one PolicyDecisionPoint and one PolicyDomain, all by the names below. */
export interface Fleet {
  readonly namespace: string;
  /** The pods that are not being deleted, sorted by name. */
  readonly pods: () => Promise<readonly Pod[]>;
  /** Resolves when exactly `count` pods are there and every one is ready. */
  readonly waitForReadyPods: (count: number) => Promise<readonly Pod[]>;
  /** The fleet's Service, a connection per question. */
  readonly serviceTarget: () => Promise<LoadTarget>;
  /** Applies the domain at an edit number; resolves when the API server has it. */
  readonly applyEdit: (edit: number) => Promise<void>;
  /** Applies it and resolves, with the set's committed revision, when `Ready=True` stands for that very generation. */
  readonly rollOutEdit: (edit: number) => Promise<number>;
  readonly domain: () => Promise<EdictKinds['PolicyDomain'] | undefined>;
  readonly set: () => Promise<EdictKinds['PolicySet'] | undefined>;
  /** Sorted by `spec.n`. */
  readonly revisions: () => Promise<readonly EdictKinds['PolicyRevision'][]>;
  /** `revisions()` of that number; rejects when there is none. */
  readonly revision: (n: number) => Promise<EdictKinds['PolicyRevision']>;
  /** Applies the set again: what `spec` says beside what all sets of these tests say. Replaces what an earlier call said. */
  readonly applySet: (spec: SetSpec) => Promise<void>;
  readonly scale: (replicas: number) => Promise<void>;
  /** Deletes the namespace and resolves when it is gone. */
  readonly remove: () => Promise<void>;
  /** Deletes the namespace, which goes while the next file begins: for whoever has nothing to say about what is left. */
  readonly leave: () => Promise<void>;
}

/** The name of the set, of the PolicyDecisionPoint and of its Service. */
export const FLEET_NAME = 'main';
/** The name of the domain. */
export const DOMAIN_NAME = 'notes';

/** Members of a PolicySet's spec, as a user writes them. */
export type SetSpec = Readonly<Record<string, unknown>>;

/** The history is longer than by default, so that a test of many edits finds the decision of each. */
const SET_SPEC = { domains: { selector: {} }, history: { limit: 100 } };

/** Makes the namespace, the set and the PDPs; they are ready only once a domain is applied. */
export async function createFleet(
  cluster: ClusterClient,
  namespace: string,
  replicas: number,
  setSpec: SetSpec = {},
): Promise<Fleet> {
  const metadata = { name: FLEET_NAME, namespace };
  const setOf = (spec: SetSpec): object => ({
    apiVersion: EDICT,
    kind: 'PolicySet',
    metadata,
    spec: { ...SET_SPEC, ...spec },
  });
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  await cluster.apply(setOf(setSpec), {
    apiVersion: EDICT,
    kind: 'PolicyDecisionPoint',
    metadata,
    spec: { replicas, resources: { requests: { cpu: '10m' } } },
  });
  const pods = async (): Promise<readonly Pod[]> => {
    const listed = await cluster.list<Pod>('v1', 'Pod', namespace, 'app.kubernetes.io/component=pdp');
    return listed
      .filter(({ metadata: { deletionTimestamp } }) => deletionTimestamp === undefined)
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  };
  const domain = (): Promise<EdictKinds['PolicyDomain'] | undefined> =>
    getEdict(cluster, 'PolicyDomain', namespace, DOMAIN_NAME);
  const set = (): Promise<EdictKinds['PolicySet'] | undefined> => getEdict(cluster, 'PolicySet', namespace, FLEET_NAME);
  const revisions = async (): Promise<readonly EdictKinds['PolicyRevision'][]> => {
    const listed = await cluster.list<EdictKinds['PolicyRevision']>(EDICT, 'PolicyRevision', namespace);
    return listed.toSorted((a, b) => a.spec.n - b.spec.n);
  };
  const applyEdit = (edit: number): Promise<void> => cluster.apply(domainOfEdit(namespace, DOMAIN_NAME, edit));
  return {
    namespace,
    pods,
    waitForReadyPods: (count) =>
      waitFor(
        `${count} ready PDP pods in ${namespace}`,
        async () => {
          const all = await pods();
          return all.length === count && all.every(isPodReady) ? all : undefined;
        },
        { intervalMs: 250 },
      ),
    serviceTarget: async () => {
      const service = await waitFor(`the Service of ${namespace}`, () =>
        cluster.get<Service>({ apiVersion: 'v1', kind: 'Service', namespace, name: FLEET_NAME }),
      );
      const { clusterIP, ports } = service.spec;
      return { name: 'service', url: `http://${clusterIP}:${ports[0]?.port ?? 0}`, keepAlive: false };
    },
    applyEdit,
    rollOutEdit: async (edit) => {
      await applyEdit(edit);
      return waitForReady(`edit ${edit} to be Ready in ${namespace}`, domain, set);
    },
    domain,
    set,
    revisions,
    revision: async (n) => {
      const found = (await revisions()).find(({ spec }) => spec.n === n);
      if (found === undefined) throw new Error(`there is no revision ${n} in ${namespace}`);
      return found;
    },
    applySet: (spec) => cluster.apply(setOf(spec)),
    scale: async (count) => {
      await cluster.kubectl('-n', namespace, 'scale', `policydecisionpoint/${FLEET_NAME}`, `--replicas=${count}`);
    },
    remove: async () => {
      await cluster.kubectl('delete', 'namespace', namespace, '--timeout=180s');
    },
    leave: async () => {
      await cluster.kubectl('delete', 'namespace', namespace, '--wait=false');
    },
  };
}

/** Questions go to a pod by its own address, so that the answers show what that pod serves. */
export function podTarget(pod: Pod): LoadTarget {
  return { name: pod.metadata.name, url: `http://${pod.status?.podIP ?? ''}:8181` };
}

interface Service {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: { readonly clusterIP: string; readonly ports: readonly { readonly port: number }[] };
}

function waitForReady(what: string, domain: Fleet['domain'], set: Fleet['set']): Promise<number> {
  return waitFor(
    what,
    async () => {
      const found = await domain();
      const ready = found?.status?.conditions?.find(({ type }) => type === 'Ready');
      if (ready?.status !== 'True' || ready.observedGeneration !== found?.metadata.generation) {
        throw new Error(`Ready is ${ready?.status ?? 'absent'} (${ready?.reason ?? ''}): ${ready?.message ?? ''}`);
      }
      return (await set())?.status?.committedRevision;
    },
    { intervalMs: 50 },
  );
}
