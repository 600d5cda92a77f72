import type { PolicyRevision } from '@edict/crds';
import { planWaves, type Wave, type WaveTarget } from '@edict/protocol';
import { signedOf } from '../../backend/observation.ts';
import { optionsOf } from '../../backend/rollout-options.ts';
import { approvedWaves, approver } from '../../controllers/user-requests.ts';
import { stateOf } from '../../controllers/world.ts';
import type { WaveView } from '../wire.ts';
import { phaseOfRevision } from './phase.ts';
import { toldOf, type SetSight } from './sight.ts';

type StoredWave = NonNullable<NonNullable<PolicyRevision['status']>['waves']>[number];

/** The waves of a revision: those that are decided as they were decided, those to come as the set says now. */
export function wavesOf(sight: SetSight, revision: PolicyRevision): readonly WaveView[] {
  const stored = [...(revision.status?.waves ?? [])].sort((a, b) => a.index - b.index);
  const isOpen = stateOf(revision) === 'Open';
  const planned = isOpen ? plannedOf(sight, revision, stored) : [];
  const count = Math.max(stored.length, planned.length, 1);
  const current = currentWave(sight, revision);
  return Array.from({ length: count }, (_, index) =>
    waveView(sight, revision, { index, count, current, plan: planned[index], stored: stored[index] }),
  );
}

/** The wave that is prepared for, committed or watched; the last one of a rollout that is over. */
export function currentWave(sight: SetSight, revision: PolicyRevision): number {
  const told = toldOf(sight, revision.spec.n);
  if (told?.wave !== undefined) return told.wave.index;
  const stored = revision.status?.waves ?? [];
  const decided = stored.filter(({ decision }) => decision === 'Commit').length;
  const isOver = stateOf(revision) !== 'Open';
  // As `number/count`, counted from 1.
  const written = Number.parseInt(revision.status?.wave ?? '', 10);
  if (!isOver && Number.isInteger(written)) return written - 1;
  return isOver ? Math.max(0, stored.length - 1) : decided;
}

function plannedOf(
  { set, revisions }: SetSight,
  revision: PolicyRevision,
  stored: readonly StoredWave[],
): readonly Wave[] {
  const hasBase = revisions.some((other) => other.spec.n < revision.spec.n && stateOf(other) === 'Committed');
  const decided = stored
    .filter(({ decision }) => decision === 'Commit')
    .map(({ index, target }) => ({ index, decidedAt: 0, ...(target as WaveTarget | undefined) }));
  return planWaves(signedOf(revision), decided, optionsOf(set), hasBase);
}

interface WaveParts {
  readonly index: number;
  readonly count: number;
  readonly current: number;
  readonly plan: Wave | undefined;
  readonly stored: StoredWave | undefined;
}

function waveView(sight: SetSight, revision: PolicyRevision, parts: WaveParts): WaveView {
  const { index, count, current, plan, stored } = parts;
  const target = (stored?.target ?? plan ?? {}) as WaveTarget;
  const told = toldOf(sight, revision.spec.n);
  const approval = approvalOf(revision, index);
  const figures = index === current ? (told?.wave ?? onlyWave(told)) : undefined;
  return {
    index,
    label: labelOf(target),
    ...(target.principals === undefined ? {} : { principals: target.principals }),
    ...(target.nodes === undefined ? {} : { nodes: target.nodes }),
    isFinal: stored === undefined ? index === count - 1 : stored.final !== false,
    soakMs: plan?.soakMs ?? 0,
    needsApproval: plan?.needsApproval ?? false,
    ...(approval?.by === undefined ? {} : { approvedBy: approval.by }),
    isApproved: approval !== undefined,
    state: stateOfWave(sight, revision, parts),
    ...(stored?.decision === undefined ? {} : { decision: stored.decision }),
    ...(stored?.decidedAt === undefined ? {} : { decidedAt: stored.decidedAt }),
    ...(stored?.decidedBy === undefined ? {} : { decidedBy: stored.decidedBy }),
    ...(figures === undefined ? {} : { required: figures.required, active: figures.active }),
  };
}

/** As the status keeps it, or as it was just written. */
function approvalOf(revision: PolicyRevision, index: number): { readonly by?: string | undefined } | undefined {
  const kept = revision.status?.approvals?.find(({ wave }) => wave === index);
  if (kept !== undefined) return kept;
  return approvedWaves(revision).includes(index) ? { by: approver(revision) } : undefined;
}

function onlyWave(told: SetSight['progress']): { readonly required: number; readonly active: number } | undefined {
  if (told === undefined || told.phase === 'Aborted' || told.phase === 'RolledBack') return undefined;
  const isServing = told.phase === 'Committing' || told.phase === 'Completed';
  return { required: told.counts.required, active: isServing ? told.counts.active : 0 };
}

function stateOfWave(
  sight: SetSight,
  revision: PolicyRevision,
  { index, current, stored }: WaveParts,
): WaveView['state'] {
  if (stored?.decision === 'Abort') return 'Stopped';
  if (phaseOfRevision(sight, revision) === 'Completed') return 'Done';
  if (stored?.decision === 'Commit' && (index < current || stateOf(revision) !== 'Open')) {
    return stateOf(revision) === 'Committed' && index === current ? 'Current' : 'Done';
  }
  return index === current ? 'Current' : 'Waiting';
}

/** Whom a wave reaches, for people. */
export function labelOf({ principals, nodes }: WaveTarget): string {
  if (principals !== undefined) return `${principals / 100}% of the principals`;
  if (nodes === undefined) return 'everyone';
  const { labels = {}, zones = [], sharePercent } = nodes;
  const share = sharePercent === undefined ? '' : `${sharePercent}% of the `;
  const named = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return [
    `${share}PDPs`,
    ...(zones.length === 0 ? [] : [`in ${zones.length === 1 ? 'zone' : 'zones'} ${zones.join(', ')}`]),
    ...(named.length === 0 ? [] : [`with ${named.join(', ')}`]),
  ].join(' ');
}
