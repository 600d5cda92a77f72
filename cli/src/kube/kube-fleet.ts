import { API_VERSION } from '@edict/crds';
import { isStoreError, systemClock } from '@edict/operator';
import { createKubeClient, createKubeStore, loadKubeConfig, type KubeClient } from '@edict/operator/kube';
import type { PdpListing } from '@edict/protocol';
import type { Fleet, FleetOptions } from '../fleet/fleet.ts';
import { CommandError } from '../io.ts';

/** Field manager of the fields that this command sets. */
const FIELD_MANAGER = 'kubectl-edict';

/** Name of the Lease whose holder knows every PDP, and the port that it answers on. */
const LEASE = 'edict-operator';
const OPERATOR_PORT = 8080;

/** A cluster, over its apiserver with the user's own credentials. */
export function createKubeFleet(options: FleetOptions): Fleet {
  const config = loadKubeConfig(options.kubeconfig);
  if (options.context !== undefined) config.setCurrentContext(options.context);
  const contextNamespace = config.getContextObject(config.getCurrentContext())?.namespace;
  const namespace = options.namespace ?? contextNamespace ?? 'default';
  const client = createKubeClient({ config });
  const store = createKubeStore({ client, clock: systemClock, random: Math.random, onRestart: () => undefined });
  const asking = `asking the operator in namespace ${options.operatorNamespace} (see --operator-namespace)`;
  const said = async <T>(what: string, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (isStoreError(error)) throw new CommandError(`${what}: ${error.message}`);
      throw error;
    }
  };
  return {
    namespace,
    sets: async () => await said('policysets', store.list('PolicySet', { namespace })),
    revisions: async () => {
      const revisions = await said('policyrevisions', store.list('PolicyRevision', { namespace }));
      return revisions.toSorted((a, b) => b.spec.n - a.spec.n);
    },
    pdps: async () => (await said(asking, askLeader(client, options.operatorNamespace))) as readonly PdpListing[],
    rollBack: async (name, rollbackTo) => {
      const metadata = { namespace, name };
      const spec = rollbackTo === null ? {} : { rollbackTo };
      await said(
        `policyset ${name}`,
        store.apply(
          { apiVersion: API_VERSION, kind: 'PolicySet', metadata, spec },
          { fieldManager: FIELD_MANAGER, force: true },
        ),
      );
    },
    close: async () => {
      await store.close();
      client.close();
    },
  };
}

/** Only the leader hears the PDPs: find it by its Lease and ask it through the apiserver. */
async function askLeader(client: KubeClient, namespace: string): Promise<unknown> {
  const lease = (await client.request({
    method: 'GET',
    path: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${LEASE}`,
  })) as { readonly spec?: { readonly holderIdentity?: string } };
  const leader = lease.spec?.holderIdentity ?? '';
  if (leader === '') throw new CommandError(`no operator leads in namespace ${namespace} at the moment`);
  const pod = `http:${leader}:${OPERATOR_PORT}`;
  return await client.request({ method: 'GET', path: `/api/v1/namespaces/${namespace}/pods/${pod}/proxy/v1/pdps` });
}
