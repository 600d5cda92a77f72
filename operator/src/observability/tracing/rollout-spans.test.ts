import { expect, test } from '@jest/globals';
import type { RolloutPhase, RolloutProgress } from '@edict/protocol';
import { RolloutSpans, type RolloutSpan } from './rollout-spans.ts';

const SET = 'default/payments';
const DIGEST = `sha256:${'0'.repeat(64)}`;
const COUNTS = { required: 2, connected: 2, prepared: 2, active: 0, nacked: 0, laggards: 0, missing: 0 };

function aProgress(phase: RolloutPhase, change: Partial<RolloutProgress> = {}): RolloutProgress {
  return {
    ...{ set: SET, setUid: 'uid-1', revision: 7, digest: DIGEST, phase, committed: 6, counts: COUNTS, exceptions: [] },
    ready: { status: 'False', reason: 'Progressing', message: '' },
    ...change,
  };
}

const wave = (index: number): Pick<RolloutProgress, 'wave'> => ({
  wave: { index, count: 2, required: 1, active: 0, serving: 0, decided: [] },
});

/** What is told of a rollout, at its times, as `name start-end`. */
function told(...steps: readonly (readonly [number, RolloutProgress])[]): {
  readonly spans: readonly RolloutSpan[];
  readonly names: readonly string[];
} {
  const spans: RolloutSpan[] = [];
  const fold = new RolloutSpans((span) => spans.push(span));
  for (const [at, progress] of steps) fold.progress(progress, at);
  return { spans, names: spans.map(({ name, startMs, endMs }) => `${name} ${startMs}-${endMs}`) };
}

test('a rollout is a span, and so is each of its parts, from turn to turn', () => {
  const { spans, names } = told(
    [100, aProgress('Preparing', { preparingSince: 90 })],
    [200, aProgress('Preparing', { preparingSince: 90 })],
    [300, aProgress('Committing', { preparingSince: 90, decidedAt: 290 })],
    [
      410,
      aProgress('Completed', { preparingSince: 90, decidedAt: 290, completedAt: 400, convergenceMs: 320, skewMs: 4 }),
    ],
    [900, aProgress('Completed', { preparingSince: 90, decidedAt: 290, completedAt: 400 })],
  );
  expect(names).toEqual(['prepare 90-290', 'commit 290-400', 'rollout 90-400']);
  expect(spans.map(({ revision }) => revision)).toEqual(
    Array.from({ length: 3 }, () => ({ setUid: 'uid-1', n: 7, digest: DIGEST })),
  );
  expect(spans[0]?.attributes).toMatchObject({ 'edict.set': SET, 'edict.revision': 7, 'edict.pdps.prepared': 2 });
  expect(spans[2]?.attributes).toMatchObject({
    'edict.outcome': 'Completed',
    'edict.convergence_ms': 320,
    'edict.skew_ms': 4,
  });
  expect(spans[2]?.error).toBeUndefined();
});

test('each wave has parts of its own, and what held one up is told with it', () => {
  const hold = { reason: 'Soak', message: '10 s to go' } as const;
  const { spans, names } = told(
    [10, aProgress('Preparing', wave(0))],
    [20, aProgress('Committing', { ...wave(0), decidedAt: 20 })],
    [30, aProgress('Soaking', { ...wave(0), decidedAt: 20, hold })],
    [90, aProgress('Preparing', { ...wave(1), decidedAt: 20 })],
    [95, aProgress('Committing', { ...wave(1), decidedAt: 94 })],
    [99, aProgress('Completed', { decidedAt: 94, completedAt: 98 })],
  );
  expect(names).toEqual([
    ...['prepare 10-20', 'commit 20-30', 'soak 30-90', 'prepare 90-94', 'commit 94-98'],
    'rollout 10-98',
  ]);
  expect(spans.map(({ attributes }) => attributes['edict.wave'])).toEqual([0, 0, 0, 1, 1, undefined]);
  expect(spans[2]?.attributes['edict.hold']).toBe('Soak');
});

test('one that is given up is an error, with its cause', () => {
  const cause = { reason: 'Nack', message: 'default/pdp-1: var x is unsafe' } as const;
  const { spans, names } = told([10, aProgress('Preparing')], [30, aProgress('Aborted', { cause })]);
  expect(names).toEqual(['prepare 10-30', 'rollout 10-30']);
  expect(spans[1]).toMatchObject({
    error: 'Nack: default/pdp-1: var x is unsafe',
    attributes: { 'edict.outcome': 'Aborted', 'edict.cause': 'Nack' },
  });
});

test('a newer revision ends the rollout of the one before', () => {
  const { spans, names } = told([10, aProgress('Preparing')], [30, aProgress('Preparing', { revision: 8 })]);
  expect(names).toEqual(['prepare 10-30', 'rollout 10-30']);
  expect(spans[1]?.attributes['edict.outcome']).toBe('Superseded');
});

test('one that was over before anything was told of it has its times', () => {
  const times = { preparingSince: 10, decidedAt: 14, completedAt: 19 };
  expect(told([30, aProgress('Completed', times)], [31, aProgress('Completed', times)]).names).toEqual([
    ...['prepare 10-14', 'commit 14-19'],
    'rollout 10-19',
  ]);
});

test('one that ended in the time of another leader is no news, and nor is a set without revision', () => {
  expect(told([30, aProgress('Completed')], [40, aProgress('Pending', { revision: 0 })]).names).toEqual([]);
});

test('a set that is removed ends its rollout, and is forgotten', () => {
  const spans: RolloutSpan[] = [];
  const fold = new RolloutSpans((span) => spans.push(span));
  fold.progress(aProgress('Paused'), 10);
  fold.forget(SET, 15);
  fold.forget(SET, 16);
  expect(spans.map(({ name, startMs, endMs }) => `${name} ${startMs}-${endMs}`)).toEqual([
    'pause 10-15',
    'rollout 10-15',
  ]);
  expect(spans[1]?.attributes['edict.outcome']).toBe('Removed');
});

test('a clock that jumps back makes no span end before it began', () => {
  expect(told([50, aProgress('Preparing')], [20, aProgress('Aborted')]).names).toEqual([
    'prepare 50-50',
    'rollout 50-50',
  ]);
});
