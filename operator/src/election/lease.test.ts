import { expect, test } from '@jest/globals';
import { ELECTION_TIMING, hasLost, mayHold, NOT_ELECTED, observeLease, type LeaseView } from './lease.ts';

const held = (renewal: string, holder = 'other'): LeaseView => ({ holder, durationMs: 6000, renewal });

test.each([
  ['nobody has made the Lease', undefined, 0, true],
  ['nobody holds it', held('a', ''), 0, true],
  ['we hold it', held('a', 'me'), 0, true],
  ['another holds it', held('a'), 6000, false],
  ['another held it and has not renewed it for its duration', held('a'), 6001, true],
])('%s', (_name, view, afterMs, expected) => {
  expect(mayHold(observeLease(NOT_ELECTED, view, 1000), 'me', 1000 + afterMs)).toBe(expected);
});

test('a renewal starts the wait anew, an unchanged Lease does not', () => {
  const first = observeLease(NOT_ELECTED, held('a'), 0);
  expect(mayHold(observeLease(first, held('a'), 5000), 'me', 6001)).toBe(true);
  expect(mayHold(observeLease(first, held('b'), 5000), 'me', 6001)).toBe(false);
});

test('a holder steps down before another may take over', () => {
  const leading = { ...NOT_ELECTED, heldSinceMs: 0 };
  expect(hasLost(leading, ELECTION_TIMING, ELECTION_TIMING.renewDeadlineMs)).toBe(false);
  expect(hasLost(leading, ELECTION_TIMING, ELECTION_TIMING.renewDeadlineMs + 1)).toBe(true);
  expect(ELECTION_TIMING.renewDeadlineMs + ELECTION_TIMING.retryMs).toBeLessThan(ELECTION_TIMING.leaseMs);
  // Who dies is followed within ten seconds: his last renewal may be seen one try late, and the first try after its end, too.
  expect(ELECTION_TIMING.leaseMs + 2 * ELECTION_TIMING.retryMs).toBeLessThan(10_000);
  // A renewal that fails is tried again, several times.
  expect(ELECTION_TIMING.renewMs + 5 * ELECTION_TIMING.retryMs).toBeLessThan(ELECTION_TIMING.renewDeadlineMs);
});
