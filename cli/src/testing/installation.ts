import { KINDS, PolicyDecisionPointSpec, toCrd, type PolicyDecisionPoint, type PolicyDomain } from '@edict/crds';
import type { PdpListing } from '@edict/protocol';
import { createAuthority, issueServing } from '../../../operator/src/certificates/authority.ts';
import type { Seen } from '../doctor/finding.ts';
import { namesOf, type Installation, type StoredCrd, type StoredDeployment } from '../doctor/installation.ts';
import { neededRights } from '../doctor/rights.ts';
import { VERSION } from '../version.ts';
import { aCondition, aSet } from './objects.ts';

/** When everything below is looked at. */
export const NOW = Date.parse('2026-03-01T12:00:00Z');
const DAY = 86_400_000;

/** What was found. */
export const found = <T>(value: T): Seen<T> => ({ state: 'Found', value });
/** `seconds` before {@link NOW}, RFC 3339. */
export const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();

/** An operator as the chart installs it, both replicas ready. */
export const DEPLOYMENT: StoredDeployment = {
  metadata: { name: 'edict-operator', namespace: 'edict-system', labels: { 'app.kubernetes.io/version': VERSION } },
  spec: {
    replicas: 2,
    template: {
      spec: {
        serviceAccountName: 'edict-operator',
        containers: [{ image: 'edict-operator:1', env: [{ name: 'EDICT_OPERATOR_LEASE', value: 'edict-operator' }] }],
      },
    },
  },
  status: { readyReplicas: 2, updatedReplicas: 2 },
};

/** Every CRD as the API server serves it. */
export const CRDS: readonly StoredCrd[] = KINDS.map((kind) => ({
  ...(toCrd(kind) as unknown as StoredCrd),
  status: {
    conditions: [
      { type: 'NamesAccepted', status: 'True' },
      { type: 'Established', status: 'True' },
    ],
  },
}));

/** A fleet in namespace `shop` that is ready. */
export const FLEET: PolicyDecisionPoint = {
  apiVersion: 'edict.dev/v1beta1',
  kind: 'PolicyDecisionPoint',
  metadata: { name: 'main', namespace: 'shop', generation: 1, creationTimestamp: ago(9000) },
  spec: PolicyDecisionPointSpec.parse({}),
  status: { observedGeneration: 1, conditions: [aCondition('Ready', 'True', { reason: 'Available' })] },
};

/** A domain that serves. */
export const DOMAIN: PolicyDomain = {
  apiVersion: 'edict.dev/v1beta1',
  kind: 'PolicyDomain',
  metadata: { name: 'payments', namespace: 'shop', generation: 1, creationTimestamp: ago(9000) },
  spec: {},
  status: { observedGeneration: 1, conditions: [aCondition('Accepted', 'True'), aCondition('Ready', 'True')] },
};

/** A PDP that is connected, of a version. */
export const aPdp = (pod: string, engineVersion: string, connected = true): PdpListing => ({
  nodeId: pod,
  pod,
  connected,
  engineVersion,
  lastBeatAt: NOW,
  sets: [],
});

/** Certificates as the operator makes them; `at` is its clock then. */
export async function certificatesAt(
  at: number,
  names: readonly string[] = serving,
): Promise<Readonly<Record<string, string>>> {
  const authority = await createAuthority(at, 365 * DAY, 'edict');
  const { certificate } = await issueServing(authority, names, at, 90 * DAY);
  return { 'ca.crt': authority.certificate, 'tls.crt': certificate };
}
const serving = ['edict-webhook.edict-system.svc', 'edict-distribution.edict-system.svc'];

/** An installation with which nothing is wrong, and its certificates. */
export async function aHealthyInstallation(): Promise<Installation> {
  const names = namesOf(DEPLOYMENT);
  const certificates = await certificatesAt(NOW - DAY);
  const caBundle = Buffer.from(certificates['ca.crt'] ?? '').toString('base64');
  const pod = (name: string) => ({ metadata: { name }, spec: { containers: [{ image: 'edict-operator:1' }] } });
  return {
    namespace: 'edict-system',
    names,
    clocks: { localMs: NOW, apiserverMs: NOW },
    crds: found(CRDS),
    deployment: found(DEPLOYMENT),
    elsewhere: ['edict-system'],
    pods: found([pod('edict-operator-a'), pod('edict-operator-b')]),
    lease: found({
      metadata: { name: 'edict-operator', managedFields: [{ manager: 'edict-operator', time: ago(2) }] },
      spec: { holderIdentity: 'edict-operator-a', leaseDurationSeconds: 9, renewTime: ago(2) },
    }),
    webhooks: found([
      {
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'edict' },
        webhooks: [
          {
            name: 'policy.edict.dev',
            failurePolicy: 'Fail',
            clientConfig: { caBundle, service: { name: 'edict-webhook', namespace: 'edict-system' } },
          },
        ],
      },
    ]),
    endpoints: found(new Map([['edict-webhook', 2]])),
    certificates: found(certificates),
    signingKey: found({ 'private.pem': 'x', 'public.pem': 'x' }),
    rights: found(neededRights('edict-system', names).map((right) => ({ ...right, allowed: true }))),
    probe: { outcome: 'Refused' },
    domains: found([DOMAIN]),
    sets: found([aSet()]),
    fleets: found([FLEET]),
    trust: found(new Map([['shop', { 'ca.crt': certificates['ca.crt'] ?? '' }]])),
    namespaces: found([{ metadata: { name: 'shop' } }]),
    pdps: found([aPdp('shop/main-1', '1.0.0'), aPdp('shop/main-2', '1.0.0')]),
  };
}
