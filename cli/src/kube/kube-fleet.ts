import { isStoreError, systemClock } from '@edict/operator';
import {
  createKubeClient,
  createKubeStore,
  loadKubeConfig,
  objectPath,
  resourceOf,
  type KubeClient,
} from '@edict/operator/kube';
import type { PdpListing } from '@edict/protocol';
import type { Fleet, FleetOptions } from '../fleet/fleet.ts';
import { CommandError, messageOf } from '../io.ts';

/** Field manager of the fields that this command sets. */
const FIELD_MANAGER = 'kubectl-edict';

/** Name of the Lease whose holder knows every PDP, and the port that it answers on. */
const LEASE = 'edict-operator';
const OPERATOR_PORT = 8080;

/** A cluster, over its apiserver with the user's own credentials. */
export function createKubeFleet(options: FleetOptions): Fleet {
  const config = configOf(options);
  const contextNamespace = config.getContextObject(config.getCurrentContext())?.namespace;
  const namespace = options.namespace ?? contextNamespace ?? 'default';
  const client = createKubeClient({ config });
  const store = createKubeStore({ client, clock: systemClock, random: Math.random, onRestart: () => undefined });
  return {
    namespace,
    sets: async () => await said('policysets', store.list('PolicySet', { namespace })),
    domains: async () => await said('policydomains', store.list('PolicyDomain', { namespace })),
    revisions: async () => await said('policyrevisions', store.list('PolicyRevision', { namespace })),
    bundle: async (digest) => {
      const name = digest.replace(':', '-');
      const found = await said('policybundles', store.get('PolicyBundle', { namespace, name }));
      return found === undefined ? undefined : Buffer.from(found.spec.data, 'base64');
    },
    problems: () => Promise.resolve([]),
    pdps: async () =>
      await said(
        `asking the operator in namespace ${options.operatorNamespace} (see --operator-namespace)`,
        askLeader(client, options.operatorNamespace),
      ),
    rollBack: async (name, rollbackTo) => {
      // A patch of one field, whoever owns it: an applied empty spec would leave what "kubectl edit" wrote.
      const request = client.request({
        method: 'PATCH',
        path: objectPath(resourceOf('PolicySet'), name, namespace),
        query: { fieldManager: FIELD_MANAGER, fieldValidation: 'Strict' },
        contentType: 'application/merge-patch+json',
        body: { spec: { rollbackTo } },
      });
      await said(`policyset ${name}`, request);
    },
    close: async () => {
      await store.close();
      client.close();
    },
  };
}

function configOf({ kubeconfig, context }: FleetOptions): ReturnType<typeof loadKubeConfig> {
  try {
    const config = loadKubeConfig(kubeconfig);
    if (context === undefined) return config;
    if (config.getContextObject(context) === null) {
      const known = config.getContexts().map(({ name }) => name);
      throw new CommandError(`no context named ${context} in the kubeconfig; there are: ${known.join(', ')}`);
    }
    config.setCurrentContext(context);
    return config;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(
      `cannot use the kubeconfig${kubeconfig === undefined ? '' : ` ${kubeconfig}`}: ${messageOf(error)}`,
    );
  }
}

/** What the apiserver refuses, in words that name what was asked for. */
async function said<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isStoreError(error)) throw new CommandError(`${what}: ${error.message}`);
    throw error;
  }
}

/** Only the leader hears the PDPs: find it by its Lease and ask it through the apiserver. */
async function askLeader(client: KubeClient, namespace: string): Promise<readonly PdpListing[]> {
  const lease = (await client.request({
    method: 'GET',
    path: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${LEASE}`,
  })) as { readonly spec?: { readonly holderIdentity?: string } };
  const leader = lease.spec?.holderIdentity ?? '';
  if (leader === '') throw new CommandError(`no operator leads in namespace ${namespace} at the moment`);
  const pod = `http:${leader}:${OPERATOR_PORT}`;
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/proxy/v1/pdps`;
  return (await client.request({ method: 'GET', path })) as readonly PdpListing[];
}
