import { randomUUID } from 'node:crypto';
import type { Serving } from '@edict/crds';
import { defaultDecisionLimits, systemClock, type Clock, type NetworkAccess } from '@edict/engine';
import { systemClock as systemTimers, type Clock as Timers } from '@edict/protocol';
import type { ActiveRevision, ActiveSets, HeldRevision, Selection, SleepingRevision } from '../active-sets.ts';
import { LoadMeter } from '../observability/load-meter.ts';
import { createMetrics, type PdpMetrics } from '../observability/metrics.ts';
import { SetLabels } from '../observability/set-labels.ts';
import type { AuditSink } from './audit-sink.ts';
import { BodyClaim, bodiesFull, bodyTooLarge } from './body-claim.ts';
import type { DecisionTracer } from './decision-tracer.ts';
import { LiveSession, type SessionDeps } from './live-session.ts';
import { SplitSession } from './split-session.ts';
import { SetLoadMeters } from '../observability/set-load-meters.ts';
import { fulfilmentOf, parseRequirement, parseWait, type Requirement } from './requirement.ts';
import {
  serveRevision,
  setLimitsOf,
  staleRevision,
  type DecisionSurroundings,
  type ServedRevision,
  type SetLimits,
} from './served-revision.ts';
import { API_NAMES, type ApiName, type DecisionCore, type Entry, type EntryRequest, type Refusal } from './session.ts';
import { countersOf, type SetCounters } from './set-counters.ts';
import { SetWaiters } from './set-waiters.ts';
import { giveBack, type SetUsage } from './set-usage.ts';
import { Tally } from './tally.ts';

/** What decisions are bounded by unless told otherwise. */
export const CORE_DEFAULTS = {
  maxSteps: defaultDecisionLimits.maxSteps,
  maxConcurrent: 10_000,
  maxBodyBytes: 134_217_728,
  maxWaitMs: 2_000,
  maxWaiters: 256,
  maxLoadWaitMs: 5_000,
  maxLoadWaiters: 256,
  includeAll: true,
} as const;

export interface DecisionCoreOptions {
  readonly sets: ActiveSets;
  readonly audit: AuditSink;
  readonly metrics?: PdpMetrics;
  readonly meter?: Pick<LoadMeter, 'decided' | 'refused'>;
  /** What Beats tell of each set. */
  readonly setLoads?: SetLoadMeters | undefined;
  /** What a set may use unless it says otherwise. */
  readonly setLimits?: Partial<SetLimits>;
  /** The longest that `Policy-Wait` counts for. */
  readonly maxWaitMs?: number;
  /** Requests of one set that may wait at once for a revision; further ones are refused. So many may wait for sets that are not here. */
  readonly maxWaiters?: number;
  /** The longest that a request waits for the policy of its set to be brought into memory. */
  readonly maxLoadWaitMs?: number;
  /** Requests of one set that may wait for that at once; further ones are refused. */
  readonly maxLoadWaiters?: number;
  /** Which sets metrics name. */
  readonly setLabels?: SetLabels | undefined;
  /** Evaluate and record every phase, also when an earlier one has decided. */
  readonly includeAll?: boolean;
  /**
   * Whether all sets are here that this PDP has from the start. Until it says so once, a request that names no set is refused:
   * the first set that is loaded must not answer for another. Always so by default.
   */
  readonly hasSettled?: () => boolean;
  /** Whether this PDP knows that it may miss revisions: the operator has not been heard for too long. */
  readonly isStale?: () => boolean;
  readonly clock?: Clock;
  readonly timers?: Pick<Timers, 'schedule'>;
  readonly newId?: () => string;
  /** What policies may do with the network; nothing by default. */
  readonly network?: NetworkAccess | undefined;
  /** Shows decisions in traces; nobody by default. */
  readonly tracer?: DecisionTracer | undefined;
}

/** A core, and what its process has to know of it. */
export interface RunningCore extends DecisionCore {
  /** Requests that wait for a revision, or for a policy to be brought into memory, now. */
  readonly waiting: number;
  /** Lets go of the sets. */
  readonly close: () => void;
}

/** Makes the one way to decisions. */
export function createDecisionCore(options: DecisionCoreOptions): RunningCore {
  return new Core(options);
}

