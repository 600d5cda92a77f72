import { isStoreError, systemClock } from '@edict/operator';
import {
  createKubeClient,
  createKubeStore,
  loadKubeConfig,
  objectPath,
  resourceOf,
  type KubeClient,
} from '@edict/operator/kube';
import {
  ACTION_KINDS,
  planAction,
  type ActionBody,
  type ActionName,
  type ActionResult,
  type SetSight,
} from '@edict/operator/views';
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
    problems: () => Promise.resolve([]),
    pdps: async () =>
      await said(
        `asking the operator in namespace ${options.operatorNamespace} (see --operator-namespace)`,
        askLeader(client, options.operatorNamespace),
      ),
    act: async (action, sight, body) => await act(client, action, sight, body),
    readBundle: async (of, digest) => {
      const name = digest.replace(':', '-');
      const bundle = await said(`policybundle ${name}`, store.get('PolicyBundle', { namespace: of, name }));
      return bundle === undefined ? undefined : Buffer.from(bundle.spec.data, 'base64');
    },
    close: async () => {
      await store.close();
      client.close();
    },
  };
}

/** The configuration that the user means. Throws `CommandError` when there is none, or no such context. */
export function configOf({
  kubeconfig,
  context,
}: Pick<FleetOptions, 'kubeconfig' | 'context'>): ReturnType<typeof loadKubeConfig> {
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

/** One patch of the fields that the action is about, whoever owns them, in the user's own name. */
async function act(client: KubeClient, action: ActionName, sight: SetSight, body: ActionBody): Promise<ActionResult> {
  const by = await whoAmI(client);
  const plan = planAction(action, sight, body, by);
  if (plan.type === 'Refused') throw new CommandError(plan.message);
  const result = { action, by: by ?? '', message: plan.message };
  if (plan.type === 'Nothing') return { ...result, isChanged: false };
  const { namespace = '', name } = sight.set.metadata;
  const revision = sight.revisions.find(({ spec }) => plan.type === 'WriteRevision' && spec.n === plan.n);
  const object = revision ?? sight.set;
  const { annotations } = plan;
  // The annotations of a revision add up: what another wrote meanwhile must not be lost.
  const resourceVersion = revision?.metadata.resourceVersion;
  const request = client.request({
    method: 'PATCH',
    path: objectPath(resourceOf(ACTION_KINDS[action]), object.metadata.name, namespace),
    query: { fieldManager: FIELD_MANAGER, fieldValidation: 'Strict' },
    contentType: 'application/merge-patch+json',
    body: {
      metadata: { annotations, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
      ...(plan.type === 'WriteSet' ? { spec: plan.spec } : {}),
    },
  });
  await said(`cannot ${action} ${name}`, request);
  return { ...result, isChanged: true };
}

/** The user's name, as the cluster knows it; undefined where it does not say. */
export async function whoAmI(client: KubeClient): Promise<string | undefined> {
  const [apiVersion, kind] = ['authentication.k8s.io/v1', 'SelfSubjectReview'];
  try {
    const answer = (await client.request({
      method: 'POST',
      path: `/apis/${apiVersion}/selfsubjectreviews`,
      body: { apiVersion, kind },
    })) as { readonly status?: { readonly userInfo?: { readonly username?: string } } };
    return answer.status?.userInfo?.username;
  } catch (error) {
    // Clusters may take this right away; the action is then done without a name.
    if (isStoreError(error, 'Forbidden') || isStoreError(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** What the apiserver refuses, in words that name what was asked for. @throws CommandError */
export async function said<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isStoreError(error)) throw new CommandError(`${what}: ${error.message}`);
    throw error;
  }
}

/** Only the leader hears the PDPs: find it by its Lease and ask it through the apiserver. */
export async function askLeader(
  client: KubeClient,
  namespace: string,
  name: string = LEASE,
): Promise<readonly PdpListing[]> {
  const lease = (await client.request({
    method: 'GET',
    path: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`,
  })) as { readonly spec?: { readonly holderIdentity?: string } };
  const leader = lease.spec?.holderIdentity ?? '';
  if (leader === '') throw new CommandError(`no operator leads in namespace ${namespace} at the moment`);
  const pod = `http:${leader}:${OPERATOR_PORT}`;
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/proxy/v1/pdps`;
  return (await client.request({ method: 'GET', path })) as readonly PdpListing[];
}
