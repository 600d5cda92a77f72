import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { aRevision } from '../testing/builders.ts';
import { someOptions } from '../testing/rollout-driver.ts';
import { Cohorts } from './cohorts.ts';
import type { NodeTraits } from './identity.ts';
import type { DecidedWave, NodeSelection, Wave } from './observation.ts';
import { ALL, chosenShare, isForAll, isSelected, planWaves, principalSalt, waveRef, WHOLE } from './waves.ts';

const share = (principals: number): Wave => ({ principals, soakMs: 60_000, needsApproval: false });
const zoneA: Wave = { nodes: { zones: ['a'] }, soakMs: 0, needsApproval: true };
const revision = aRevision(2);

describe('the plan', () => {
  const plan = (waves: readonly Wave[] | undefined, decided: readonly DecidedWave[] = []) =>
    planWaves(revision, decided, someOptions(waves === undefined ? {} : { waves }), true);

  test.each<[string, readonly Wave[] | undefined, readonly Wave[]]>([
    ['without waves is one of all', undefined, [ALL]],
    ['with an empty list is one of all', [], [ALL]],
    ['ends with all, if the list does not', [share(500), zoneA], [share(500), zoneA, ALL]],
    [
      'ends with the first that is for all',
      [share(500), { ...ALL, soakMs: 5 }, zoneA],
      [share(500), { ...ALL, soakMs: 5 }],
    ],
    ['takes a share of everyone for all', [share(500), share(WHOLE), zoneA], [share(500), share(WHOLE)]],
  ])('%s', (_name, waves, expected) => {
    expect(plan(waves)).toEqual(expected);
  });

  test('has at most 64 waves', () => {
    expect(plan(Array.from({ length: 100 }, (_, index) => share(index + 1)))).toHaveLength(64);
  });

  test('keeps what was decided whatever the options say by now, and takes the waves to come from them', () => {
    const decided = [{ index: 0, decidedAt: 1, principals: 500 }];
    expect(plan([share(9_000), zoneA], decided)).toEqual([share(500), zoneA, ALL]);
    expect(plan(undefined, decided)).toEqual([{ principals: 500, soakMs: 0, needsApproval: false }, ALL]);
  });

  test.each(['Rollback', 'Withdraw', 'Emergency'] as const)('of reason %s has one wave', (reason) => {
    expect(planWaves(aRevision(2, { reason }), [], someOptions({ waves: [share(500)] }), true)).toEqual([ALL]);
  });

  test('of the first revision has one wave: there is nothing to give to the others', () => {
    expect(planWaves(revision, [], someOptions({ waves: [share(500)] }), false)).toEqual([ALL]);
  });

  test('decisions name whom a wave reaches, and which is the last', () => {
    const waves = [share(500), zoneA, ALL];
    expect(waveRef(waves, 0)).toEqual({ index: 0, final: false, principals: 500 });
    expect(waveRef(waves, 1)).toEqual({ index: 1, final: false, nodes: { zones: ['a'] } });
    expect(waveRef(waves, 2)).toEqual({ index: 2, final: true });
  });

  test('the last wave alone is for all, of any list', () => {
    const wave = fc.oneof(fc.integer({ min: 1, max: WHOLE }).map(share), fc.constantFrom(zoneA, ALL));
    fc.assert(
      fc.property(fc.array(wave, { maxLength: 70 }), fc.nat(5), (waves, count) => {
        const decided = Array.from({ length: count }, (_, index) => ({ index, decidedAt: 0, principals: index + 1 }));
        const planned = plan(waves, decided);
        expect(planned.length).toBeGreaterThan(count);
        expect(planned.findIndex(isForAll)).toBe(planned.length - 1);
      }),
    );
  });
});

