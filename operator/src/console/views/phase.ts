import type { PolicyRevision } from '@edict/crds';
import { parseCause } from '../../controllers/abort-cause.ts';
import { phaseOf } from '../../controllers/policy-set/status.ts';
import { stateOf } from '../../controllers/world.ts';
import type { Phase } from '../wire.ts';
import type { SetSight } from './sight.ts';

/** The phase at this moment, by the durable decisions and what the distribution says. */
export function phaseOfRevision({ progress }: SetSight, revision: PolicyRevision): Phase {
  const { spec, status } = revision;
  const state = stateOf(revision);
  const cause = status?.cause === undefined ? undefined : parseCause(status.cause);
  const isAbout = progress?.revision === spec.n;
  // Without the distribution what is written counts; of a committed one it alone knows whether it was completed.
  if (!isAbout && status?.phase !== undefined && (state === 'Open' || state === 'Committed')) return status.phase;
  return phaseOf({ n: spec.n, state, cause }, progress);
}
