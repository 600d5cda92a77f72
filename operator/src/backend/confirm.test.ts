import { expect, test } from '@jest/globals';
import type { PolicyRevision } from '@edict/crds';
import type { ObjectVersion } from '../store/store.ts';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import { CATCH_UP_MS, confirmRevisions, type ConfirmDeps } from './confirm.ts';

const KEY = { namespace: 'shop', name: 'till-1' };

/** A store that holds version 7, and a watch that shows another. */
function aWorld(seen: string | undefined) {
  const clock = new ManualClock();
  const listeners = new Set<() => void>();
  let version = seen;
  const revision = () =>
    version === undefined ? undefined : ({ metadata: { ...KEY, resourceVersion: version } } as PolicyRevision);
  const versions: readonly ObjectVersion[] = [{ key: KEY, resourceVersion: '7' }];
  const deps: ConfirmDeps = {
    store: { listVersions: () => Promise.resolve(versions) },
    world: { revisions: { get: revision } as unknown as ConfirmDeps['world']['revisions'] },
    clock,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const show = (next: string): void => {
    version = next;
    for (const listener of [...listeners]) listener();
  };
  return { deps, clock, show, listeners };
}

const signal = (): AbortSignal => new AbortController().signal;

test.each(['7', '8', '10'])('a watch at version %s has seen version 7', async (seen) => {
  const { deps, clock } = aWorld(seen);
  await confirmRevisions(deps, signal());
  expect(clock.waiting()).toStrictEqual([]);
});

test.each([undefined, '6'])('a watch at version %s is waited for', async (seen) => {
  const { deps, show, clock, listeners } = aWorld(seen);
  let isDone = false;
  const waiting = confirmRevisions(deps, signal()).then(() => (isDone = true));
  await settle();
  expect(isDone).toBe(false);
  show('7');
  await waiting;
  expect([clock.waiting(), listeners.size]).toStrictEqual([[], 0]);
});

test('a watch that does not get there in time confirms nothing', async () => {
  const { deps, clock, listeners } = aWorld('6');
  let code: unknown;
  const waiting = confirmRevisions(deps, signal()).catch((error: unknown) => {
    code = (error as { code?: unknown }).code;
  });
  await clock.advance(CATCH_UP_MS);
  await waiting;
  expect(code).toBe('Unavailable');
  expect(listeners.size).toBe(0);
});

test('a store without versions shows everything at once', async () => {
  const { deps } = aWorld('6');
  await expect(confirmRevisions({ ...deps, store: {} }, signal())).resolves.toBeUndefined();
});
