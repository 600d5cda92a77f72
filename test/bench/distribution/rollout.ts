import type { PolicyRevision } from '@edict/crds';
import { epochMs } from '../../support/cluster-client.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Fleet } from './fleet.ts';
import type { PdpReport } from './fleet-messages.ts';
import type { Site } from './site.ts';

/** What one edit took; milliseconds, one number per PDP where it is a list. */
export interface RolloutFigures {
  readonly n: number;
  /** When the edit was sent, milliseconds since the epoch. */
  readonly editedAt: number;
  /** From sending the edit to the revision that was made of it. */
  readonly created: number;
  /** From sending the edit to each PDP's Prepared. */
  readonly prepared: readonly number[];
  /** From the decision, as it is in the revision's status, to each PDP's swap. */
  readonly active: readonly number[];
  /** From the first swap to the last. */
  readonly skew: number;
  /** From sending the edit to the status that says that the rollout is complete. */
  readonly completed: number;
}

/** The wave that everyone is in. */
function decisionOf(revision: PolicyRevision | undefined): { readonly at: number; readonly type: string } | undefined {
  const wave = revision?.status?.waves?.[0];
  if (wave?.decidedAt === undefined || wave.decision === undefined) return undefined;
  return { at: Date.parse(wave.decidedAt), type: wave.decision };
}

/** Newest revision that the API server shows; 0 for none. */
export function newestRevision(site: Site): number {
  return Math.max(0, ...site.revisions().keys());
}

/** Resolves when a revision newer than `before` is decided Commit, as soon as the watch shows it. */
export async function untilDecided(site: Site, before: number, timeoutMs: number): Promise<number> {
  return waitFor(
    `a revision after ${before} to be decided`,
    () => {
      for (const [n, revision] of site.revisions()) {
        const decision = n > before ? decisionOf(revision) : undefined;
        if (decision?.type === 'Commit') return n;
        if (decision !== undefined) throw new Error(`revision ${n} ended with ${decision.type}`);
      }
      return undefined;
    },
    { timeoutMs, intervalMs: 2 },
  );
}

/** Resolves when the status of a revision says that its rollout is complete. */
export async function untilCompleted(site: Site, n: number, timeoutMs: number): Promise<void> {
  await waitFor(`revision ${n} to be complete`, () => site.revisions().get(n)?.status?.phase === 'Completed', {
    timeoutMs,
    intervalMs: 5,
  });
}

/** Edits the policy, and takes the times of all. */
export async function measureRollout(site: Site, fleet: Fleet, timeoutMs: number): Promise<RolloutFigures> {
  const before = newestRevision(site);
  const editedAt = epochMs();
  await site.edit();
  const n = await untilDecided(site, before, timeoutMs);
  await untilCompleted(site, n, timeoutMs);
  const completed = epochMs() - editedAt;
  const pdps = await fleet.until(`all to serve revision ${n}`, ({ active }) => active >= n, { timeoutMs });
  const revision = site.revisions().get(n);
  const decidedAt = decisionOf(revision)?.at ?? Number.NaN;
  const active = timesOf(pdps, n, 'active');
  return {
    n,
    editedAt,
    created: Date.parse(revision?.spec.createdAt ?? '') - editedAt,
    prepared: timesOf(pdps, n, 'prepared').map((at) => at - editedAt),
    active: active.map((at) => at - decidedAt),
    skew: Math.max(...active) - Math.min(...active),
    completed,
  };
}

function timesOf(pdps: readonly PdpReport[], n: number, what: 'prepared' | 'active'): readonly number[] {
  return pdps.map(({ name, moments }) => {
    const at = moments[n]?.[what];
    if (at === undefined) throw new Error(`${name} was never ${what} with revision ${n}`);
    return at;
  });
}
