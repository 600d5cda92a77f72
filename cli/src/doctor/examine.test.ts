import { beforeAll, expect, test } from '@jest/globals';
import { StoreError } from '@edict/operator';
import { doctor } from '../commands/doctor.ts';
import { CommandError, type FleetOutput } from '../io.ts';
import {
  aHealthyInstallation,
  ago,
  aPdp,
  certificatesAt,
  CRDS,
  DEPLOYMENT,
  DOMAIN,
  FLEET,
  found,
  NOW,
} from '../testing/installation.ts';
import { captureIo } from '../testing/captured-io.ts';
import { aCondition, aSet } from '../testing/objects.ts';
import { runEdict, temporaryFolder } from '../testing/run-edict.ts';
import { examine } from './examine.ts';
import type { Seen } from './finding.ts';
import type { Installation, StoredCrd, StoredLease, StoredWebhook } from './installation.ts';

let healthy: Installation;
beforeAll(async () => {
  healthy = await aHealthyInstallation();
});

/** `Severity Code where` of all findings. */
function findingsOf(over: Partial<Installation>): readonly string[] {
  return examine({ ...healthy, ...over }).flatMap(({ findings }) =>
    findings.map(({ severity, code, where }) => `${severity} ${code} ${where}`),
  );
}

const absent: Seen<never> = { state: 'Absent' };
const unseen: Seen<never> = { state: 'Unseen', why: 'pods is forbidden: User "ann" cannot list' };
const withoutOperator: Partial<Installation> = {
  deployment: absent,
  elsewhere: [],
  lease: absent,
  pods: found([]),
  webhooks: found([]),
};

function crdsWith(change: (crd: StoredCrd) => StoredCrd | undefined): Partial<Installation> {
  return {
    crds: found(
      CRDS.map((crd) => (crd.metadata.name === 'policysets.edict.dev' ? change(crd) : crd)).filter(
        (crd) => crd !== undefined,
      ),
    ),
  };
}
function versionsOf(crd: StoredCrd, schema: object): StoredCrd {
  return { ...crd, spec: { ...crd.spec, versions: crd.spec.versions.map((version) => ({ ...version, schema })) } };
}
function leaseWith(spec: StoredLease['spec'], writtenAt = ago(2)): Partial<Installation> {
  return {
    lease: found({
      metadata: { name: 'edict-operator', managedFields: [{ time: writtenAt }] },
      spec: { leaseDurationSeconds: 9, ...spec },
    }),
  };
}
function webhookWith(change: Partial<StoredWebhook['webhooks'][number]>): Partial<Installation> {
  const [webhook] = healthy.webhooks.state === 'Found' ? healthy.webhooks.value : [];
  if (webhook === undefined) throw new Error('no webhook');
  return { webhooks: found([{ ...webhook, webhooks: webhook.webhooks.map((one) => ({ ...one, ...change })) }]) };
}
const service = { name: 'edict-webhook', namespace: 'edict-system' };

test('nothing is wrong with a healthy installation', () => {
  expect(findingsOf({})).toEqual([]);
});

