import type { PolicyRevision } from '@edict/crds';
import { manifestOf } from '../../controllers/manifest-text.ts';
import { wishOf } from '../../controllers/user-requests.ts';
import { committedOf, stateOf } from '../../controllers/world.ts';
import type { RevisionDetail, RevisionSummary, Series } from '../wire.ts';
import { phaseOfRevision, rolloutView } from './rollout-view.ts';
import type { SetSight } from './sight.ts';

/** One line of the history. */
export function revisionSummary(sight: SetSight, revision: PolicyRevision): RevisionSummary {
  const { metadata, spec, status = {} } = revision;
  const { by, reason: why } = wishOf(metadata, 'revision');
  const { cause, completedAt, convergenceMilliseconds, skewMilliseconds } = status;
  return {
    n: spec.n,
    digest: spec.digest,
    parent: spec.parent,
    reason: spec.reason,
    ...(spec.rollbackOf === undefined ? {} : { rollbackOf: spec.rollbackOf }),
    ...(by === undefined ? {} : { by }),
    ...(why === undefined ? {} : { why }),
    createdAt: spec.createdAt,
    phase: phaseOfRevision(sight, revision),
    ...(cause === undefined ? {} : { cause }),
    isCommitted: stateOf(revision) === 'Committed',
    isServing: committedOf(sight.revisions)?.spec.n === spec.n,
    ...(completedAt === undefined ? {} : { completedAt }),
    ...(convergenceMilliseconds === undefined ? {} : { convergenceMs: convergenceMilliseconds }),
    ...(skewMilliseconds === undefined ? {} : { skewMs: skewMilliseconds }),
    ...(status.preparedCount === undefined ? {} : { prepared: status.preparedCount }),
    ...(status.activeCount === undefined ? {} : { active: status.activeCount }),
    ...(status.nackedCount === undefined ? {} : { nacked: status.nackedCount }),
    domains: manifestOf(revision).domains.length,
  };
}

/** Everything of one revision. */
export function revisionDetail(sight: SetSight, revision: PolicyRevision, now: string): RevisionDetail {
  const manifest = manifestOf(revision);
  const exceptions = revision.status?.exceptions ?? [];
  return {
    now,
    summary: revisionSummary(sight, revision),
    rollout: rolloutView(sight, revision),
    domains: manifest.domains.map(({ namespace, name, digest, generation, size }) => ({
      namespace,
      name,
      digest,
      generation,
      size,
    })),
    tests: manifest.tests,
    signedBy: revision.spec.keyId,
    exceptions: exceptions.map(({ node, state, active = 0, reason = '' }) => ({ node, state, active, reason })),
  };
}

/** How long each revision took to reach everyone, and how far apart its swaps were. */
export function seriesOf({ revisions }: SetSight, now: string): Series {
  const points = revisions.flatMap(({ spec, status }) => {
    const { convergenceMilliseconds: convergenceMs, skewMilliseconds: skewMs } = status ?? {};
    if (convergenceMs === undefined || skewMs === undefined) return [];
    return [{ n: spec.n, at: status?.completedAt ?? spec.createdAt, convergenceMs, skewMs, reason: spec.reason }];
  });
  return { now, points };
}
