import { clockOffset, type ClockSample } from '../clock-offset.ts';
import { CLOCK_ERROR_MAX_MS, COMMIT_AHEAD_MAX_MS } from '../limits.ts';
import type { Commit } from '../messages.ts';
import type { CommitTerms } from './state.ts';

/**
 * The terms of a commit in the PDP's own time. A moment that has passed, or about which the PDP is in too much doubt, or
 * that lies so far ahead that some clock must be wrong, is now, and the answer says so.
 */
export function termsOf({ share, activateAt }: Commit, samples: readonly ClockSample[], now: number): CommitTerms {
  const part = share === undefined ? {} : { share };
  if (activateAt === undefined) return part;
  const clock = clockOffset(samples, now);
  if (clock === undefined || clock.errorMs > CLOCK_ERROR_MAX_MS) return { ...part, timing: 'ClockUnsure' };
  const dueAt = activateAt - clock.offset;
  if (dueAt <= now) return { ...part, timing: 'Late' };
  return dueAt - now > COMMIT_AHEAD_MAX_MS ? { ...part, timing: 'ClockUnsure' } : { ...part, dueAt, timing: 'OnTime' };
}
