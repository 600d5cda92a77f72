import fc from 'fast-check';
import { expect, test } from '@jest/globals';
import { aCondition, aDomain, aRevision, aSet } from '../testing/objects.ts';
import { progressBar, progressLine, viewRollout, type RolloutView } from './progress.ts';

const counts = (over: Partial<Record<'prepared' | 'active' | 'nacked' | 'required', number>>) => ({
  required: 3,
  connected: 3,
  prepared: 0,
  active: 3,
  nacked: 0,
  laggards: 0,
  missing: 0,
  ...over,
});
const reconciling = [
  aCondition('Ready', 'False', { reason: 'Progressing' }),
  aCondition('Reconciling', 'True', { reason: 'Progressing' }),
];
const stalled = (reason: string, message: string) => [
  aCondition('Ready', 'False', { reason, message }),
  aCondition('Stalled', 'True', { reason, message }),
];
const invalid = aDomain({
  status: {
    observedGeneration: 1,
    conditions: [
      aCondition('Accepted', 'False', { reason: 'Invalid', message: 'line 3' }),
      aCondition('Stalled', 'True'),
    ],
  },
});

test.each([
  [
    'a set that nobody has looked at',
    aSet({ observedGeneration: 0 }),
    undefined,
    [],
    'default@-  NoRevision  prepared 3/3, active 0/3  waiting',
  ],
  [
    'a set without domains',
    aSet({
      desiredRevision: undefined,
      conditions: [aCondition('Ready', 'Unknown', { reason: 'NoDomain' })],
      pdps: counts({ active: 0 }),
    }),
    undefined,
    [],
    'default@-  NoRevision  prepared 0/3, active 0/3  NoDomain',
  ],
  [
    'a first revision on its way',
    aSet({ committedRevision: undefined, pdps: counts({ prepared: 1, active: 0 }), conditions: reconciling }),
    aRevision(1, { phase: 'Preparing' }),
    [aDomain()],
    'default@1  Preparing  prepared 1/3, active 0/3  waiting',
  ],
  [
    'a second one, while all still serve the first',
    aSet({ desiredRevision: 2, pdps: counts({ prepared: 2 }), conditions: reconciling }),
    aRevision(2, { phase: 'Preparing' }),
    [aDomain()],
    'default@2  Preparing  prepared 2/3, active 0/3  waiting',
  ],
  [
    'a decided one',
    aSet({
      desiredRevision: 2,
      committedRevision: 2,
      pdps: counts({ prepared: 3, active: 1 }),
      conditions: reconciling,
    }),
    aRevision(2, { phase: 'Committing' }),
    [aDomain()],
    'default@2  Committing  prepared 3/3, active 1/3  waiting',
  ],
  [
    'one that the status does not know yet',
    aSet(),
    aRevision(2, { phase: 'Pending' }),
    [aDomain()],
    'default@2  Pending  prepared 0/0, active 0/0  waiting',
  ],
  ['a completed one', aSet(), aRevision(1), [aDomain()], 'default@1  Completed  prepared 3/3, active 3/3  Converged'],
  [
    'a completed one before an edit that nobody has looked at',
    aSet(),
    aRevision(1),
    [aDomain({ metadata: { name: 'shop', generation: 2 } })],
    'default@1  Completed  prepared 3/3, active 3/3  waiting',
  ],
  [
    'a completed one while a domain is being withdrawn',
    aSet(),
    aRevision(1),
    [aDomain({ metadata: { name: 'shop', generation: 1, deletionTimestamp: '2026-01-01T00:00:00Z' } })],
    'default@1  Completed  prepared 3/3, active 3/3  waiting',
  ],
  [
    'a completed one while an edit is refused',
    aSet(),
    aRevision(1),
    [invalid],
    'default@1  Completed  prepared 3/3, active 3/3  Invalid',
  ],
  [
    'a refused one',
    aSet({ desiredRevision: 2, pdps: counts({ prepared: 2, nacked: 1 }), conditions: stalled('Nacked', 'no') }),
    aRevision(2, { phase: 'Aborted' }),
    [aDomain()],
    'default@2  Aborted  prepared 2/3, active 0/3, refused by 1  Nacked',
  ],
  [
    'a late one',
    aSet({ desiredRevision: 2, pdps: counts({ prepared: 2 }), conditions: stalled('DeadlineExceeded', 'late') }),
    aRevision(2, { phase: 'Aborted' }),
    [aDomain()],
    'default@2  Aborted  prepared 2/3, active 0/3  DeadlineExceeded',
  ],
  [
    'a set without PDPs',
    aSet({
      pdps: counts({ required: 0, active: 0 }),
      conditions: [aCondition('Ready', 'Unknown', { reason: 'NoPDP' })],
    }),
    aRevision(1),
    [aDomain()],
    'default@1  Completed  prepared 0/0, active 0/0  waiting',
  ],
])('%s', (_what, set, newest, domains, line) => {
  expect(progressLine(viewRollout(set, newest, domains))).toBe(line);
});

test.each([
  ['a completed rollout is done', aSet(), aRevision(1), [aDomain()], { done: true, failed: false, refused: [] }],
  [
    'a stalled one is done and failed',
    aSet({ desiredRevision: 2, conditions: stalled('Nacked', 'no') }),
    aRevision(2),
    [aDomain()],
    { done: true, failed: true, message: 'no' },
  ],
  [
    'a stalled condition of an older spec says nothing',
    { ...aSet({ conditions: stalled('Nacked', 'no') }), metadata: { ...aSet().metadata, generation: 2 } },
    aRevision(1),
    [aDomain()],
    { done: false, failed: false },
  ],
  [
    'a refused domain fails its set',
    aSet(),
    aRevision(1),
    [invalid],
    { done: true, failed: true, refused: [{ domain: 'shop', message: 'line 3' }] },
  ],
  [
    'a refused domain of another set does not',
    { ...aSet(), spec: { ...aSet().spec, domains: { selector: { matchLabels: { team: 'a' } } } } },
    aRevision(1),
    [invalid],
    { done: true, failed: false },
  ],
])('%s', (_what, set, newest, domains, expected) => {
  expect(viewRollout(set, newest, domains)).toMatchObject(expected);
});

const view = (over: Partial<RolloutView>): RolloutView => ({ ...viewRollout(aSet(), aRevision(1), []), ...over });

test.each([
  ['nothing', 0, 0, 0],
  ['half of the PDPs prepared', 2, 0, 10],
  ['all prepared', 4, 0, 20],
  ['all prepared, half swapped', 4, 2, 30],
  ['all swapped', 4, 4, 40],
])('a bar shows %s', (_what, prepared, active, filled) => {
  const bar = progressBar(view({ required: 4, prepared, active }), 200);
  expect(bar.slice(0, 42)).toBe(`[${'#'.repeat(filled)}${'.'.repeat(40 - filled)}]`);
});

test('a terminal too narrow for a bar gets what fits of the line', () => {
  expect(progressBar(view({}), 40)).toBe(progressLine(view({})).slice(0, 39));
});

test('no bar is as wide as the terminal, nor ever more than full', () => {
  const number = fc.nat({ max: 50 });
  fc.assert(
    fc.property(number, number, number, fc.integer({ min: 1, max: 300 }), (required, prepared, active, columns) => {
      expect(progressBar(view({ required, prepared, active }), columns).length).toBeLessThan(columns);
    }),
  );
});