class Core implements RunningCore {
  readonly #sets: ActiveSets;
  readonly #isStale: () => boolean;
  readonly #hasSettled: () => boolean;
  #settled = false;
  readonly #maxWaitMs: number;
  readonly #surroundings: DecisionSurroundings;
  readonly #session: SessionDeps;
  readonly #tallies: Readonly<Record<ApiName, Tally>>;
  readonly #waits: PdpMetrics['tokenWaits'];
  readonly #countersOf: (set: string) => SetCounters;
  readonly #maxLoadWaitMs: number;
  readonly #loading: SetWaiters;
  readonly #served = new WeakMap<ActiveRevision, ServedRevision>();
  /** The same while nobody vouches for them, and while every decision is a deny for that. */
  readonly #stale = new WeakMap<ServedRevision, { readonly served: ServedRevision; readonly denied: ServedRevision }>();
  readonly #countStale: (set: string) => () => void;
  readonly #setLoads: SetLoadMeters;
  readonly #waiters: SetWaiters;
  readonly close: () => void;

  constructor({ sets, audit, isStale = () => false, hasSettled = () => true, ...options }: DecisionCoreOptions) {
    const { metrics = createMetrics(), meter = new LoadMeter(() => 0) } = options;
    const { clock = systemClock, newId = randomUUID, includeAll = CORE_DEFAULTS.includeAll } = options;
    this.#sets = sets;
    this.#isStale = isStale;
    this.#hasSettled = hasSettled;
    this.#maxWaitMs = options.maxWaitMs ?? CORE_DEFAULTS.maxWaitMs;
    this.#surroundings = { clock, newId, includeAll, defaults: { ...CORE_DEFAULTS, ...options.setLimits } };
    this.#session = { audit, clock, newId, network: options.network, tracer: options.tracer };
    this.#tallies = Object.fromEntries(API_NAMES.map((api) => [api, new Tally(api, metrics, meter)])) as Record<
      ApiName,
      Tally
    >;
    this.#waits = metrics.tokenWaits;
    for (const outcome of ['reached', 'timeout', 'gone', 'full']) this.#waits.inc({ outcome }, 0);
    const { schedule } = options.timers ?? systemTimers;
    this.#waiters = new SetWaiters(options.maxWaiters ?? CORE_DEFAULTS.maxWaiters, schedule);
    this.#maxLoadWaitMs = options.maxLoadWaitMs ?? CORE_DEFAULTS.maxLoadWaitMs;
    this.#loading = new SetWaiters(options.maxLoadWaiters ?? CORE_DEFAULTS.maxLoadWaiters, schedule);
    const labels = options.setLabels ?? new SetLabels();
    this.#countersOf = (set) => countersOf(set, labels, metrics);
    this.#countStale = (set) => {
      const counter = metrics.staleDecisions.series(labels.of(set));
      return () => counter.inc();
    };
    this.#setLoads = options.setLoads ?? new SetLoadMeters();
    this.close = sets.onChange((set) => {
      if (!sets.held.has(set)) this.#setLoads.forget(set);
      this.#loading.wake(set);
      this.#waiters.wake(set);
      this.#waiters.wake(NO_SET);
    });
  }

  get waiting(): number {
    return this.#waiters.count + this.#loading.count;
  }

  readonly enter = (request: EntryRequest): Entry | Promise<Entry> => {
    if (request.exactly !== undefined) return this.#refuse(request, EXACTLY_NOT_OFFERED);
    const selection = this.#select(request);
    if (selection.kind === 'asleep') return this.#awaken(selection.sleeping, request);
    return this.#enterAwake(request, selection);
  };

  readonly claimBody = (request: Pick<EntryRequest, 'instance' | 'serverName'>): BodyClaim | undefined => {
    const selection = this.#select(request);
    const { defaults } = this.#surroundings;
    if (selection.kind === 'active') {
      const { set, snapshot } = selection.active;
      return new BodyClaim(set, this.#sets.usages.of(set), setLimitsOf(snapshot.serving, defaults));
    }
    if (selection.kind !== 'asleep') return undefined;
    const { set, serving } = selection.sleeping;
    return new BodyClaim(set, this.#sets.usages.of(set), setLimitsOf(serving, defaults));
  };

  readonly servingOf = (request: Pick<EntryRequest, 'instance' | 'serverName'>): Serving | Refusal => {
    const selection = this.#select(request);
    if (selection.kind === 'active') return selection.active.snapshot.serving;
    return selection.kind === 'asleep' ? selection.sleeping.serving : absent(selection);
  };

  #select({ instance: said, serverName }: Pick<EntryRequest, 'instance' | 'serverName'>): Selection {
    // A header without a value names nothing.
    const instance = said === '' ? undefined : said;
    if (instance === undefined && serverName !== undefined && this.#sets.knows(serverName)) {
      return this.#sets.select(serverName);
    }
    return instance === undefined ? this.#selectOnly() : this.#sets.select(instance);
  }

  #selectOnly(): Selection {
    this.#settled ||= this.#hasSettled();
    return this.#settled || this.#sets.held.size === 0 ? this.#sets.select(undefined) : { kind: 'loading' };
  }

  #enterAwake(request: EntryRequest, selection: Selection): Entry | Promise<Entry> {
    if (request.atLeast !== undefined || request.wait !== undefined) return this.#enterWhenReached(request);
    if (selection.kind !== 'active') return this.#refuse(request, absent(selection));
    return this.#settle(request, this.#open(selection.active, request));
  }

  /** Lets a request wait, among the requests of its set, until the policy is in memory or cannot be brought there. */
  #awaken(asleep: SleepingRevision, request: EntryRequest): Entry | Promise<Entry> {
    asleep.wake();
    const { set, serving } = asleep;
    const usage = this.#sets.usages.of(set);
    const setLimits = setLimitsOf(serving, this.#surroundings.defaults);
    /** Undefined while the policy is on its way. */
    const look = (): Entry | Promise<Entry> | undefined => {
      const selection = this.#select(request);
      if (selection.kind !== 'asleep') return this.#enterAwake(request, selection);
      return selection.sleeping.failure === undefined ? undefined : this.#refuse(request, absent(selection));
    };
    const now = look();
    if (now !== undefined) return now;
    const full = this.#loading.hasRoom(set) ? take({ usage, setLimits, held: asleep }, request) : LOADERS_FULL;
    if (full !== undefined) return this.#refuse(request, full);
    return this.#loading.wait<Entry>(set, {
      waitMs: this.#maxLoadWaitMs,
      onGone: request.onGone,
      attempt: () => {
        // The session takes anew what waiting took: it must not be in its own way.
        giveBack(usage, request);
        const entry = look();
        if (entry === undefined) count(usage, request);
        return entry;
      },
      giveUp: () => {
        giveBack(usage, request);
        return this.#refuse(request, stillLoading(set));
      },
    });
  }

  readonly invalid = (api: ApiName): void => {
    this.#tallies[api].invalid();
  };

  #enterWhenReached(request: EntryRequest): Entry | Promise<Entry> {
    const { atLeast, wait } = request;
    const requirement = atLeast === undefined ? undefined : parseRequirement(atLeast);
    if (atLeast !== undefined && requirement === undefined) {
      return this.#refuse(request, unreadable('Policy-At-Least', 'a token, or set@revision'));
    }
    const wantedMs = wait === undefined ? 0 : parseWait(wait);
    if (wantedMs === undefined) {
      return this.#refuse(request, unreadable('Policy-Wait', 'a duration such as 200ms or 2s'));
    }
    const found = this.#try(request, requirement);
    if (found.kind !== 'not-yet') return this.#settle(request, found);
    const waitMs = Math.min(wantedMs, this.#maxWaitMs);
    return waitMs === 0 ? this.#refuse(request, found.refusal) : this.#wait(request, requirement, waitMs, found);
  }

  /** Waits, and counts that among the requests of the set. */
  #wait(
    request: EntryRequest,
    requirement: Requirement | undefined,
    waitMs: number,
    first: NotYet,
  ): Entry | Promise<Entry> {
    const hold = first.behind === undefined ? undefined : this.#serve(first.behind);
    const queue = first.set ?? NO_SET;
    const full = this.#waiters.hasRoom(queue)
      ? hold && take({ usage: hold.usage, setLimits: hold.setLimits, held: hold.active }, request)
      : WAITERS_FULL;
    if (full !== undefined) {
      this.#waits.inc({ outcome: 'full' });
      return this.#refuse(request, full);
    }
    let pending = first;
    return this.#waiters.wait<Entry>(queue, {
      waitMs,
      onGone: request.onGone,
      attempt: () => {
        // The session takes anew what waiting took: it must not be in its own way.
        if (hold !== undefined) giveBack(hold.usage, request);
        const found = this.#try(request, requirement);
        if (found.kind !== 'not-yet') {
          this.#waits.inc({ outcome: 'reached' });
          return this.#settle(request, found);
        }
        if (hold !== undefined) count(hold.usage, request);
        pending = found;
        return undefined;
      },
      giveUp: (why) => {
        if (hold !== undefined) giveBack(hold.usage, request);
        this.#waits.inc({ outcome: why });
        return why === 'gone' ? pending.refusal : this.#refuse(request, pending.refusal);
      },
    });
  }

  /** Enters if the requirement is met now; else tells whether waiting could help. */
  #try(request: EntryRequest, requirement: Requirement | undefined): Entry | NotYet {
    const selection = this.#select(request);
    if (selection.kind !== 'active') {
      const refusal = absent(selection);
      if (selection.kind === 'asleep') selection.sleeping.wake();
      // No wait makes a request name its set.
      return selection.kind === 'set-required' || selection.kind === 'ambiguous-name'
        ? refusal
        : { kind: 'not-yet', refusal, set: setOf(selection), behind: undefined };
    }
    const { active } = selection;
    if (requirement === undefined) return this.#open(active, request);
    switch (fulfilmentOf(requirement, active)) {
      case 'reached':
        return this.#open(active, request);
      case 'foreign':
        return foreign(active);
      case 'behind':
        return { kind: 'not-yet', refusal: this.#behind(active, requirement.n), set: active.set, behind: active };
    }
  }

  #behind({ set, n }: ActiveRevision, required: number): Refusal {
    return {
      kind: 'refused',
      problem: 'revision-not-reached',
      detail: `This PDP serves revision ${n} of ${set}; the request requires ${required}.`,
      members: { active: n, required, stale: this.#isStale() },
    };
  }

  #open(active: ActiveRevision, request: EntryRequest): Entry {
    const known = this.#serve(active);
    const nowNs = this.#session.clock.monotonicNs();
    const served = nowNs < known.lease.freshUntilNs ? known : this.#whileStale(known, nowNs);
    if (served === undefined) {
      known.counters.refused();
      known.load.refused();
      return leaseEnded(active);
    }
    const refusal = take({ usage: served.usage, setLimits: served.setLimits, held: active }, request);
    if (refusal !== undefined) {
      served.counters.refused();
      served.load.refused();
      return refusal;
    }
    const tally = this.#tallies[request.api];
    const session = new LiveSession(this.#session, served, tally, request, nowNs);
    const { canary } = served;
    if (canary === undefined) return { kind: 'entered', session };
    const other = (sinceNs: number): LiveSession =>
      new LiveSession(this.#session, canary.served, tally, request, sinceNs);
    return { kind: 'entered', session: new SplitSession(session, () => other(nowNs), canary.share) };
  }

  /** What may answer although the lease has ended; undefined: nothing. */
  #whileStale(served: ServedRevision, nowNs: number): ServedRevision | undefined {
    const { act, stale } = served.lease.judge(nowNs);
    if (!stale) return served;
    if (act === 'NotReady') return undefined;
    let both = this.#stale.get(served);
    if (both === undefined) {
      const { set } = served.active;
      const count = this.#countStale(set);
      const denial = `Nobody has vouched for what this PDP holds of ${set} since its lease ended.`;
      both = {
        served: staleRevision(served, { denial: undefined, count }),
        denied: staleRevision(served, { denial, count }),
      };
      this.#stale.set(served, both);
    }
    return act === 'Deny' ? both.denied : both.served;
  }

  #serve(active: ActiveRevision): ServedRevision {
    let served = this.#served.get(active);
    if (served === undefined) {
      const { set } = active;
      const { usages, leases, shadows } = this.#sets;
      const parts = {
        usage: usages.of(set),
        counters: this.#countersOf(set),
        lease: leases.of(set),
        shadow: shadows.of(set),
        loads: this.#setLoads.of(set),
      };
      served = serveRevision(active, parts, this.#surroundings);
      this.#served.set(active, served);
    }
    return served;
  }

  #settle(request: EntryRequest, entry: Entry): Entry {
    return entry.kind === 'refused' ? this.#refuse(request, entry) : entry;
  }

  #refuse(request: EntryRequest, refusal: Refusal): Refusal {
    this.#tallies[request.api].refused(refusal.problem);
    this.#session.tracer?.refused(request, refusal.problem);
    return refusal;
  }
}

