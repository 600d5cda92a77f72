import { encodeToken } from '@edict/bundle';
import {
  judgeLease,
  setStateOf,
  type CanarySlot,
  type Clock,
  type LeaseVerdict,
  type LeaseView,
  type PdpState,
  type SetMachine,
  type SetState,
  type ShadowCounts,
} from '@edict/protocol';
import type { ActiveSets, HeldRevision } from './active-sets.ts';
import type { Readiness } from './http/service-routes.ts';
import type { InstanceStatus } from './instances/instances.ts';
import { ENGINE } from './version.ts';

/** What `/v1/status` answers. */
export interface PdpStatus {
  readonly ready: boolean;
  readonly connected: boolean;
  /** Milliseconds since the operator was last heard; absent if it never was. Meanwhile revisions may have been committed. */
  readonly stalenessMs?: number;
  /** True where the operator was not heard for so long that revisions may be missing here. */
  readonly stale: boolean;
  readonly engine: string;
  readonly sets: readonly SetStatus[];
}

/** `Disk`: it was stored here when the process began. `Fallback`: from a fallback source, as no operator was there. */
export type PolicySource = 'Operator' | 'Disk' | 'Fallback';

/** Where one set stands. */
export interface SetStatus {
  readonly set: string;
  /**
   * The protocol's word for where the set stands, or `Withdrawn`: held, but no longer assigned to this PDP; or `Broken`: what is
   * stored here cannot be loaded, and requests get the problem `broken-set`.
   */
  readonly state: SetState | 'Withdrawn' | 'Broken';
  /** Why the stored revision could not be loaded. Where the set is served nevertheless, it is by an older revision. */
  readonly failure?: string;
  readonly active?: {
    readonly revision: number;
    readonly digest: string;
    /** The consistency token of this revision. */
    readonly token: string;
    readonly activatedAt: string;
    /** Milliseconds since then. */
    readonly ageMs: number;
    readonly persisted: boolean;
    /** Where this process had it from. */
    readonly source: PolicySource;
  };
  readonly staged?: { readonly revision: number; readonly digest: string };
  /** What answers for a share of the principals in the place of `active`. */
  readonly canary?: {
    readonly revision: number;
    readonly digest: string;
    /** Of 10,000 parts of the principals. */
    readonly share: number;
    readonly activatedAt: string;
    readonly persisted: boolean;
  };
  /** Until when what is served is vouched for. */
  readonly lease?: LeaseStatus;
  /** The comparison of live answers with those of the staged revision. */
  readonly shadow?: { readonly revision: number; readonly done: boolean; readonly counts: ShadowCounts };
  /** Where its policy is, as one virtual instance of many. */
  readonly instance?: InstanceStatus;
}

/** Where the lease of a set stands. */
export interface LeaseStatus {
  readonly mode: LeaseView['consistency']['mode'];
  readonly leaseMs: number;
  /** Milliseconds that it lasts; below 0 since it ended. Absent: it was never given. */
  readonly remainingMs?: number;
  /** What becomes of requests now. */
  readonly action: LeaseVerdict['act'];
  readonly stale: boolean;
  /** Oldest revision that the operator wants served; 0 for any. */
  readonly minRevision: number;
  /** Newest revision that is decided for everyone; 0 for none. */
  readonly stableRevision: number;
}

/** Who knows more about sets. */
export interface StatusSources {
  readonly instances?: { readonly statusOf: (set: string) => InstanceStatus | undefined };
  /** Where that revision of a set came from. */
  readonly sourceOf?: (set: string, n: number) => PolicySource;
}

/** The status of a PDP as its state machine and its sets are now. */
export function statusOf(
  state: PdpState,
  active: ActiveSets,
  readiness: Readiness,
  clock: Pick<Clock, 'now' | 'monotonic'>,
  { instances, sourceOf = () => 'Operator' }: StatusSources = {},
): PdpStatus {
  const staleness = stalenessOf(state, clock);
  return {
    ready: readiness.ready,
    connected: state.connection === 'Up',
    ...staleness,
    engine: `${ENGINE.name}/${ENGINE.version}`,
    sets: [...state.sets.values()].map((machine) => {
      const { set } = machine;
      const lease = active.held.has(set) ? active.leases.of(set).view : undefined;
      const held = active.held.get(set);
      const source = held === undefined ? 'Operator' : sourceOf(set, held.n);
      const status = setStatusOf(machine, held, instances?.statusOf(set), source, clock.now());
      return lease === undefined ? status : { ...status, lease: leaseStatusOf(lease, clock.monotonic()) };
    }),
  };
}

/** How long ago the operator was heard, and whether that is too long. */
export function stalenessOf(
  { bootReason, connection, lastHeardAt, config }: PdpState,
  { monotonic }: Pick<Clock, 'monotonic'>,
): Pick<PdpStatus, 'stale' | 'stalenessMs'> {
  // Until the first stream is up the time of the last message means nothing.
  const heard = connection === 'Up' || bootReason === 'Reconnect';
  if (!heard) return { stale: true };
  const stalenessMs = Math.max(0, Math.round(monotonic() - lastHeardAt));
  return { stalenessMs, stale: stalenessMs > config.presenceTimeoutMs };
}

function setStatusOf(
  machine: SetMachine,
  serving: HeldRevision | undefined,
  instance: InstanceStatus | undefined,
  source: PolicySource,
  nowMs: number,
): SetStatus {
  const { set, staged, bootFault, canary, shadow } = machine;
  return {
    set,
    state: stateOf(machine, serving),
    ...(bootFault === undefined ? {} : { failure: bootFault }),
    ...(serving === undefined
      ? {}
      : {
          active: {
            revision: serving.n,
            digest: serving.digest,
            token: encodeToken(serving),
            activatedAt: new Date(serving.activatedAtMs).toISOString(),
            ageMs: Math.max(0, nowMs - serving.activatedAtMs),
            persisted: machine.active?.persisted ?? false,
            source,
          },
        }),
    ...(staged === undefined ? {} : { staged: { revision: staged.revision.n, digest: staged.revision.digest } }),
    ...(canary === undefined || serving === undefined ? {} : { canary: canaryStatusOf(canary) }),
    ...(shadow === undefined
      ? {}
      : { shadow: { revision: shadow.revision.n, done: shadow.done, counts: shadow.counts } }),
    ...(instance === undefined ? {} : { instance }),
  };
}

function canaryStatusOf({ revision, share, activatedAt, persisted }: CanarySlot): NonNullable<SetStatus['canary']> {
  const { n, digest } = revision;
  return { revision: n, digest, share: share.upTo, activatedAt: new Date(activatedAt).toISOString(), persisted };
}

function leaseStatusOf(lease: LeaseView, nowMs: number): LeaseStatus {
  const { consistency, until, minRev, stableRev } = lease;
  const { act, stale } = judgeLease(lease, nowMs);
  return {
    mode: consistency.mode,
    leaseMs: consistency.leaseMs,
    ...(until === undefined ? {} : { remainingMs: Math.round(until - nowMs) }),
    action: act,
    stale,
    minRevision: minRev,
    stableRevision: stableRev,
  };
}

function stateOf(machine: SetMachine, serving: HeldRevision | undefined): SetStatus['state'] {
  const state = setStateOf(machine);
  if (serving !== undefined) return state;
  if (machine.active !== undefined) return 'Withdrawn';
  return machine.bootFault !== undefined && machine.job === undefined ? 'Broken' : state;
}
