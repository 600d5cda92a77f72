import { API_GROUP, KINDS, type PolicyDecisionPoint, type PolicyDomain, type PolicySet } from '@edict/crds';
import {
  createKubeObjects,
  resourceOf,
  RESOURCES,
  type KubeClient,
  type KubeObject,
  type KubeObjects,
  type Resource,
} from '@edict/operator/kube';
import type { Seen } from '../doctor/finding.ts';
import {
  namesOf,
  type Data,
  type Installation,
  type Metadata,
  type StoredCrd,
  type StoredDeployment,
  type StoredLease,
  type StoredPod,
  type StoredWebhook,
} from '../doctor/installation.ts';
import { askLeader } from './kube-fleet.ts';
import { probeWebhook } from './probe-webhook.ts';
import { reviewRights } from './review-rights.ts';
import { see, valueOf } from './see.ts';

const cluster = (apiVersion: string, kind: string, plural: string): Resource => ({
  apiVersion,
  kind,
  plural,
  isNamespaced: false,
});
const CRD = cluster('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions');
const NAMESPACE = cluster('v1', 'Namespace', 'namespaces');
const MUTATING = cluster(
  'admissionregistration.k8s.io/v1',
  'MutatingWebhookConfiguration',
  'mutatingwebhookconfigurations',
);
const ENDPOINT_SLICE: Resource = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  isNamespaced: true,
};
const OPERATOR = 'app.kubernetes.io/component=operator';
const MANAGED = 'app.kubernetes.io/managed-by=edict-operator';

/** Which installation, and whose policy. */
export interface GatherOptions {
  /** Where the operator is expected. */
  readonly operatorNamespace: string;
  /** Policy of this namespace alone; of all without. */
  readonly namespace?: string;
  /** Milliseconds since the epoch, by the clock of this machine. */
  readonly now: () => number;
}

/**
 * Reads everything that the doctor looks at. Nothing is written: the webhook is asked by a dry run. What the user may not read is
 * `Unseen`. Throws `StoreError` when the API server does not answer at all.
 */
export async function gatherInstallation(client: KubeClient, options: GatherOptions): Promise<Installation> {
  const { operatorNamespace: namespace, now } = options;
  const objects = createKubeObjects(client);
  const clocks = await readClocks(client, now);
  const operators = await see(operatorsIn(objects));
  const here = await see(operatorsIn(objects, namespace));
  const found = valueOf(here)?.[0];
  const deployment: Seen<StoredDeployment> =
    here.state !== 'Found' ? here : found === undefined ? { state: 'Absent' } : { state: 'Found', value: found };
  const names = namesOf(found);
  const get = async <T>(resource: Resource, name: string): Promise<Seen<T>> =>
    await see(objects.get<KubeObject>(resource, { namespace, name }) as Promise<T | undefined>);
  const policy = async <T>(kind: 'PolicyDomain' | 'PolicySet' | 'PolicyDecisionPoint'): Promise<Seen<readonly T[]>> =>
    await see(objects.list(resourceOf(kind), within(options)) as unknown as Promise<readonly T[]>);
  const parts = await allOf({
    crds: readCrds(objects),
    pods: see(
      objects.list(RESOURCES.Pod, { namespace, labelSelector: OPERATOR }) as unknown as Promise<readonly StoredPod[]>,
    ),
    lease: get<StoredLease>(RESOURCES.Lease, names.lease),
    webhooks: see(readWebhooks(objects, namespace)),
    endpoints: see(readEndpoints(objects, namespace)),
    certificates: readData(objects, namespace, names.certificateSecret),
    signingKey: readData(objects, namespace, names.signingKeySecret),
    rights: see(reviewRights(client, namespace, names)),
    probe: probeWebhook(client, probeNamespace(options)),
    domains: policy<PolicyDomain>('PolicyDomain'),
    sets: policy<PolicySet>('PolicySet'),
    fleets: policy<PolicyDecisionPoint>('PolicyDecisionPoint'),
    trust: see(readTrust(objects, names.trustConfigMap, options)),
    namespaces: see(objects.list(NAMESPACE) as Promise<readonly { readonly metadata: Metadata }[]>),
    pdps: see(askLeader(client, namespace, names.lease)),
  });
  const elsewhere = (valueOf(operators) ?? []).map(({ metadata }) => metadata.namespace ?? '');
  return { namespace, names, clocks, deployment, elsewhere, ...parts };
}

