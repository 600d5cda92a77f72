import type { PolicyRevision } from '@edict/crds';
import { rfc3339Millis } from '../../clock.ts';
import { manifestOf } from '../../controllers/manifest-text.ts';
import { wishOf } from '../../controllers/user-requests.ts';
import { committedOf, stateOf } from '../../controllers/world.ts';
import type { RevisionDetail, RevisionSummary, Series } from '../wire.ts';
import { phaseOfRevision } from './phase.ts';
import { rolloutView } from './rollout-view.ts';
import { toldOf, type SetSight } from './sight.ts';

/** One line of the history. */
export function revisionSummary(sight: SetSight, revision: PolicyRevision): RevisionSummary {
  const { metadata, spec, status = {} } = revision;
  const { by, reason: why } = wishOf(metadata, 'revision');
  const { cause } = status;
  const { completedAt, convergenceMs, skewMs } = figuresOf(sight, revision);
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
    ...(convergenceMs === undefined ? {} : { convergenceMs }),
    ...(skewMs === undefined ? {} : { skewMs }),
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
export function seriesOf(sight: SetSight, now: string): Series {
  const points = sight.revisions.flatMap((revision) => {
    const { n, createdAt, reason } = revision.spec;
    const { completedAt: at = createdAt, convergenceMs, skewMs } = figuresOf(sight, revision);
    return convergenceMs === undefined || skewMs === undefined ? [] : [{ n, at, convergenceMs, skewMs, reason }];
  });
  return { now, points };
}

/** As the status keeps them, which is written a moment after the distribution knows. */
function figuresOf(
  sight: SetSight,
  { spec, status }: PolicyRevision,
): {
  readonly completedAt?: string | undefined;
  readonly convergenceMs?: number | undefined;
  readonly skewMs?: number | undefined;
} {
  const told = toldOf(sight, spec.n);
  const completedAt = told?.completedAt === undefined ? undefined : rfc3339Millis(told.completedAt);
  return {
    completedAt: status?.completedAt ?? completedAt,
    convergenceMs: status?.convergenceMilliseconds ?? told?.convergenceMs,
    skewMs: status?.skewMilliseconds ?? told?.skewMs,
  };
}
