import { expect, test } from '@jest/globals';
import type { PodShape } from './pod-shape.ts';
import { callRoll, entryOf, type PodEntry, type RollCallFacts } from './roll-call.ts';
import { aPod, someSidecars } from './testing/injection-fixtures.ts';

const ENABLED = { 'edict.dev/inject': 'enabled' };
const entry = (name: string, over: Partial<PodEntry> = {}): PodEntry => ({
  name,
  labels: ENABLED,
  fleet: undefined,
  hasSidecar: false,
  isReady: false,
  hash: undefined,
  ...over,
});
const served = (name: string, isReady = true): PodEntry =>
  entry(name, { fleet: 'main', hasSidecar: true, isReady, hash: 'h1' });
const call = (pods: readonly PodEntry[], over: Partial<RollCallFacts> = {}) =>
  callRoll({ namespace: 'shop', isNamespaceEnabled: false, fleets: [someSidecars()], pods, ...over });

test('those that have one, that wait for policy, and that have none are told apart', () => {
  expect(call([entry('d'), served('a'), served('b', false), entry('c'), entry('e', { labels: {} })])).toStrictEqual({
    fleets: new Map([['main', { desired: 4, present: 2, ready: 1, without: ['c', 'd'], hashes: ['h1', 'h1'] }]]),
    unassigned: [],
  });
});

test('a namespace that asks asks for all that do not say no', () => {
  const pods = [entry('a', { labels: {} }), entry('b', { labels: { 'edict.dev/inject': 'disabled' } })];
  expect(call(pods, { isNamespaceEnabled: true }).fleets.get('main')).toMatchObject({ desired: 1, without: ['a'] });
});

test('pods that nobody can name a fleet for are not forgotten', () => {
  expect(call([entry('b'), entry('a')], { fleets: [] })).toStrictEqual({ fleets: new Map(), unassigned: ['a', 'b'] });
  const wrong = entry('c', { labels: { 'edict.dev/inject': 'yes' } });
  expect(call([wrong]).unassigned).toStrictEqual(['c']);
});

test('a sidecar by hand that belongs to nobody satisfies who asked', () => {
  expect(call([entry('a', { hasSidecar: true })])).toMatchObject({ unassigned: [] });
  expect(call([entry('a', { hasSidecar: true })]).fleets.get('main')).toMatchObject({ desired: 0 });
});

test('a fleet that nobody has yet has an entry', () => {
  expect(call([]).fleets.get('main')).toStrictEqual({ desired: 0, present: 0, ready: 0, without: [], hashes: [] });
});

test.each<[string, PodShape]>([
  ['is being deleted', aPod({ deletionTimestamp: '2026-01-01T00:00:00Z' })],
  ['has succeeded', aPod({}, {}, { phase: 'Succeeded' })],
  ['has failed', aPod({}, {}, { phase: 'Failed' })],
  ['mirrors a file of the kubelet', aPod({ annotations: { 'kubernetes.io/config.mirror': 'x' } })],
  [
    'is a PDP',
    aPod({
      labels: { 'app.kubernetes.io/name': 'edict-pdp', 'app.kubernetes.io/component': 'pdp', 'edict.dev/pdp': 'x' },
    }),
  ],
])('nobody waits for a pod that %s', (_name, pod) => {
  expect(entryOf(pod)).toBeUndefined();
});

test('a pod that waits for its sidecar is one to wait for', () => {
  const pod = aPod({ name: 'web-1', annotations: { 'edict.dev/injected': 'h1' } }, {}, { phase: 'Pending' });
  expect(entryOf(pod)).toStrictEqual(entry('web-1', { labels: {}, hash: 'h1' }));
});
