import type { PdpState, SetMachine } from '@edict/protocol';
import type { ActiveSets } from './active-sets.ts';
import type { Readiness } from './http/service-routes.ts';

/** So long a first active set waits for others that come from the operator; a set that takes longer is not waited for. */
export const FIRST_SETS_WAIT_MS = 10_000;

/**
 * Whether requests should be sent to this PDP. It becomes ready when it has a snapshot and no other set is on its way to its
 * first one. From then on it stays so as long as it has any: a set that is assigned later, or is broken, takes no PDP out of
 * service, and is answered with 503 for itself alone. What was on disk is waited for until it is loaded or has failed, what
 * the operator has only offered for {@link FIRST_SETS_WAIT_MS}. While the lease of every set has ended that answers only as
 * long as its lease lasts, it is not ready.
 */
export class ReadinessGate {
  readonly #monotonicMs: () => number;
  #firstActiveAt: number | undefined;
  #opened = false;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Whether it was seen that no set which was there from the start is on its way to its first snapshot. */
  get hasOpened(): boolean {
    return this.#opened;
  }

  /** Looks at the sets as they are now. `fallbackProblem` is why no fallback source helps, where some were asked. */
  look(sets: ActiveSets, { sets: machines }: PdpState, fallbackProblem?: string): Readiness {
    const waiting = [...machines.values()].filter(({ set, active }) => active === undefined && !sets.held.has(set));
    const loading = waiting.map(({ set }) => set).sort();
    if (sets.held.size === 0) {
      const asked =
        fallbackProblem === undefined
          ? ''
          : ` No operator answers, and fallback sources do not help: ${fallbackProblem}.`;
      return { ready: false, problem: 'no-policy', detail: `No policy is active yet.${asked}`, loading };
    }
    this.#firstActiveAt ??= this.#monotonicMs();
    const patient = this.#monotonicMs() - this.#firstActiveAt < FIRST_SETS_WAIT_MS;
    this.#opened ||= !waiting.some((machine) => isBooting(machine) || (patient && isOnItsWay(machine)));
    if (this.#opened && !mayAnswer(sets, this.#monotonicMs())) {
      const detail = 'Nobody vouches at present for any policy that is held here.';
      return { ready: false, problem: 'stale', detail, loading };
    }
    if (this.#opened) return { ready: true, loading };
    return { ready: false, problem: 'loading', detail: 'Some policy sets are loading for the first time.', loading };
  }
}

/** Whether any set may answer: that others may not is for their callers alone. */
function mayAnswer({ held, leases }: ActiveSets, nowMs: number): boolean {
  for (const set of held.keys()) if (leases.of(set).judge(nowMs * 1e6).act !== 'NotReady') return true;
  return false;
}

function isBooting({ job }: SetMachine): boolean {
  return job?.kind === 'Boot';
}

function isOnItsWay({ job, activation, commitWhenFree }: SetMachine): boolean {
  return job !== undefined || activation !== undefined || commitWhenFree !== undefined;
}