/** There is no answer yet, and what it is if there is no time. */
interface NotYet {
  readonly kind: 'not-yet';
  readonly refusal: Refusal;
  /** The set that is waited for; undefined where none of that name is here. */
  readonly set: string | undefined;
  /** What is active, and is not enough. */
  readonly behind: ActiveRevision | undefined;
}

/** The queue of requests for sets that are not here: it is no key of a set. */
const NO_SET = '';

/** The set that is chosen and not active, if one is. */
function setOf(selection: Exclude<Selection, { readonly kind: 'active' }>): string | undefined {
  if (selection.kind === 'asleep') return selection.sleeping.set;
  return selection.kind === 'broken' ? selection.set : undefined;
}

const WAITERS_FULL: Refusal = {
  kind: 'refused',
  problem: 'overloaded',
  detail: 'As many requests are waiting for a revision of this set as may wait.',
};

/** A requirement that is passed over is none. */
const EXACTLY_NOT_OFFERED: Refusal = {
  kind: 'refused',
  problem: 'invalid-requirement',
  detail:
    'Policy-Exactly is not offered: a PDP answers by the revision that is active. Policy-At-Least can be required.',
};

const LOADERS_FULL: Refusal = {
  kind: 'refused',
  problem: 'overloaded',
  detail: 'As many requests are waiting for the policy of this set as may wait.',
};

