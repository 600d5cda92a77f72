import { expect, test } from '@jest/globals';
import type { RevisionId } from './identifiers.ts';
import { rolloutTraceOf } from './rollout-trace.ts';

const REVISION: RevisionId = { setUid: 'uid-1', n: 7, digest: `sha256:${'a'.repeat(64)}` };

test('everyone who knows a revision knows the ids of its trace, and no other revision has them', () => {
  const trace = rolloutTraceOf(REVISION);
  expect(rolloutTraceOf({ ...REVISION })).toEqual(trace);
  const others = [
    { ...REVISION, n: 8 },
    { ...REVISION, setUid: 'uid-2' },
    { ...REVISION, digest: `sha256:${'b'.repeat(64)}` } as const,
  ].map((other) => rolloutTraceOf(other));
  expect(new Set([trace, ...others].map(({ traceId }) => traceId)).size).toBe(4);
  expect(new Set([trace, ...others].map(({ spanId }) => spanId)).size).toBe(4);
});

test('the ids are as Trace Context wants them, and stay the same from version to version', () => {
  expect(rolloutTraceOf(REVISION)).toEqual({ traceId: 'fe1d6a9b2a6eb8559e6e85dfbe3cf7dd', spanId: '5e30029404a5cee7' });
});
