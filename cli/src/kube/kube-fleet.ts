import { API_VERSION } from '@edict/crds';
import { isStoreError } from '@edict/operator';
import { createKubeClient, createKubeStore, loadKubeConfig } from '@edict/operator/kube';
import type { PdpListing } from '@edict/protocol';
import type { Fleet, FleetOptions } from '../fleet/fleet.ts';
import { CommandError } from '../io.ts';

/** Field manager of the fields that this command sets. */
const FIELD_MANAGER = 'kubectl-edict';

/** A cluster, over its apiserver with the user's own credentials. */
export function createKubeFleet(options: FleetOptions): Fleet {
  const config = loadKubeConfig(options.kubeconfig);
  if (options.context !== undefined) config.setCurrentContext(options.context);
  const contextNamespace = config.getContextObject(config.getCurrentContext())?.namespace;
  const namespace = options.namespace ?? contextNamespace ?? 'default';
  const client = createKubeClient({ config });
  const store = createKubeStore({ client });
  const pdpsPath = `/api/v1/namespaces/${options.operatorNamespace}/services/http:edict-metrics:8080/proxy/v1/pdps`;
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
    pdps: async () =>
      (await said(
        `asking the operator in namespace ${options.operatorNamespace} (see --operator-namespace)`,
        client.request({ method: 'GET', path: pdpsPath }),
      )) as readonly PdpListing[],
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
