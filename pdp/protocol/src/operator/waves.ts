import type { SignedRevision } from '@edict/bundle';
import type { NodeId } from '../identifiers.ts';
import { WAVES_MAX } from '../limits.ts';
import type { BasisPoints } from '../messages.ts';
import { murmur3 } from '../principal-share.ts';
import type { NodeTraits } from './identity.ts';
import type { DecidedWave, NodeSelection, RolloutOptions, Wave, WaveRef, WaveTarget } from './observation.ts';

/** A whole: of the principals, or of what a PDP answers. */
export const WHOLE: BasisPoints = 10_000;

/** The last wave of every rollout. */
export const ALL: Wave = { soakMs: 0, needsApproval: false };

const ENCODER = new TextEncoder();

/** True if the revision goes through waves, shadow and approval. Going back, taking away and emergencies do not wait. */
export function isGated({ reason }: SignedRevision): boolean {
  return reason === 'Spec';
}

/** True for a wave that reaches everyone. */
export function isForAll({ principals, nodes }: WaveTarget): boolean {
  return (principals === undefined || principals >= WHOLE) && nodes === undefined;
}

/**
 * The waves of one rollout: never none, and only the last is for all. Those that are decided are what was decided, the
 * others what the options say. The first revision of a set has one wave: there is nothing that the others could be given
 * meanwhile.
 */
export function planWaves(
  revision: SignedRevision,
  decided: readonly DecidedWave[],
  options: RolloutOptions,
  hasCommitted: boolean,
): readonly Wave[] {
  if (!isGated(revision) || !hasCommitted) return [ALL];
  const given = options.waves ?? [];
  const end = given.findIndex(isForAll);
  const last = given[end] ?? ALL;
  const parts = (end < 0 ? given : given.slice(0, end)).slice(0, WAVES_MAX - 1);
  const done = decided.map((wave, index): Wave => {
    const { soakMs, needsApproval } = parts[index] ?? ALL;
    return { ...targetOf(wave), soakMs, needsApproval };
  });
  return [...done, ...parts.slice(done.length), last];
}

/**
 * The waves of a revision that is committed: those that were decided. Of the last one counts how long the options want it
 * watched, if there is something that could come back.
 */
export function wavesOfCommitted(
  revision: SignedRevision,
  decided: readonly DecidedWave[],
  options: RolloutOptions,
  hasBase: boolean,
): readonly Wave[] {
  const before = decided.slice(0, -1);
  const last = planWaves(revision, before, options, hasBase).at(-1) ?? ALL;
  return [...before.map((wave): Wave => ({ ...ALL, ...targetOf(wave) })), last];
}

/** Whom a wave reaches, and nothing else of it. */
function targetOf({ principals, nodes }: WaveTarget): WaveTarget {
  return { ...(principals === undefined ? {} : { principals }), ...(nodes === undefined ? {} : { nodes }) };
}

/** The greatest share of the principals that one of the waves is for; 0 for none. */
export function principalsOf(waves: readonly WaveTarget[]): BasisPoints {
  return Math.max(0, ...waves.map(({ principals }) => principals ?? 0));
}

/** Wave `index` of `waves` as decisions name it. */
export function waveRef(waves: readonly Wave[], index: number): WaveRef {
  return { index, final: index === waves.length - 1, ...targetOf(waves[index] ?? ALL) };
}

/** True if the PDP has the labels and is in one of the zones. The share is another matter. */
export function isSelected({ labels, zones }: NodeSelection, traits: NodeTraits | undefined): boolean {
  // Asked for every PDP with every step of a rollout: nothing is made anew here.
  if (zones !== undefined && (traits?.zone === undefined || !zones.includes(traits.zone))) return false;
  for (const key in labels) if (traits?.labels?.[key] !== labels[key]) return false;
  return true;
}

/**
 * The share of `nodes` that a wave reaches: those with the lowest rendezvous hashes, at least one. It follows from the ids
 * and the salt alone, so every replica chooses the same, and a PDP that comes or goes moves the choice by at most itself.
 */
export function chosenShare(nodes: readonly NodeId[], sharePercent: number, salt: string): ReadonlySet<NodeId> {
  if (nodes.length === 0) return new Set();
  const count = Math.max(1, Math.ceil((nodes.length * sharePercent) / 100 - 1e-9));
  const scored = nodes.map((nodeId) => ({ nodeId, score: murmur3(ENCODER.encode(`${salt}\0${nodeId}`)) }));
  const ordered = scored.sort((a, b) => a.score - b.score || (a.nodeId < b.nodeId ? -1 : 1));
  return new Set(ordered.slice(0, count).map(({ nodeId }) => nodeId));
}

/**
 * The salt of the principal shares of all revisions that are rolled out over one committed revision. As they share it, a
 * newer one reaches the same principals first, and nobody goes back and forth.
 */
export function principalSalt(setUid: string, committed: number): string {
  return `${setUid}/${committed}`;
}
