import { encodeToken } from '@edict/bundle';
import { defaultDecisionLimits, type Clock, type DecideContext, type DecisionLimits } from '@edict/engine';
import type { Serving } from '@edict/crds';
import type { ActiveRevision } from '../active-sets.ts';
import type { LeaseGate } from '../lease/leases.ts';
import type { LoadMeter } from '../observability/load-meter.ts';
import { NO_SHADOW, type ShadowPlace } from '../shadow/shadow-tap.ts';
import type { Share } from '@edict/protocol';
import { decidesDeterministically, DecisionCache } from './decision-cache.ts';
import type { SessionRevision } from './session.ts';
import type { SetCounters } from './set-counters.ts';
import type { SetUsage } from './set-usage.ts';

/** What one set may use unless it says otherwise. */
export interface SetLimits {
  /** Evaluation steps of one decision. */
  readonly maxSteps: number;
  /** Requests under way at once, those that wait included. */
  readonly maxConcurrent: number;
  /** Bytes of bodies of the requests under way. */
  readonly maxBodyBytes: number;
}

/** What all sessions of one revision share; made once per swap, not per request. */
export interface ServedRevision {
  readonly active: ActiveRevision;
  readonly revision: SessionRevision;
  readonly headers: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly decisionLimits: DecisionLimits;
  readonly setLimits: SetLimits;
  readonly usage: SetUsage;
  readonly recorded: DecideContext;
  readonly probe: DecideContext;
  readonly counters: SetCounters;
  /** Whether a mapper can ask the network. */
  readonly mapsWithNetwork: boolean;
  /** Remembered decisions. Undefined where the set wants none, or equal requests may get other answers. */
  readonly decisions: DecisionCache | undefined;
  /** Remembered documents, likewise. */
  readonly outcomes: DecisionCache | undefined;
  /** What the Beats tell of these decisions. */
  readonly load: Pick<LoadMeter, 'decided' | 'failed' | 'refused'>;
  readonly lease: LeaseGate;
  readonly shadow: ShadowPlace;
  /** What answers for some principals in its place. */
  readonly canary: { readonly served: ServedRevision; readonly share: Share } | undefined;
  /** Set where nobody vouches for the revision any more. */
  readonly stale: Staleness | undefined;
}

/** How requests are answered although nobody vouches for the revision any more. */
export interface Staleness {
  /** Why every decision is a deny; undefined where policies still decide. */
  readonly denial: string | undefined;
  /** One decision was given nevertheless. */
  readonly count: () => void;
}

/** What the revisions of one set share. */
export interface SetParts {
  readonly usage: SetUsage;
  readonly counters: SetCounters;
  readonly lease: LeaseGate;
  readonly shadow: ShadowPlace;
  readonly loads: { readonly all: ServedRevision['load']; readonly canary: ServedRevision['load'] };
}

/** What decisions need that no revision changes. */
export interface DecisionSurroundings {
  readonly clock: Clock;
  readonly newId: () => string;
  readonly includeAll: boolean;
  readonly defaults: SetLimits;
}

const NO_LABELS: Readonly<Record<string, string>> = {};

const NO_CACHE = { entries: 0 } as const;

/** What a set may use: what it says itself, else `defaults`. */
export function setLimitsOf({ instance }: Serving, defaults: SetLimits): SetLimits {
  const { maxSteps, maxConcurrent, maxBodyBytes } = instance?.limits ?? {};
  return {
    maxSteps: maxSteps ?? defaults.maxSteps,
    maxConcurrent: maxConcurrent ?? defaults.maxConcurrent,
    maxBodyBytes: maxBodyBytes ?? defaults.maxBodyBytes,
  };
}

/** Prepares a revision for requests, and its canary. */
export function serveRevision(
  active: ActiveRevision,
  parts: SetParts,
  surroundings: DecisionSurroundings,
): ServedRevision {
  // A token never names a canary: who has been told of one could ask no other PDP while it lasts.
  const token = encodeToken(active);
  const { canary } = active;
  const served = serveOne(active, token, parts, surroundings);
  if (canary === undefined) return served;
  const alone: SetParts = { ...parts, shadow: NO_SHADOW, loads: { ...parts.loads, all: parts.loads.canary } };
  const { revision, share } = canary;
  return { ...served, canary: { served: serveOne(revision, token, alone, surroundings), share } };
}

/** A revision that nobody vouches for any more: answers say so. */
export function staleRevision(served: ServedRevision, stale: Staleness): ServedRevision {
  const { canary, headers } = served;
  return {
    ...served,
    headers: { ...headers, 'policy-stale': 'true' },
    canary: canary && { ...canary, served: staleRevision(canary.served, stale) },
    stale,
  };
}

function serveOne(
  active: ActiveRevision,
  token: string,
  { usage, counters, lease, shadow, loads }: SetParts,
  { clock, newId, includeAll, defaults }: DecisionSurroundings,
): ServedRevision {
  const { set, n, digest, snapshot } = active;
  const { labels = NO_LABELS, decisionCache: { entries } = NO_CACHE } = snapshot.serving.instance ?? {};
  const setLimits = setLimitsOf(snapshot.serving, defaults);
  const cache = entries > 0 ? new DecisionCache(entries, counters) : undefined;
  const decisionLimits = { ...defaultDecisionLimits, maxSteps: setLimits.maxSteps };
  const recorded: DecideContext = {
    clock,
    newId,
    revision: { set, revision: n, digest },
    includeAll,
    env: Object.keys(labels).length === 0 ? undefined : labels,
    limits: decisionLimits,
  };
  return {
    active,
    revision: { set, n, digest, token },
    headers: { 'policy-set': set, 'policy-revision': String(n), 'policy-digest': digest, 'policy-token': token },
    labels,
    decisionLimits,
    setLimits,
    usage,
    recorded,
    probe: { ...recorded, probe: true },
    counters,
    mapsWithNetwork: snapshot.mappers.some(({ program }) => program.usesNetwork),
    decisions: decidesDeterministically(snapshot) ? cache : undefined,
    outcomes: snapshot.documents?.deterministic === true && !snapshot.documents.usesNetwork ? cache : undefined,
    load: loads.all,
    lease,
    shadow,
    canary: undefined,
    stale: undefined,
  };
}
