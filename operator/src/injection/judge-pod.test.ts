import { expect, test } from '@jest/globals';
import { API_VERSION, PolicySetSpec, type PolicyDecisionPoint, type PolicySet } from '@edict/crds';
import { AdmissionRequest, renderReview } from '../admission/admission-review.ts';
import { FLEET_DEFAULTS } from '../testing/fleet-fixtures.ts';
import { askerOf, judgePod, type Asker, type NamespaceFacts } from './judge-pod.ts';
import { aPod, NAMESPACE, someSidecars } from './testing/injection-fixtures.ts';

const aSet = (spec: object = {}, metadata: object = {}): PolicySet => ({
  apiVersion: API_VERSION,
  kind: 'PolicySet',
  metadata: { name: 'default', namespace: NAMESPACE, ...metadata },
  spec: PolicySetSpec.parse(spec),
});
const request = (object: unknown, over: object = {}): AdmissionRequest =>
  AdmissionRequest.parse({
    uid: 'u',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    namespace: NAMESPACE,
    operation: 'CREATE',
    object,
    ...over,
  });
const ENABLED = { labels: { 'edict.dev/inject': 'enabled' } };
const facts = (fleets: readonly PolicyDecisionPoint[] = [someSidecars()], sets = [aSet()]): NamespaceFacts => ({
  fleets,
  sets,
});
const NOTHING = facts([], []);
const ask = (asker: Asker, pod: unknown, known = facts(), stored = known, over: object = {}) =>
  judgePod(request(pod, over), asker, {
    defaults: FLEET_DEFAULTS,
    known: () => known,
    read: () => Promise.resolve(stored),
  });
const messageOf = async (verdict: ReturnType<typeof ask>): Promise<string> => {
  const { allowed, ...rest } = await verdict;
  return allowed ? 'allowed' : (rest as { readonly message: string }).message;
};

test.each<[string, string, Asker | undefined]>([
  ['the label of a pod', '/mutate/pod', { type: 'Pod' }],
  ['the label of a namespace', '/mutate/namespace', { type: 'Namespace' }],
  ['a label that nobody understands', '/mutate/unclear', { type: 'Unclear' }],
  ['a selector', '/mutate/selector/main/3', { type: 'Selector', fleet: 'main', generation: 3 }],
  ['a selector without its generation', '/mutate/selector/main', undefined],
  ['a generation that is none', '/mutate/selector/main/x', undefined],
  ['more than there is', '/mutate/pod/x', undefined],
  ['something else', '/validate', undefined],
  ['nothing', '/mutate', undefined],
])('the path of %s', (_name, path, asker) => {
  expect(askerOf(path)).toStrictEqual(asker);
});

test.each<[string, Asker, object]>([
  ['asks by its label', { type: 'Pod' }, ENABLED],
  ['is in a namespace that asks', { type: 'Namespace' }, {}],
])('a pod that %s gets a patch', async (_name, asker, metadata) => {
  const verdict = await ask(asker, aPod(metadata));
  expect(verdict).toMatchObject({ allowed: true, patch: expect.any(Array) });
  const { response } = JSON.parse(renderReview('u', verdict)) as {
    readonly response: { readonly patchType: string; readonly patch: string };
  };
  expect(response.patchType).toBe('JSONPatch');
  expect(JSON.parse(Buffer.from(response.patch, 'base64').toString())).toContainEqual(
    expect.objectContaining({ op: 'add', path: '/spec/initContainers' }),
  );
});

test.each<[string, Asker, unknown, object]>([
  ['a pod that wants none', { type: 'Namespace' }, aPod({ labels: { 'edict.dev/inject': 'disabled' } }), {}],
  [
    'a mirror of what the kubelet runs',
    { type: 'Namespace' },
    aPod({ annotations: { 'kubernetes.io/config.mirror': 'x' } }),
    {},
  ],
  ['an update', { type: 'Pod' }, aPod(ENABLED), { operation: 'UPDATE' }],
  ['another kind', { type: 'Pod' }, {}, { kind: { group: '', version: 'v1', kind: 'Service' } }],
])('%s is left alone', async (_name, asker, pod, over) => {
  expect(await ask(asker, pod, facts(), facts(), over)).toStrictEqual({ allowed: true });
});

