import { encodeToken } from '@edict/bundle';
import { defaultDecisionLimits, type Clock, type DecideContext, type DecisionLimits } from '@edict/engine';
import type { Serving } from '@edict/crds';
import type { ActiveRevision } from '../active-sets.ts';
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

/** Prepares a revision for requests. */
export function serveRevision(
  active: ActiveRevision,
  usage: SetUsage,
  counters: SetCounters,
  { clock, newId, includeAll, defaults }: DecisionSurroundings,
): ServedRevision {
  const { set, setUid, n, digest, snapshot } = active;
  const token = encodeToken({ setUid, n });
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
  };
}
