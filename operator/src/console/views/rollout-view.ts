import type { PolicyRevision } from '@edict/crds';
import { parseCause } from '../../controllers/abort-cause.ts';
import { stateOf } from '../../controllers/world.ts';
import type { HoldReason, PdpCounts, RolloutView, ShadowView } from '../wire.ts';
import { phaseOfRevision } from './phase.ts';
import { toldOf, type SetSight } from './sight.ts';
import { currentWave, wavesOf } from './waves-view.ts';

/** Nobody anywhere. */
export const NO_COUNTS: PdpCounts = {
  required: 0,
  connected: 0,
  prepared: 0,
  active: 0,
  nacked: 0,
  laggards: 0,
  missing: 0,
};

/** How one revision was, or is being, rolled out. */
export function rolloutView(sight: SetSight, revision: PolicyRevision): RolloutView {
  const { spec, status = {} } = revision;
  const told = toldOf(sight, spec.n);
  const hold = told === undefined ? status.hold : told.hold;
  const shadow = shadowView(sight, revision);
  const analysis = told?.analysis ?? status.analysis;
  const cause = status.cause === undefined ? undefined : parseCause(status.cause);
  return {
    revision: spec.n,
    digest: spec.digest,
    phase: phaseOfRevision(sight, revision),
    isOpen: stateOf(revision) === 'Open',
    ...(hold === undefined ? {} : { hold: { reason: hold.reason as HoldReason, message: hold.message } }),
    ...(cause === undefined ? {} : { cause }),
    createdAt: spec.createdAt,
    ...(status.preparingSince === undefined ? {} : { preparingSince: status.preparingSince }),
    waves: wavesOf(sight, revision),
    wave: currentWave(sight, revision),
    ...(shadow === undefined ? {} : { shadow }),
    ...(analysis === undefined ? {} : { analysis }),
    counts: told?.counts ?? countsOf(revision),
  };
}

/** What live requests showed. */
export function shadowView(sight: SetSight, { spec, status }: PolicyRevision): ShadowView | undefined {
  const told = toldOf(sight, spec.n)?.shadow;
  if (told === undefined) return status?.shadow;
  const { verdict, message, counts, samples } = told;
  return { verdict, message, ...counts, samples };
}

/** Counts as the status of a revision keeps them. */
function countsOf({ status }: PolicyRevision): PdpCounts {
  const [prepared, required] = figures(status?.preparedCount);
  const [active] = figures(status?.activeCount);
  return { ...NO_COUNTS, required, prepared, active, nacked: status?.nackedCount ?? 0 };
}

function figures(text = '0/0'): readonly [number, number] {
  const [part, whole] = text.split('/').map(Number);
  return [part ?? 0, whole ?? 0];
}