test.each<[string, Asker, unknown, NamespaceFacts, string]>([
  [
    'a namespace without a fleet',
    { type: 'Pod' },
    aPod(ENABLED),
    facts([]),
    'namespace shop has no PolicyDecisionPoint of form Sidecar',
  ],
  [
    'a namespace without a set',
    { type: 'Pod' },
    aPod(ENABLED),
    facts([someSidecars()], []),
    'no PolicySet of namespace shop selects the PDPs of PolicyDecisionPoint main',
  ],
  [
    'a set that is going',
    { type: 'Namespace' },
    aPod(),
    facts([someSidecars()], [aSet({}, { deletionTimestamp: 'x' })]),
    'apply a PolicySet there',
  ],
  [
    'a set for others',
    { type: 'Pod' },
    aPod(ENABLED),
    facts([someSidecars()], [aSet({ pdps: { selector: { matchLabels: { 'edict.dev/pdp': 'gate' } } } })]),
    'apply a PolicySet there',
  ],
  [
    'a namespace whose label nobody understands',
    { type: 'Unclear' },
    aPod(),
    facts(),
    'label edict.dev/inject of namespace shop is neither enabled nor disabled',
  ],
  [
    'a tiny memory limit',
    { type: 'Pod' },
    aPod(ENABLED),
    facts([someSidecars('main', { resources: { limits: { memory: '16Mi' } } })]),
    'PolicyDecisionPoint main: spec.resources.limits.memory: "16Mi" is too little',
  ],
  [
    'a port that is taken',
    { type: 'Pod' },
    aPod(ENABLED, { containers: [{ name: 'web', ports: [{ containerPort: 8181 }] }] }),
    facts(),
    'container web listens on port 8181',
  ],
  ['what is no pod', { type: 'Pod' }, { metadata: {}, spec: {} }, facts(), 'not a pod'],
])('a pod is refused for %s, by its name', async (_name, asker, pod, known, problem) => {
  const message = await messageOf(ask(asker, pod, known));
  expect(message).toContain(problem);
  if (problem !== 'not a pod') expect(message).toContain('pod shop/web-… is to have a PDP beside it and cannot');
});

test('what the caches do not have yet is read before anybody is refused', async () => {
  expect(await ask({ type: 'Pod' }, aPod(ENABLED), NOTHING, facts())).toMatchObject({
    allowed: true,
    patch: expect.any(Array),
  });
  expect(await messageOf(ask({ type: 'Pod' }, aPod(ENABLED), NOTHING, NOTHING))).toContain(
    'has no PolicyDecisionPoint',
  );
});

test('where nobody can tell, nobody is let in without', async () => {
  const asked = judgePod(
    request(aPod(ENABLED)),
    { type: 'Pod' },
    {
      defaults: FLEET_DEFAULTS,
      known: () => NOTHING,
      read: () => Promise.reject(new Error('the apiserver is away')),
    },
  );
  await expect(asked).rejects.toThrow('away');
});

const tills = (generation: number, app = 'till') =>
  someSidecars('tills', { sidecar: { selector: { matchLabels: { app } } } }, { generation });
const till = aPod({ labels: { app: 'till' } });
test.each<[string, Asker, NamespaceFacts, NamespaceFacts, boolean]>([
  ['known', { type: 'Selector', fleet: 'tills', generation: 2 }, facts([tills(2)]), NOTHING, true],
  ['not known yet', { type: 'Selector', fleet: 'tills', generation: 2 }, NOTHING, facts([tills(2)]), true],
  [
    'known as it was',
    { type: 'Selector', fleet: 'tills', generation: 2 },
    facts([tills(1, 'web')]),
    facts([tills(2)]),
    true,
  ],
  ['gone', { type: 'Selector', fleet: 'tills', generation: 2 }, NOTHING, NOTHING, false],
  ['another by now', { type: 'Selector', fleet: 'tills', generation: 1 }, facts([tills(2, 'web')]), NOTHING, false],
])('by a selector that is %s', async (_name, asker, known, stored, isInjected) => {
  const verdict = await ask(asker, till, known, stored);
  expect(verdict).toMatchObject({ allowed: true });
  expect('patch' in verdict).toBe(isInjected);
});