function stillLoading(set: string): Refusal {
  return { kind: 'refused', problem: 'loading', detail: `The policy of ${set} is still being brought into memory.` };
}

/** The set serves only while the operator vouches for it. */
function leaseEnded({ set, n }: ActiveRevision): Refusal {
  const detail = `Nobody vouches at present for revision ${n} of ${set}, which this PDP holds: ask another PDP, or later.`;
  return { kind: 'refused', problem: 'stale', detail, members: { active: n } };
}

/** What a request is counted against. */
interface Claim {
  readonly usage: SetUsage;
  readonly setLimits: SetLimits;
  readonly held: HeldRevision;
}

/** Counts a request against the limits of its set; the refusal if it does not fit. */
function take({ usage, setLimits, held }: Claim, request: EntryRequest): Refusal | undefined {
  const { bodyBytes = 0 } = request;
  if (bodyBytes > setLimits.maxBodyBytes) return bodyTooLarge(held.set, setLimits.maxBodyBytes);
  if (usage.requests >= setLimits.maxConcurrent) {
    const detail = `As many requests to ${held.set} are under way as may be: ${setLimits.maxConcurrent}.`;
    return { kind: 'refused', problem: 'overloaded', detail };
  }
  if (usage.bodyBytes + bodyBytes > setLimits.maxBodyBytes) return bodiesFull(held.set);
  count(usage, request);
  return undefined;
}