test.each<[string, NodeSelection, NodeTraits | undefined, boolean]>([
  ['nothing asked of an unknown PDP', {}, undefined, true],
  ['a label that it has', { labels: { tier: 'x' } }, { labels: { tier: 'x', a: 'b' } }, true],
  ['a label of another value', { labels: { tier: 'x' } }, { labels: { tier: 'y' } }, false],
  ['a label of an unknown PDP', { labels: { tier: 'x' } }, undefined, false],
  ['one of its zones', { zones: ['a', 'b'] }, { zone: 'b' }, true],
  ['another zone', { zones: ['a'] }, { zone: 'b' }, false],
  ['a zone of a PDP without one', { zones: ['a'] }, {}, false],
  ['both, and it has one', { zones: ['a'], labels: { tier: 'x' } }, { zone: 'a' }, false],
])('selection by %s', (_name, selection, traits, selected) => {
  expect(isSelected(selection, traits)).toBe(selected);
});

describe('a share of the PDPs', () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 40 });

  test('has as many as it says, rounded up, and at least one', () => {
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 100 }), (nodes, percent) => {
        expect(chosenShare(nodes, percent, 'salt').size).toBe(
          Math.max(1, Math.ceil((nodes.length * percent) / 100 - 1e-9)),
        );
      }),
    );
  });

  test('does not depend on the order in which PDPs are known, and grows with the share', () => {
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 99 }), (nodes, percent) => {
        const chosen = chosenShare(nodes, percent, 'salt');
        expect(chosenShare(nodes.toReversed(), percent, 'salt')).toEqual(chosen);
        const more = chosenShare(nodes, percent + 1, 'salt');
        for (const node of chosen) expect(more.has(node)).toBe(true);
      }),
    );
  });

  test('moves by at most one when one PDP comes', () => {
    fc.assert(
      fc.property(names, fc.string({ minLength: 1 }), (nodes, other) => {
        if (nodes.includes(other)) return;
        const before = chosenShare(nodes, 30, 'salt');
        const after = chosenShare([...nodes, other], 30, 'salt');
        const left = [...before].filter((node) => !after.has(node));
        expect(left.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('is another one with another salt', () => {
    const nodes = Array.from({ length: 40 }, (_, index) => `node-${index}`);
    expect(chosenShare(nodes, 10, 'uid-1/1')).not.toEqual(chosenShare(nodes, 10, 'uid-1/2'));
  });

  test('of nobody is nobody', () => {
    expect(chosenShare([], 50, 'salt').size).toBe(0);
  });
});

describe('what waves give a PDP', () => {
  const traits = new Map<string, NodeTraits>([['a', { zone: 'a' }]]);
  const nodes = new Set(['a', 'b', 'c', 'd']);
  const table = () => new Cohorts({ nodes, traitsOf: (nodeId) => traits.get(nodeId) });

  test.each<[string, string, readonly Wave[], number, number]>([
    ['before any wave: nothing', 'a', [share(500), ALL], 0, 0],
    ['a share of its principals', 'a', [share(500), ALL], 1, 500],
    ['the greatest share so far', 'b', [share(500), share(200), ALL], 2, 500],
    ['everything in its own zone', 'a', [share(500), zoneA, ALL], 2, WHOLE],
    ['the share elsewhere', 'b', [share(500), zoneA, ALL], 2, 500],
    ['nothing of a wave for others', 'b', [zoneA, ALL], 1, 0],
    ['everything with the last', 'b', [zoneA, ALL], 2, WHOLE],
  ])('%s', (_name, nodeId, waves, count, expected) => {
    expect(table().coverage(nodeId, revision, waves, count)).toBe(expected);
  });

  test('who is in a share stays in it when others come', () => {
    const cohorts = table();
    const quarter: Wave = { nodes: { sharePercent: 25 }, soakMs: 0, needsApproval: false };
    const reached = () => [...nodes].filter((nodeId) => cohorts.coverage(nodeId, revision, [quarter], 1) === WHOLE);
    const [first] = reached();
    expect(reached()).toHaveLength(1);
    for (let index = 0; index < 40; index += 1) nodes.add(`later-${index}`);
    expect(reached()).toEqual([first]);
    cohorts.changed();
    expect(reached()).toContain(first);
    expect(reached().length).toBeGreaterThanOrEqual(11);
  });
});

test('revisions over one committed revision share a salt, and a set made anew has another', () => {
  expect(principalSalt('uid-1', 4)).toBe('uid-1/4');
  expect(principalSalt('uid-2', 4)).not.toBe(principalSalt('uid-1', 4));
});
