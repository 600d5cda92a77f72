import type { NodeId, SetKey } from '../identifiers.ts';
import type { CommitTiming, Nack, SetState } from '../messages.ts';
import type { Cohorts } from './cohorts.ts';
import type { Instant } from './instant.ts';
import { holds, type NodeView, type RefusedPeer } from './node.ts';
import { isEnded, type OpenRollout } from './open-rollout.ts';

/** One PDP for a list that people read. */
export interface PdpListing {
  readonly nodeId: NodeId;
  /** `namespace/name` of the pod. */
  readonly pod: string;
  readonly connected: boolean;
  readonly engineVersion: string;
  /** Wall clock of this replica at the last Beat; 0 for none. */
  readonly lastBeatAt: number;
  /** Ids of the keys whose signatures it takes; absent where it does not say, or is not connected. */
  readonly trustedKeys?: readonly string[];
  /** Why it is not let in although it dials. */
  readonly refused?: RefusedPeer;
  readonly sets: readonly PdpSetListing[];
}

/** What a PDP refused. */
export interface PdpRefusal {
  readonly n: number;
  readonly phase: Nack['phase'];
  readonly code: string;
  readonly deterministic: boolean;
}

/** One PDP as one set's rollout sees it. Revisions are 0 for none. */
export interface PdpSetListing {
  readonly set: SetKey;
  readonly state: SetState;
  readonly active: number;
  readonly staged: number;
  /** Why it refused what it was offered last. */
  readonly nack?: string;
  readonly refusal?: PdpRefusal;
  readonly canary?: { readonly n: number; readonly upTo: number };
  /** The undecided revision that it has prepared. */
  readonly prepared: number;
  /** When it connected, disconnected or was first heard of, by the wall clock of this replica. */
  readonly changedAt: number;
  /** Left behind at the deadline of the rollout under way. */
  readonly laggard: boolean;
  /** The rollout under way waits for it: to prepare, or to serve. */
  readonly awaited: boolean;
  /** First wave of the rollout under way that reaches it, from 0; absent for one that a later wave reaches, and between rollouts. */
  readonly wave?: number;
  /** How often in a row it could not install a committed revision, and which. */
  readonly failing?: { readonly n: number; readonly count: number };
  /** How well it kept the moment of the last scheduled commit; absent if that named none. */
  readonly timing?: CommitTiming;
  /** Why its last stream ended, while it has none and that was not in order. */
  readonly ended?: string;
  /** When it is offered again what it refused for a reason that may pass, by the wall clock; absent: at once, or never. */
  readonly retryAt?: number;
}

/** What telling of the PDPs of one set takes. */
export interface ListingInput {
  readonly set: SetKey;
  readonly nodes: Iterable<NodeView>;
  readonly rollout: OpenRollout | undefined;
  readonly cohorts: Cohorts;
  readonly hasReached: (node: NodeView, rollout: OpenRollout) => boolean;
}

/** Each PDP of a set with what its rollout knows of it, for people. */
export function listPdps(input: ListingInput, now: Instant): readonly (readonly [NodeView, PdpSetListing])[] {
  return [...input.nodes].map((node) => [node, entryOf(input, node, now)]);
}

function entryOf({ set, rollout, cohorts, hasReached }: ListingInput, node: NodeView, now: Instant): PdpSetListing {
  const open = rollout !== undefined && !isEnded(rollout) ? rollout : undefined;
  const wave = open === undefined ? undefined : firstWave(cohorts, open, node);
  const isRequired = open?.required.has(node.nodeId) === true && !node.laggard;
  const isReached = wave !== undefined && open !== undefined && hasReached(node, open);
  const isPreparing = open?.phase === 'Pending' || open?.phase === 'Preparing';
  const awaited = isRequired && (isPreparing ? !holds(node, open.revision) : wave !== undefined && !isReached);
  const { nack, canary, failing, timing, ended } = node;
  return {
    set,
    state: node.state,
    active: node.active?.n ?? 0,
    staged: node.staged?.n ?? 0,
    ...(nack === undefined ? {} : { nack: nack.text, refusal: refusalOf(nack) }),
    ...(canary === undefined ? {} : { canary: { n: canary.n, upTo: canary.upTo } }),
    prepared: node.prepared?.n ?? 0,
    changedAt: Math.round(now.wall - (now.mono - node.changedAt)),
    laggard: node.laggard,
    awaited,
    ...(wave === undefined ? {} : { wave }),
    ...(failing === undefined ? {} : { failing }),
    ...(timing === undefined ? {} : { timing }),
    ...(ended === undefined ? {} : { ended }),
    ...(nack === undefined || node.retryAt <= now.mono
      ? {}
      : { retryAt: Math.round(now.wall + node.retryAt - now.mono) }),
  };
}

function refusalOf({ revision, phase, code, deterministic }: NonNullable<NodeView['nack']>): PdpRefusal {
  return { n: revision.n, phase, code, deterministic };
}

/** Waves to come are not asked about: that would choose their PDPs before their time. */
function firstWave(cohorts: Cohorts, { revision, waves, wave }: OpenRollout, node: NodeView): number | undefined {
  for (let index = 0; index <= wave; index += 1) {
    if (cohorts.coverage(node.nodeId, revision, waves, index + 1) > 0) return index;
  }
  return undefined;
}

/** The PDPs of a site that its relay names: those that are not where they should be. */
export function listBehindRelay(
  { site, report, engineVersion, changedAt }: Readonly<NodeView>,
  set: SetKey,
  now: Instant,
): readonly PdpListing[] {
  return (report?.exceptions ?? []).map(({ node, state, active, reason }) => ({
    nodeId: `site:${site}/${node}`,
    pod: `${site}/${node}`,
    connected: state !== 'Missing',
    engineVersion,
    lastBeatAt: 0,
    sets: [
      {
        set,
        state: active === 0 ? 'Empty' : 'Active',
        active,
        staged: 0,
        prepared: 0,
        nack: `${state}: ${reason}`,
        changedAt: Math.round(now.wall - (now.mono - changedAt)),
        laggard: state === 'Laggard',
        awaited: false,
      },
    ],
  }));
}
