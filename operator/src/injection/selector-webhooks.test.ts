import { expect, test } from '@jest/globals';
import { askerOf } from './judge-pod.ts';
import { selectorWebhooks } from './selector-webhooks.ts';
import { someSidecars } from './testing/injection-fixtures.ts';

const SERVICE = { namespace: 'edict-system', name: 'edict-webhook' };
const of = (...fleets: Parameters<typeof selectorWebhooks>[0]) =>
  selectorWebhooks(fleets, SERVICE, 'Q0E=', new Set(['kube-system', 'edict-system']));
const selecting = (name: string, selector: object, metadata: object = {}) =>
  someSidecars(name, { sidecar: { selector } }, metadata);

test('the apiserver asks about the pods of a selector in its namespace, and fails closed', () => {
  const matchExpressions = [{ key: 'tier', operator: 'In', values: ['front'] }];
  const [webhook, ...others] = of(
    selecting('tills', { matchLabels: { app: 'till' }, matchExpressions }, { generation: 4 }),
  );
  expect(others).toStrictEqual([]);
  expect(webhook).toMatchObject({
    name: 'uid-tills.selector.inject.edict.dev',
    failurePolicy: 'Fail',
    reinvocationPolicy: 'IfNeeded',
    sideEffects: 'None',
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } },
    objectSelector: {
      matchLabels: { app: 'till' },
      matchExpressions: [
        ...matchExpressions,
        { key: 'edict.dev/inject', operator: 'NotIn', values: ['disabled'] },
        { key: 'app.kubernetes.io/name', operator: 'NotIn', values: ['edict-pdp'] },
      ],
    },
    clientConfig: { caBundle: 'Q0E=', service: { ...SERVICE, path: '/mutate/selector/tills/4', port: 443 } },
  });
  expect(askerOf(webhook?.clientConfig.service.path ?? '')).toStrictEqual({
    type: 'Selector',
    fleet: 'tills',
    generation: 4,
  });
});

test('fleets without a selector, in namespaces of the system, and that are going, have none', () => {
  expect(
    of(
      someSidecars(),
      selecting('a', {}, { namespace: 'kube-system' }),
      selecting('b', {}, { namespace: 'edict-system' }),
      selecting('c', {}, { deletionTimestamp: 'x' }),
    ),
  ).toStrictEqual([]);
});

test('their order is that of their names, whatever that of the fleets', () => {
  const [a, b] = [selecting('a', {}), selecting('b', {})];
  expect(of(b, a)).toStrictEqual(of(a, b));
});