test.each<readonly [what: string, over: () => Partial<Installation>, expected: readonly string[]]>([
  [
    'a CRD that is missing',
    () => crdsWith(() => undefined),
    ['Error CrdMissing CustomResourceDefinition policysets.edict.dev'],
  ],
  [
    'a CRD that is not served',
    () =>
      crdsWith((crd) => ({
        ...crd,
        status: { conditions: [{ type: 'NamesAccepted', status: 'False', message: 'pset is taken' }] },
      })),
    ['Error CrdNotEstablished CustomResourceDefinition policysets.edict.dev'],
  ],
  [
    'a CRD of somebody else',
    () => crdsWith((crd) => ({ ...crd, spec: { ...crd.spec, names: { kind: 'PolicySets' } } })),
    ['Error CrdForeign CustomResourceDefinition policysets.edict.dev'],
  ],
  [
    'a CRD that was not upgraded',
    () => crdsWith((crd) => versionsOf(crd, { openAPIV3Schema: { properties: { spec: {} } } })),
    ['Error CrdOutdated CustomResourceDefinition policysets.edict.dev'],
  ],
  [
    'a CRD of a newer version',
    () =>
      crdsWith((crd) => {
        const root = crd.spec.versions[0]?.schema?.openAPIV3Schema;
        return versionsOf(crd, { openAPIV3Schema: { ...root, properties: { ...root?.properties, more: {} } } });
      }),
    ['Warning CrdNewer CustomResourceDefinition policysets.edict.dev'],
  ],
  ['no operator', () => withoutOperator, ['Error OperatorMissing Namespace edict-system']],
  [
    'an operator of which a replica does not run',
    () => ({ deployment: found({ ...DEPLOYMENT, status: { readyReplicas: 1 } }) }),
    ['Warning OperatorNotReady Deployment edict-system/edict-operator'],
  ],
  [
    'an operator that was scaled away',
    () => ({
      deployment: found({ ...DEPLOYMENT, spec: { ...DEPLOYMENT.spec, replicas: 0 }, status: {} }),
      pods: found([]),
      ...leaseWith({ holderIdentity: '' }),
      endpoints: found(new Map()),
    }),
    [
      'Error OperatorNotReady Deployment edict-system/edict-operator',
      'Error LeaderMissing Lease edict-system/edict-operator',
      'Error WebhookUnreachable Service edict-system/edict-webhook',
    ],
  ],
  [
    'replicas of two images',
    () => ({
      pods: found(
        ['edict-operator:1', 'edict-operator:0'].map((image, i) => ({
          metadata: { name: i === 0 ? 'edict-operator-a' : 'b' },
          spec: { containers: [{ image }] },
        })),
      ),
    }),
    ['Warning OperatorImages Deployment edict-system/edict-operator'],
  ],
  [
    'an operator of another version',
    () => ({
      deployment: found({
        ...DEPLOYMENT,
        metadata: { ...DEPLOYMENT.metadata, labels: { 'app.kubernetes.io/version': '9.0.0' } },
      }),
    }),
    ['Warning OperatorVersion Deployment edict-system/edict-operator'],
  ],
  ['no lease', () => ({ lease: absent }), ['Error LeaderMissing Lease edict-system/edict-operator']],
  [
    'a lease that nobody holds',
    () => leaseWith({ holderIdentity: '', renewTime: ago(2) }),
    ['Error LeaderMissing Lease edict-system/edict-operator'],
  ],
  [
    'a lease that nobody renews',
    () => leaseWith({ holderIdentity: 'edict-operator-a', renewTime: ago(60) }, ago(60)),
    ['Error LeaderStale Lease edict-system/edict-operator'],
  ],
  [
    'a lease of a pod that is gone',
    () => leaseWith({ holderIdentity: 'edict-operator-z', renewTime: ago(2) }),
    ['Error LeaderMissing Lease edict-system/edict-operator'],
  ],
  [
    'an operator whose clock is an hour behind, and which leads all the same',
    () => leaseWith({ holderIdentity: 'edict-operator-a', renewTime: ago(3602) }),
    ['Error ClockDiffers Pod edict-system/edict-operator-a'],
  ],
  [
    'a local clock that is an hour ahead',
    () => ({ clocks: { localMs: NOW + 3_600_000, apiserverMs: NOW } }),
    ['Error ClockDiffers this machine'],
  ],
  [
    'an API server without a clock',
    () => ({ clocks: { localMs: NOW, apiserverMs: undefined } }),
    ['NotChecked NotChecked the clock of the API server'],
  ],
  [
    'a right that is lacking',
    () => ({ rights: found([{ group: '', resource: 'pods', verb: 'list', allowed: false }]) }),
    ['Error RightMissing ServiceAccount edict-system/edict-operator'],
  ],
  ['no signing key', () => ({ signingKey: absent }), ['Error SigningKeyMissing Secret edict-system/edict-signing-key']],
  [
    'half a signing key',
    () => ({ signingKey: found({ 'public.pem': 'x' }) }),
    ['Error SigningKeyMissing Secret edict-system/edict-signing-key'],
  ],
  [
    'no certificates',
    () => ({ certificates: absent }),
    ['Error CertificateMissing Secret edict-system/edict-certificates'],
  ],
  [
    'text for a certificate',
    () => ({ certificates: found({ 'ca.crt': 'x', 'tls.crt': 'y' }) }),
    ['Error CertificateMissing Secret edict-system/edict-certificates'],
  ],
  [
    'no webhook',
    () => ({ webhooks: found([]), probe: { outcome: 'Stored' } }),
    ['Error WebhookMissing ValidatingWebhookConfiguration edict'],
  ],
  [
    'a webhook whose caBundle was taken away',
    () => ({
      ...webhookWith({ clientConfig: { service } }),
      probe: { outcome: 'CallFailed', message: 'failed calling webhook: x509' },
    }),
    [
      'Error WebhookTrust ValidatingWebhookConfiguration edict',
      'Error WebhookFails ValidatingWebhookConfiguration edict',
    ],
  ],
  [
    'a webhook without replicas',
    () => ({ endpoints: found(new Map([['edict-webhook', 0]])) }),
    ['Error WebhookUnreachable Service edict-system/edict-webhook'],
  ],
  [
    'a webhook that lets everything through',
    () => webhookWith({ failurePolicy: 'Ignore' }),
    ['Warning WebhookIgnored ValidatingWebhookConfiguration edict'],
  ],
  [
    'a webhook that is not asked',
    () => ({ probe: { outcome: 'Stored' } }),
    ['Error WebhookNotAsked ValidatingWebhookConfiguration edict'],
  ],
  [
    'a webhook that nobody may ask',
    () => ({ probe: { outcome: 'Unasked', why: 'forbidden' } }),
    ['NotChecked NotChecked a call of ValidatingWebhookConfiguration edict'],
  ],
  ['a namespace without trust', () => ({ trust: found(new Map()) }), ['Error TrustMissing ConfigMap shop/edict-ca']],
  [
    'a set that nobody serves',
    () => ({ sets: found([aSet({ conditions: [aCondition('Ready', 'False', { reason: 'NoPDP' })] })]) }),
    ['Error SetWithoutPdps PolicySet default/default'],
  ],
  [
    'a set that has stopped',
    () => ({ sets: found([aSet({ conditions: [aCondition('Stalled', 'True', { reason: 'Nacked' })] })]) }),
    ['Error SetStalled PolicySet default/default'],
  ],
  [
    'a domain without a set',
    () => ({
      domains: found([
        {
          ...DOMAIN,
          status: { observedGeneration: 1, conditions: [aCondition('Ready', 'False', { reason: 'NoSet' })] },
        },
      ]),
    }),
    ['Error DomainWithoutSet PolicyDomain shop/payments'],
  ],
  [
    'a domain that is refused',
    () => ({
      domains: found([
        {
          ...DOMAIN,
          status: { observedGeneration: 1, conditions: [aCondition('Accepted', 'False', { reason: 'Invalid' })] },
        },
      ]),
    }),
    ['Error DomainRefused PolicyDomain shop/payments'],
  ],
  [
    'a fleet that is not ready',
    () => ({
      fleets: found([
        {
          ...FLEET,
          status: { observedGeneration: 1, conditions: [aCondition('Ready', 'False', { reason: 'Unavailable' })] },
        },
      ]),
    }),
    ['Error FleetNotReady PolicyDecisionPoint shop/main'],
  ],
  [
    'an object that the operator has not looked at',
    () => ({ domains: found([{ ...DOMAIN, metadata: { ...DOMAIN.metadata, generation: 2 } }]) }),
    ['Error NotObserved PolicyDomain shop/payments'],
  ],
  [
    'an object that does not go',
    () => ({
      domains: found([
        {
          ...DOMAIN,
          metadata: { ...DOMAIN.metadata, deletionTimestamp: ago(600), finalizers: ['edict.dev/withdraw'] },
        },
      ]),
    }),
    ['Error DeletionStuck PolicyDomain shop/payments'],
  ],
  [
    'an object that is just going',
    () => ({
      domains: found([
        { ...DOMAIN, metadata: { ...DOMAIN.metadata, deletionTimestamp: ago(5), finalizers: ['edict.dev/withdraw'] } },
      ]),
    }),
    [],
  ],
  [
    'injection without a fleet',
    () => ({ namespaces: found([{ metadata: { name: 'shop', labels: { 'edict.dev/inject': 'enabled' } } }]) }),
    ['Error InjectionWithoutFleet Namespace shop'],
  ],
  [
    'PDPs of two versions',
    () => ({ pdps: found([aPdp('shop/a', '1.0.0'), aPdp('shop/b', '1.0.0'), aPdp('shop/c', '0.9.0')]) }),
    ['Warning PdpVersion Pod shop/c'],
  ],
  [
    'a PDP that is not connected',
    () => ({ pdps: found([aPdp('shop/a', '1.0.0', false)]) }),
    ['Warning PdpDisconnected Pod shop/a'],
  ],
  [
    'what may not be read',
    () => ({ pods: unseen, pdps: unseen }),
    [
      'NotChecked NotChecked Pods of Deployment edict-system/edict-operator',
      'NotChecked NotChecked PDPs that the leader knows',
    ],
  ],
])('%s is found, and nothing else', (_what, over, expected) => {
  expect(findingsOf(over())).toEqual(expected);
});