/** Waits for every member. Rejects as soon as one does. */
async function allOf<T extends Readonly<Record<string, Promise<unknown>>>>(
  parts: T,
): Promise<{ readonly [K in keyof T]: Awaited<T[K]> }> {
  const entries = Object.entries(parts).map(async ([name, part]) => [name, await part] as const);
  return Object.fromEntries(await Promise.all(entries)) as { readonly [K in keyof T]: Awaited<T[K]> };
}

function within({ namespace }: GatherOptions): { readonly namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

/** Not the operator's own, which the webhook leaves out. */
function probeNamespace({ namespace, operatorNamespace }: GatherOptions): string | undefined {
  return [namespace, 'default', 'kube-public'].find((name) => name !== undefined && name !== operatorNamespace);
}

async function readClocks(client: KubeClient, now: () => number): Promise<Installation['clocks']> {
  const answer = await client.stream({ method: 'GET', path: '/version' });
  const localMs = now();
  answer.resume();
  const parsed = Date.parse(answer.headers.date ?? '');
  // Dates of HTTP have whole seconds: on average half a one is lost.
  return { localMs, apiserverMs: Number.isNaN(parsed) ? undefined : parsed + 500 };
}

async function operatorsIn(objects: KubeObjects, namespace?: string): Promise<readonly StoredDeployment[]> {
  const selection = { labelSelector: OPERATOR, ...(namespace === undefined ? {} : { namespace }) };
  const all = (await objects.list(RESOURCES.Deployment, selection)) as unknown as readonly StoredDeployment[];
  // Others have operators, too.
  return all.filter(({ spec }) =>
    spec.template.spec.containers[0]?.env?.some(({ name }) => name === 'EDICT_OPERATOR_NAMESPACE'),
  );
}

async function readCrds(objects: KubeObjects): Promise<Seen<readonly StoredCrd[]>> {
  return await see(
    Promise.all(
      KINDS.map(
        async ({ plural }) =>
          (await objects.get<KubeObject>(CRD, { name: `${plural}.${API_GROUP}` })) as StoredCrd | undefined,
      ),
    ).then((found) => found.filter((crd) => crd !== undefined)),
  );
}

async function readWebhooks(objects: KubeObjects, namespace: string): Promise<readonly StoredWebhook[]> {
  const [validating, mutating] = await Promise.all([
    objects.list(RESOURCES.ValidatingWebhookConfiguration),
    objects.list(MUTATING),
  ]);
  return ([...validating, ...mutating] as unknown as readonly Partial<StoredWebhook>[])
    .map((one) => ({ ...one, webhooks: one.webhooks ?? [] }) as StoredWebhook)
    .filter(
      ({ metadata, webhooks }) =>
        metadata.labels?.['app.kubernetes.io/component'] === 'operator' &&
        webhooks.some(
          ({ name, clientConfig }) => name.endsWith('.edict.dev') && clientConfig.service?.namespace === namespace,
        ),
    );
}

interface EndpointSlice {
  readonly metadata: Metadata;
  readonly endpoints?:
    readonly { readonly addresses?: readonly string[]; readonly conditions?: { readonly ready?: boolean } }[] | null;
}

async function readEndpoints(objects: KubeObjects, namespace: string): Promise<ReadonlyMap<string, number>> {
  const slices = (await objects.list(ENDPOINT_SLICE, { namespace })) as unknown as readonly EndpointSlice[];
  const ready = new Map<string, number>();
  for (const { metadata, endpoints } of slices) {
    const service = metadata.labels?.['kubernetes.io/service-name'] ?? '';
    const count = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false).length;
    ready.set(service, (ready.get(service) ?? 0) + count);
  }
  return ready;
}

async function readData(objects: KubeObjects, namespace: string, name: string): Promise<Seen<Data>> {
  const secret = objects.get<KubeObject & { readonly data?: Data }>(RESOURCES.Secret, { namespace, name });
  return await see(secret.then((found) => found && decoded(found.data)));
}

function decoded(data: Data = {}): Data {
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]));
}

async function readTrust(
  objects: KubeObjects,
  name: string,
  options: GatherOptions,
): Promise<ReadonlyMap<string, Data>> {
  const all = await objects.list<KubeObject & { readonly data?: Data }>(RESOURCES.ConfigMap, {
    ...within(options),
    labelSelector: MANAGED,
  });
  return new Map(
    all
      .filter(({ metadata }) => metadata.name === name)
      .map(({ metadata, data }) => [metadata.namespace ?? '', data ?? {}]),
  );
}