function count(usage: SetUsage, { bodyBytes = 0 }: EntryRequest): void {
  usage.requests++;
  usage.bodyBytes += bodyBytes;
}

function unreadable(header: string, form: string): Refusal {
  return { kind: 'refused', problem: 'invalid-requirement', detail: `${header} is not ${form}.` };
}

function foreign({ set }: ActiveRevision): Refusal {
  const detail = `Policy-At-Least is about another set than ${set}, or about one of that name that was deleted since.`;
  return { kind: 'refused', problem: 'foreign-token', detail };
}

/** Why there is no snapshot to decide with, and what the caller can do. */
function absent(selection: Exclude<Selection, { readonly kind: 'active' }>): Refusal {
  if (selection.kind === 'asleep') {
    const { set, failure } = selection.sleeping;
    if (failure === undefined) return stillLoading(set);
    // What is wrong with a tenant's policy is told to operators (/v1/status, the log), not to whoever asks.
    const detail = `The policy of ${set} cannot be brought into memory at present; that is tried again.`;
    return { kind: 'refused', problem: 'broken-set', detail };
  }
  if (selection.kind === 'broken') {
    const detail = `The policy of ${selection.set} that is stored here cannot be loaded; the PDP waits for another revision.`;
    return { kind: 'refused', problem: 'broken-set', detail };
  }
  return { kind: 'refused', problem: selection.kind, detail: explain(selection) };
}

function explain(selection: Exclude<Selection, { readonly kind: 'active' | 'asleep' | 'broken' }>): string {
  switch (selection.kind) {
    case 'no-policy':
      return 'This PDP has no committed policy yet. Ask again later or ask another PDP.';
    case 'loading':
      return 'This PDP is still loading its sets: name one in the Policy-Set request header, or ask again later.';
    case 'unknown-set':
      return `This PDP has no active policy for set ${JSON.stringify(selection.set)}.`;
    case 'set-required':
      return `This PDP serves ${someOf(selection.sets)}: name one in the Policy-Set request header.`;
    case 'ambiguous-name':
      return `${JSON.stringify(selection.name)} is a name of ${someOf(selection.sets)}: use the key of the set that is meant.`;
  }
}

/** Sets that an explanation names. */
const NAMED_SETS_MAX = 10;

function someOf(sets: readonly string[]): string {
  const more = sets.length - NAMED_SETS_MAX;
  return more > 0 ? `${sets.slice(0, NAMED_SETS_MAX).join(', ')} and ${more} more` : sets.join(', ');
}