test.each<readonly [what: string, madeAt: number, expected: string]>([
  ['that has expired', NOW - 400 * 86_400_000, 'CertificateInvalid'],
  // Certificates begin two hours before they are made.
  ['that was made by a clock three hours ahead', NOW + 3 * 3_600_000, 'CertificateInvalid'],
  ['that nobody renewed', NOW - 80 * 86_400_000, 'CertificateExpiring'],
])('a certificate %s is found', async (_what, madeAt, expected) => {
  const certificates = await certificatesAt(madeAt);
  const caBundle = Buffer.from(certificates['ca.crt'] ?? '').toString('base64');
  const trust = found(new Map([['shop', certificates]]));
  const all = findingsOf({
    certificates: found(certificates),
    trust,
    ...webhookWith({ clientConfig: { service, caBundle } }),
  });
  expect(new Set(all.map((text) => text.split(' ')[1]))).toEqual(new Set([expected]));
});

test('a new authority that neither the API server nor PDPs know is found at both', async () => {
  expect(findingsOf({ certificates: found(await certificatesAt(NOW - 86_400_000)) })).toEqual([
    'Error TrustOutdated ConfigMap shop/edict-ca',
    'Error WebhookTrust ValidatingWebhookConfiguration edict',
  ]);
});

test('a certificate for other names is found', async () => {
  const certificates = await certificatesAt(NOW - 86_400_000, ['edict-webhook.other.svc']);
  const all = findingsOf({ certificates: found(certificates) });
  expect(all).toContain('Error CertificateNames Secret edict-system/edict-certificates');
});

