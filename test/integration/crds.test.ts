import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { API_VERSION, PolicyDecisionPointSpec, PolicySetSpec } from '@edict/crds';
import { EVERYTHING, WRONG_FLEETS } from '../../crds/src/testing/fleet-specs.ts';
import { connectCluster, installCrds, refusal, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';

let cluster: Cluster;
let namespace: string;

beforeAll(async () => {
  cluster = await connectCluster(sharedKubeconfig());
  namespace = await cluster.namespace();
});
afterAll(() => cluster.close());

const post = (kind: string, plural: string, name: string, spec: unknown, apiVersion = API_VERSION): Promise<unknown> =>
  cluster.client.request({
    method: 'POST',
    path: `/apis/${apiVersion}/namespaces/${namespace}/${plural}`,
    body: { apiVersion, kind, metadata: { namespace, name }, spec },
  });

test('the apiserver accepts every kind as a structural schema', async () => {
  for (const crd of await installCrds(cluster.objects)) {
    const conditions = crd.status?.conditions ?? [];
    const bad = conditions.filter(({ type, status }) => type === 'NonStructuralSchema' && status === 'True');
    expect(bad).toStrictEqual([]);
    expect(conditions).toContainEqual(expect.objectContaining({ type: 'NamesAccepted', status: 'True' }));
  }
});

test.each([
  ['a number for text', 'PolicyDomain', 'policydomains', { policies: [{ mrn: 1, rego: '' }] }, 'spec.policies[0].mrn'],
  ['an object for a list', 'PolicyDomain', 'policydomains', { roles: {} }, 'spec.roles'],
  [
    'a share over 100%',
    'PolicySet',
    'policysets',
    { rollout: { requirePrepared: '101%' } },
    'spec.rollout.requirePrepared',
  ],
  ['a duration without a unit', 'PolicySet', 'policysets', { withdrawTimeout: '60' }, 'spec.withdrawTimeout'],
  ['a negative count', 'PolicyDecisionPoint', 'policydecisionpoints', { replicas: -1 }, 'spec.replicas'],
  ['data that is no object', 'PolicyDomain', 'policydomains', { data: [1] }, 'spec.data'],
  ['the OPA API without documents', 'PolicySet', 'policysets', { serving: { opa: {} } }, 'set documents too'],
  [
    'AuthZEN by a rule without documents',
    'PolicySet',
    'policysets',
    { serving: { authzen: { evaluation: 'Rule' } } },
    'authzen.evaluation Rule',
  ],
  [
    'candidates without documents',
    'PolicySet',
    'policysets',
    { serving: { authzen: { candidates: { action: 'a' } } } },
    'authzen.candidates',
  ],
  [
    'Envoy by a rule without documents',
    'PolicySet',
    'policysets',
    { serving: { envoy: { result: 'Rule' } } },
    'envoy.result Rule',
  ],
  ['an unknown form', 'PolicyDecisionPoint', 'policydecisionpoints', { form: 'Zeppelin' }, 'spec.form'],
])('%s is refused, and the message names the place', async (_name, kind, plural, spec, place) => {
  const error = await refusal(post(kind, plural, 'wrong', spec));
  expect(error.code).toBe('Invalid');
  expect(error.message).toContain(place);
});

test.each(WRONG_FLEETS)(
  'a fleet with %s is refused, and the message names the place',
  async (_name, spec, at, message) => {
    const error = await refusal(post('PolicyDecisionPoint', 'policydecisionpoints', 'wrong', spec));
    expect(error.code).toBe('Invalid');
    expect(error.message).toContain(at);
    expect(error.message).toContain(message);
  },
);

test.each([
  ['nothing', {}],
  ['everything', EVERYTHING],
])('a fleet that says %s is taken, with the defaults of our own reading', async (_name, spec) => {
  const name = `fleet-${String(Object.keys(spec).length)}`;
  const created = (await post('PolicyDecisionPoint', 'policydecisionpoints', name, spec)) as { readonly spec: unknown };
  expect(created.spec).toStrictEqual(PolicyDecisionPointSpec.parse(spec));
});

test('an unknown version is refused', async () => {
  const error = await refusal(post('PolicyDomain', 'policydomains', 'wrong', {}, 'edict.dev/v9'));
  expect(error.code).toBe('NotFound');
});

test('2 MiB of Rego are refused, and the message names the place', async () => {
  const error = await refusal(
    post('PolicyDomain', 'policydomains', 'large', { policies: [{ mrn: 'p', rego: `# ${'x'.repeat(2_097_152)}\n` }] }),
  );
  expect(error.code).toBe('Invalid');
  expect(error.message).toContain('spec.policies[0].rego');
});

test.each([
  ['nothing', {}],
  ['every way of serving', { serving: { documents: {}, opa: {}, authzen: {}, envoy: {}, instance: {} } }],
])('the apiserver fills in the defaults that our own reading fills in: %s', async (_name, spec) => {
  const name = `defaults-${String(Object.keys(spec).length)}`;
  const created = (await post('PolicySet', 'policysets', name, spec)) as { readonly spec: unknown };
  expect(created.spec).toStrictEqual(PolicySetSpec.parse(spec));
});

test('the apiserver keeps data as it is', async () => {
  const data = { a: { b: [1, 1.5, null, { 'c/d': 'x' }] }, '': true, large: 9007199254740991 };
  const created = (await post('PolicyDomain', 'policydomains', 'data', { data })) as { readonly spec: unknown };
  expect(created.spec).toStrictEqual({ data });
});
