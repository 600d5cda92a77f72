import { describe, expect, test } from '@jest/globals';
import { aRevision } from '../testing/builders.ts';
import { anObservation } from '../testing/rollout-driver.ts';
import { Ledger } from './ledger.ts';
import { ONLY_WAVE, type SetObservation } from './observation.ts';

const AT = { mono: 100, wall: 1_000 };
const FIRST = { index: 0, final: false, principals: 500 };
const abort = { type: 'Abort', cause: { reason: 'Nack', message: 'no' } } as const;

function ledger(change: Partial<SetObservation>): Ledger {
  const observation = anObservation(change);
  const made = new Ledger(observation);
  made.observe(observation, 0);
  return made;
}

const ns = (revisions: readonly { readonly revision: { readonly n: number } }[]) =>
  revisions.map(({ revision }) => revision.n);

describe('an older view of the store takes nothing back', () => {
  const open = { committed: aRevision(1), undecided: [aRevision(2)] };

  test('of a last wave', () => {
    const known = ledger(open);
    known.decided(aRevision(2), ONLY_WAVE, { type: 'Commit' }, AT);
    known.observe(anObservation(open), 200);
    expect(known.committed?.n).toBe(2);
    expect(known.open).toEqual([]);
  });

  test('of a first wave', () => {
    const known = ledger(open);
    known.decided(aRevision(2), FIRST, { type: 'Commit' }, AT);
    known.observe(anObservation(open), 200);
    expect(known.open).toMatchObject([{ record: { decided: [{ index: 0, principals: 500, decidedAt: 1_000 }] } }]);
    expect(ns(known.partial)).toEqual([2]);
  });

  test('of an end before any wave', () => {
    const known = ledger(open);
    known.decided(aRevision(2), ONLY_WAVE, abort, AT);
    known.observe(anObservation(open), 200);
    expect(known.open).toEqual([]);
    expect(known.isAborted(2)).toBe(true);
    expect(known.failedDigests(() => true)).toEqual([aRevision(2).digest]);
    expect(known.failedDigests(() => false)).toEqual([]);
  });

  test('of an end after a wave', () => {
    const known = ledger(open);
    known.decided(aRevision(2), FIRST, { type: 'Commit' }, AT);
    known.decided(aRevision(2), { index: 1, final: true }, abort, AT);
    known.observe(anObservation(open), 200);
    expect(known.open).toEqual([]);
    expect(known.stopped).toMatchObject([{ revision: { n: 2 }, cause: { reason: 'Nack' } }]);
    expect(ns(known.partial)).toEqual([2]);
  });

  test('of a content that failed, when a newer revision is committed meanwhile', () => {
    const known = ledger({ committed: aRevision(1), undecided: [aRevision(2), aRevision(3)] });
    known.decided(aRevision(2), ONLY_WAVE, abort, AT);
    known.decided(aRevision(3), ONLY_WAVE, { type: 'Commit' }, AT);
    expect(known.committed?.n).toBe(3);
    expect(known.failedDigests(() => true)).toEqual([aRevision(2).digest]);
  });

  test('and what is committed does not fall', () => {
    const known = ledger({ committed: aRevision(4) });
    known.observe(anObservation({ committed: aRevision(3), undecided: [aRevision(4)] }), 200);
    expect(known.committed?.n).toBe(4);
    expect(known.open).toEqual([]);
  });
});

test('what is served in part is ordered newest first, and ends with a newer committed revision', () => {
  const decided = [{ index: 0, decidedAt: 0, principals: 500 }];
  const stopped = [{ revision: aRevision(2), decided, cause: abort.cause }];
  const rollouts = new Map([[3, { decided }]]);
  const known = ledger({ committed: aRevision(1), stopped, undecided: [aRevision(3)], rollouts });
  expect(ns(known.partial)).toEqual([3, 2]);
  known.observe(anObservation({ committed: aRevision(3), stopped }), 1);
  expect(known.partial).toEqual([]);
});

describe('the last commit beside a revision', () => {
  test('is when it became known here, and moves with every wave', () => {
    const known = ledger({ committed: aRevision(1), undecided: [aRevision(2)] });
    expect(known.lastCommitBeside(2)).toBe(0);
    known.decided(aRevision(2), FIRST, { type: 'Commit' }, { mono: 50, wall: 0 });
    expect(known.lastCommitBeside(2)).toBe(0);
    expect(known.lastCommitBeside(3)).toBe(50);
    known.decided(aRevision(2), { index: 1, final: true }, { type: 'Commit' }, { mono: 70, wall: 0 });
    expect(known.lastCommitBeside(3)).toBe(70);
  });

  test('does not exist for the first revision', () => {
    expect(ledger({ undecided: [aRevision(1)] }).lastCommitBeside(1)).toBeUndefined();
  });
});

test('another set of the same name starts with nothing', () => {
  const known = ledger({ committed: aRevision(4), undecided: [aRevision(5)] });
  known.reset();
  expect([known.committed, known.open, known.partial]).toEqual([undefined, [], []]);
});