test('everything that may not be read is said, and nothing is taken for well or ill', () => {
  const nothing = Object.fromEntries(
    Object.entries(healthy).map(([name, value]) => [
      name,
      typeof value === 'object' && 'state' in value ? unseen : value,
    ]),
  ) as unknown as Installation;
  const all = examine(nothing).flatMap(({ findings }) => findings);
  expect(new Set(all.map(({ severity }) => severity))).toEqual(new Set(['NotChecked']));
  expect(all.length).toBeGreaterThanOrEqual(11);
});

test('every finding says what to do, in one line that can be read', () => {
  const all = examine({ ...healthy, ...withoutOperator, crds: absent, namespaces: unseen }).flatMap(
    ({ findings }) => findings,
  );
  for (const { message, remedy } of all) {
    expect(remedy).toMatch(/^\S.{10,}$/);
    expect(message).toMatch(/\S/);
  }
});

async function said(
  installation: Installation | Error,
  output: FleetOutput,
  failOnWarning = false,
): Promise<{ readonly stdout: string; readonly error: unknown }> {
  const { io, stdout } = captureIo();
  const gather = (): Promise<Installation> =>
    'namespace' in installation ? Promise.resolve(installation) : Promise.reject(installation);
  const error: unknown = await doctor(io, gather, { output, failOnWarning }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { stdout: stdout(), error };
}

test('a healthy installation is all ok, and no error', async () => {
  const { stdout, error } = await said(healthy, 'text');
  expect(error).toBeUndefined();
  expect(stdout).toMatch(
    /^clocks +ok\nkinds +ok\noperator +ok\ncertificates +ok\nadmission +ok\npolicy +ok\nPDPs +ok\n$/,
  );
});

test('errors end with 1, after they were printed with what to do', async () => {
  const { stdout, error } = await said({ ...healthy, ...withoutOperator }, 'text');
  expect(error).toMatchObject({ exitCode: 1, message: '' });
  expect(stdout).toContain('operator       1 error\n');
  expect(stdout).toMatch(
    /\nerror OperatorMissing Namespace edict-system\n {2}no operator .*\n {2}to do: helm install edict /,
  );
});

test('warnings end with 1 only if asked, and JSON has all', async () => {
  const warned = { ...healthy, ...webhookWith({ failurePolicy: 'Ignore' }) };
  expect((await said(warned, 'text')).error).toBeUndefined();
  const { stdout, error } = await said(warned, 'json', true);
  expect(error).toMatchObject({ exitCode: 1 });
  expect(JSON.parse(stdout)).toMatchObject({
    errors: 0,
    warnings: 1,
    notChecked: 0,
    findings: [
      { part: 'admission', severity: 'Warning', code: 'WebhookIgnored', where: 'ValidatingWebhookConfiguration edict' },
    ],
  });
});

test('a cluster that does not answer is an error with its cause', async () => {
  const { error } = await said(new StoreError('Unavailable', 'GET /version: connect ECONNREFUSED'), 'text');
  expect(error).toBeInstanceOf(CommandError);
  expect(String(error)).toContain('cannot ask the cluster: GET /version: connect ECONNREFUSED');
});

test.each([
  ['that is not there', '', 1, /^error: cannot use the kubeconfig .*missing/],
  ['of a cluster in clear text', 'http://127.0.0.1:8080', 1, /^error: no cluster is configured: name a kubeconfig/],
  [
    'of a cluster that does not answer',
    'https://127.0.0.1:1',
    1,
    /^error: cannot ask the cluster: GET \/version: .*ECONNREFUSED/,
  ],
])('a kubeconfig %s is an error that says so', async (_what, server, expected, message) => {
  await using folder = await temporaryFolder();
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'it',
    contexts: [{ name: 'it', context: { cluster: 'it', user: 'me' } }],
    clusters: [{ name: 'it', cluster: { server } }],
    users: [{ name: 'me', user: {} }],
  };
  const file = server === '' ? folder.path('missing') : await folder.write('config', JSON.stringify(config));
  const { code, stdout, stderr } = await runEdict(['doctor', '--kubeconfig', file]);
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
  expect(stderr).toMatch(message);
});
