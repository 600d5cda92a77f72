import { expect, test } from '@jest/globals';
import { API_VERSION, PolicyDecisionPointSpec, type PolicyDecisionPoint } from '@edict/crds';
import { chooseFleet, type ChoiceFacts } from './choose-fleet.ts';
import { NAMESPACE, someSidecars } from './testing/injection-fixtures.ts';

const ENABLED = { 'edict.dev/inject': 'enabled' };
const named = (fleet: string) => ({ ...ENABLED, 'edict.dev/pdp': fleet });
const selecting = (name: string, matchLabels: object) => someSidecars(name, { sidecar: { selector: { matchLabels } } });
const gate: PolicyDecisionPoint = {
  apiVersion: API_VERSION,
  kind: 'PolicyDecisionPoint',
  metadata: { name: 'gate', namespace: NAMESPACE, uid: 'u' },
  spec: PolicyDecisionPointSpec.parse({}),
};
const choose = (labels: Record<string, string>, over: Partial<ChoiceFacts> = {}) =>
  chooseFleet({
    namespace: NAMESPACE,
    labels,
    isNamespaceEnabled: false,
    fleets: [someSidecars(), selecting('tills', { app: 'till' }), gate],
    ...over,
  });

test.each<[string, Record<string, string>, Partial<ChoiceFacts>]>([
  ['that says nothing', { app: 'web' }, {}],
  ['that wants none although its namespace does', { 'edict.dev/inject': 'disabled' }, { isNamespaceEnabled: true }],
  ['that wants none although it is selected', { app: 'till', 'edict.dev/inject': 'disabled' }, {}],
  [
    'of PDPs',
    { 'app.kubernetes.io/name': 'edict-pdp', 'app.kubernetes.io/component': 'pdp', 'edict.dev/pdp': 'gate' },
    { isNamespaceEnabled: true },
  ],
  ['that names a fleet and does not ask', { 'edict.dev/pdp': 'main' }, {}],
])('a pod %s gets no sidecar', (_name, labels, over) => {
  expect(choose(labels, over)).toStrictEqual({ type: 'none' });
});

test.each<[string, Record<string, string>, Partial<ChoiceFacts>, string]>([
  ['a pod that asks has the fleet without a selector', ENABLED, {}, 'main'],
  ['a pod whose namespace asks has it too', {}, { isNamespaceEnabled: true }, 'main'],
  ['a pod that is selected has who selects it, asked or not', { app: 'till' }, {}, 'tills'],
  ['a pod that is selected and asks has who selects it', { ...ENABLED, app: 'till' }, {}, 'tills'],
  ['a pod that names one has that', { ...named('main'), app: 'till' }, {}, 'main'],
  ['an empty selector selects everybody', {}, { fleets: [selecting('all', {})] }, 'all'],
])('%s', (_name, labels, over, fleet) => {
  expect(choose(labels, over)).toMatchObject({ type: 'fleet', fleet: { metadata: { name: fleet } } });
});

const deleting = someSidecars('main', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' });
test.each<[string, Record<string, string>, Partial<ChoiceFacts>, string]>([
  [
    'a label with a slip',
    { 'edict.dev/inject': 'ture' },
    {},
    'label edict.dev/inject is "ture": say enabled or disabled',
  ],
  ['a namespace without fleets', ENABLED, { fleets: [] }, 'namespace shop has no PolicyDecisionPoint of form Sidecar'],
  ['a namespace with other forms alone', ENABLED, { fleets: [gate] }, 'make one (spec.form: Sidecar)'],
  ['a fleet that is going', ENABLED, { fleets: [deleting] }, 'has no PolicyDecisionPoint of form Sidecar'],
  ['a name that there is not', named('mian'), {}, 'names mian, and namespace shop has no such PolicyDecisionPoint'],
  ['the name of another form', named('gate'), {}, 'names gate, which is of form Deployment'],
  ['the name of one that is going', named('main'), { fleets: [deleting] }, 'no such PolicyDecisionPoint'],
  [
    'two fleets without selectors',
    ENABLED,
    { fleets: [someSidecars('b'), someSidecars('a')] },
    'a, b of the namespace have no selector: name the one',
  ],
  [
    'two fleets that select it',
    { app: 'till' },
    { fleets: [selecting('x', {}), selecting('y', { app: 'till' })] },
    'x, y select the pod: name the one that applies by label edict.dev/pdp',
  ],
  [
    'fleets that select others',
    ENABLED,
    { fleets: [selecting('tills', { app: 'till' })] },
    'selects the pod (there is tills)',
  ],
])('a pod that asks is refused for %s', (_name, labels, over, problem) => {
  const choice = choose(labels, over);
  expect(choice.type).toBe('refused');
  expect((choice as { readonly problem: string }).problem).toContain(problem);
});
