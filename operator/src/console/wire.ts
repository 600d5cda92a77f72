/**
 * The operator's REST API for people: every answer and every event, as JSON. Version 1.
 *
 * Rules for all routes:
 * - Times are RFC 3339 in UTC; durations are milliseconds; shares of principals are ten thousandths (`upTo`, `principals`).
 * - Waves are numbered from 0, as in the annotations of a PolicyRevision; `count` and {@link WaveView.label} are for people.
 * - What is not known is absent, never `null`, but where a member says so.
 * - Who asks says so by `Authorization: Bearer TOKEN` (Kubernetes token; in the all-in-one the token that it printed), or is
 *   vouched for by a proxy. There are no cookies.
 * - An answer that is no success is a {@link Problem} with content type `application/problem+json`:
 *   400 `invalid-request`, 401 `unauthenticated`, 403 `forbidden`, 404 `not-found`, 405 `method-not-allowed`,
 *   409 `conflict` (the set or revision is not in a state for it, or changed meanwhile), 413 `body-too-large`,
 *   415 `unsupported-media-type`, 429 `too-many-requests`, 503 `not-leading` (`Retry-After`; `leader` names the replica), 503 `unavailable`, 500 `internal`.
 *
 * | method and path | answer | right (verb resource, in the namespace) |
 * |---|---|---|
 * | `GET /api/v1/whoami` | {@link WhoAmI} | none |
 * | `GET /api/v1/sets?namespace=` | {@link SetList} | list policysets; without it everywhere, those of namespaces where it is given |
 * | `GET /api/v1/sets/:ns/:name` | {@link SetDetail} | get policysets |
 * | `GET /api/v1/sets/:ns/:name/revisions?limit=&continue=` | {@link RevisionList} | list policyrevisions |
 * | `GET /api/v1/sets/:ns/:name/revisions/:n` | {@link RevisionDetail} | get policyrevisions |
 * | `GET /api/v1/sets/:ns/:name/diff?from=&to=` | {@link RevisionDiff} | list policyrevisions |
 * | `GET /api/v1/sets/:ns/:name/pdps?state=&q=&limit=&continue=` | {@link PdpList} | get policysets |
 * | `GET /api/v1/sets/:ns/:name/pdps/:node/why` | {@link PdpWhy} | get policysets |
 * | `GET /api/v1/sets/:ns/:name/series` | {@link Series} | list policyrevisions |
 * | `GET /api/v1/events?namespace=&set=` | {@link ConsoleEvent}s, `text/event-stream` | list policysets, as above |
 * | `POST /api/v1/sets/:ns/:name/actions/:action` | {@link ActionResult} | update policysets, or update policyrevisions: {@link ActionRight} |
 *
 * `:node` is {@link PdpView.nodeId}. `limit` is 1 to 500 (default 100). `continue` is what the page before said; a page may
 * then hold what changed meanwhile.
 */

/** Where a rollout stands, as in the status of a PolicyRevision. */
export type Phase =
  | 'Pending'
  | 'Preparing'
  | 'Gating'
  | 'Committing'
  | 'Soaking'
  | 'Paused'
  | 'AwaitingApproval'
  | 'Completed'
  | 'Aborted'
  | 'RolledBack';

/** RFC 9457, as every answer that is no success. */
export interface Problem {
  /** `urn:edict:problem:` and one of the names above. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** For people: what is wrong, and what to do. */
  readonly detail: string;
  /** With `not-leading`: the pod that leads, where it is known. */
  readonly leader?: string;
}

/** `GET /api/v1/whoami`. */
export interface WhoAmI {
  readonly user: string;
  readonly groups: readonly string[];
  /** How the user is known. `Local`: the all-in-one's token. */
  readonly by: 'Token' | 'Proxy' | 'Local';
  /** The replica that answers. */
  readonly replica: string;
  /** This release. */
  readonly version: string;
  /** The operator's clock: what ages are counted from. */
  readonly now: string;
}

/** What `kubectl get` says of a set, and a line for people. */
export interface SetSummary {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly mode: 'Standard' | 'Strict';
  /** Newest revision; 0 for none. */
  readonly desired: number;
  /** Newest revision that is decided for everyone; 0 for none. */
  readonly committed: number;
  readonly pdps: PdpCounts;
  /** Of the newest revision; absent while there is none. */
  readonly phase?: Phase;
  /** Wave under way, where there is more than one. */
  readonly wave?: { readonly index: number; readonly count: number };
  readonly ready: { readonly status: 'True' | 'False' | 'Unknown'; readonly reason: string; readonly message: string };
  /** `Failed`: something is wrong and passes not by itself. `Waiting`: for a person. `Unknown`: nobody serves it, or not heard yet. */
  readonly health: 'Good' | 'Progressing' | 'Waiting' | 'Failed' | 'Unknown';
  /** One sentence: where it stands. */
  readonly headline: string;
  readonly isPaused: boolean;
  /** Since when the Ready condition is as it is. */
  readonly since?: string;
}

/** How many PDPs are where. */
export interface PdpCounts {
  readonly required: number;
  readonly connected: number;
  readonly prepared: number;
  readonly active: number;
  readonly nacked: number;
  readonly laggards: number;
  readonly missing: number;
}

/** `GET /api/v1/sets`. By namespace and name. */
export interface SetList {
  readonly now: string;
  readonly sets: readonly SetSummary[];
  /** Namespaces with sets that the user may not see are left out: true if there are any. */
  readonly isPartial: boolean;
}

/** What may be done to a set by this user, now. */
export interface ActionRight {
  readonly action: ActionName;
  readonly isAllowed: boolean;
  /** For people: why it is not allowed or makes no sense at present. */
  readonly why?: string;
  /** The write that it is, as RBAC names it: `update policysets`. */
  readonly right: string;
}

/** `GET /api/v1/sets/:ns/:name`. */
export interface SetDetail {
  readonly now: string;
  readonly summary: SetSummary;
  readonly spec: {
    readonly domains: readonly string[];
    /** `spec.rollout` as stored, defaults filled in. */
    readonly rollout: unknown;
    /** `spec.consistency` as stored. */
    readonly consistency: unknown;
    readonly minReady: number;
    readonly isPaused: boolean;
    readonly rollbackTo?: number;
    readonly historyLimit: number;
  };
  /** Who asked for what is in force, and why, where they said so. */
  readonly requests: {
    readonly pause?: Request;
    readonly rollback?: Request & { readonly toRevision: number };
    readonly emergency?: Request & { readonly revision: number };
  };
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
    readonly since: string;
  }[];
  /** The newest revision, while it is not completed, and after it was ended until a newer one replaces it. */
  readonly rollout?: RolloutView;
  /** PDPs that are not where they should be, worst first; at most 20. */
  readonly exceptions: readonly {
    readonly node: string;
    readonly state: string;
    readonly active: number;
    readonly reason: string;
  }[];
  /** `Strict`: so long after a decision nobody serves what was before it. */
  readonly revocationBoundMs?: number;
  /** Longest lease that a PDP holds. */
  readonly leaseMs: number;
  readonly token?: string;
  readonly lastConvergence?: {
    readonly revision: number;
    readonly at: string;
    readonly convergenceMs: number;
    readonly skewMs: number;
  };
  /** Contents that are not tried again by themselves. */
  readonly failedDigests: readonly { readonly digest: string; readonly reason: string; readonly at: string }[];
  readonly actions: readonly ActionRight[];
}

/** Somebody's wish, as the annotations name it. */
export interface Request {
  readonly by?: string;
  readonly reason?: string;
}

/** A rollout under way, or how it ended. */
export interface RolloutView {
  readonly revision: number;
  readonly digest: string;
  readonly phase: Phase;
  readonly isOpen: boolean;
  /** Why it does not go on although it could. */
  readonly hold?: { readonly reason: HoldReason; readonly message: string };
  /** How it was ended. */
  readonly cause?: { readonly reason: string; readonly message: string };
  readonly createdAt: string;
  readonly preparingSince?: string;
  readonly waves: readonly WaveView[];
  /** The wave under way. */
  readonly wave: number;
  readonly shadow?: ShadowView;
  readonly analysis?: {
    readonly wave: number;
    readonly verdict: 'Pass' | 'Fail' | 'Unknown';
    readonly message: string;
  };
  readonly counts: PdpCounts;
}

/** What a rollout waits for besides PDPs. */
export type HoldReason =
  | 'PauseRequested'
  | 'ApprovalRequired'
  | 'ShadowWindow'
  | 'LeaseGap'
  | 'Soak'
  | 'AnalysisFailed'
  | 'AnalysisUnknown'
  | 'DeadlineExceeded'
  | 'RepeatedFailure';

/** One wave of a rollout. */
export interface WaveView {
  readonly index: number;
  /** For people: `5% of the principals`, `PDPs in zone a`, `everyone`. */
  readonly label: string;
  readonly principals?: number;
  readonly nodes?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly zones?: readonly string[];
    readonly sharePercent?: number;
  };
  readonly isFinal: boolean;
  readonly soakMs: number;
  readonly needsApproval: boolean;
  readonly approvedBy?: string;
  readonly isApproved: boolean;
  /** `Waiting`: earlier ones come first. `Current`: prepared for, committed, or watched. `Done`: reached, and watched. `Stopped`: decided not to be. */
  readonly state: 'Waiting' | 'Current' | 'Done' | 'Stopped';
  readonly decision?: 'Commit' | 'Abort';
  readonly decidedAt?: string;
  readonly decidedBy?: string;
  /** PDPs that it must reach and those that it has reached; known of the wave under way. */
  readonly required?: number;
  readonly active?: number;
}

/** What would change, by live requests that both revisions answered. */
export interface ShadowView {
  readonly verdict: 'Waiting' | 'Pass' | 'Fail';
  readonly message: string;
  readonly total: number;
  readonly changed: number;
  readonly grantToDeny: number;
  readonly denyToGrant: number;
  readonly errors: number;
  readonly dropped: number;
  /** At most 20; the PDPs have taken out what is personal. */
  readonly samples: readonly {
    readonly difference: string;
    readonly principal: string;
    readonly operation: string;
    readonly resource: string;
  }[];
}

/** One line of the history. */
export interface RevisionSummary {
  readonly n: number;
  readonly digest: string;
  readonly parent: number;
  /** `Spec`, `Rollback`, `Withdraw`, `Emergency`. */
  readonly reason: string;
  /** Revision whose content it repeats. */
  readonly rollbackOf?: number;
  /** Who asked for it and why, where somebody did by name. */
  readonly by?: string;
  readonly why?: string;
  readonly createdAt: string;
  readonly phase: Phase;
  readonly cause?: string;
  readonly isCommitted: boolean;
  /** It is what the set serves to everyone. */
  readonly isServing: boolean;
  readonly completedAt?: string;
  readonly convergenceMs?: number;
  readonly skewMs?: number;
  /** `prepared/required`, `active/required`. */
  readonly prepared?: string;
  readonly active?: string;
  readonly nacked?: number;
  readonly domains: number;
}

/** `GET .../revisions`: newest first. */
export interface RevisionList {
  readonly now: string;
  readonly revisions: readonly RevisionSummary[];
  readonly continue?: string;
}

/** `GET .../revisions/:n`. */
export interface RevisionDetail {
  readonly now: string;
  readonly summary: RevisionSummary;
  readonly rollout: RolloutView;
  readonly domains: readonly RevisionDomain[];
  readonly tests: readonly string[];
  readonly signedBy: string;
  readonly exceptions: SetDetail['exceptions'];
}

/** One domain as a revision carries it. */
export interface RevisionDomain {
  readonly namespace: string;
  readonly name: string;
  readonly digest: string;
  readonly generation: number;
  readonly size: number;
}

/** `GET .../diff?from=&to=`. Without `from` the parent of `to`, without `to` the newest. */
export interface RevisionDiff {
  readonly now: string;
  readonly from: number;
  readonly to: number;
  readonly isSameContent: boolean;
  readonly domains: readonly DomainDiff[];
  /** Test suites, and how the set is served, differ. */
  readonly testsChanged: boolean;
  readonly servingChanged: boolean;
  readonly consistencyChanged: boolean;
  /** For whom: what live requests showed while `to` was compared with what served then; `against` is that revision. */
  readonly shadow?: ShadowView & { readonly against: number };
}

/** What changes in one domain. Domains that stay are left out. */
export interface DomainDiff {
  readonly namespace: string;
  readonly name: string;
  readonly change: 'Added' | 'Removed' | 'Changed';
  readonly from?: string;
  readonly to?: string;
  /** By section (`policies`, `roles`, ...) and name; at most 500. Absent where a bundle is gone, and from the hundred and first domain on. */
  readonly entities?: readonly EntityDiff[];
  /** There are more than are listed. */
  readonly isCut?: boolean;
}

/** One entity that differs. */
export interface EntityDiff {
  readonly section: string;
  /** MRN, or name where it has none. */
  readonly id: string;
  readonly change: 'Added' | 'Removed' | 'Changed';
  /** Rego that differs, as lines: `+`, `-` or space, then the line. At most 400. */
  readonly lines?: readonly string[];
  /** Members other than Rego that differ. */
  readonly members?: readonly string[];
}

/** Where one PDP stands with one set, in one word. */
export const PDP_STATES = [
  /** It serves what it should. */
  'Active',
  /** It gives the revision under way to a share of its principals. */
  'Canary',
  /** It has prepared the revision under way. */
  'Prepared',
  'Preparing',
  /** Left behind at a deadline, and still behind. */
  'Laggard',
  /** Its last word about the newest revision is a refusal. */
  'Nacked',
  /** It serves something else than it should. */
  'Behind',
  /** Nobody vouches any more for what it serves. */
  'Stale',
  /** It should be there, and has no stream. */
  'Missing',
] as const;
export type PdpState = (typeof PDP_STATES)[number];

/** One PDP of a set. */
export interface PdpView {
  readonly nodeId: string;
  /** `namespace/name` of the pod. */
  readonly pod: string;
  readonly state: PdpState;
  readonly isConnected: boolean;
  /** Since when it is connected or not. */
  readonly changedAt?: string;
  readonly lastBeatAt?: string;
  readonly engine: string;
  /** Revisions; 0 for none. */
  readonly active: number;
  readonly staged: number;
  readonly canary?: { readonly revision: number; readonly upTo: number };
  /** The first wave of the open rollout that reaches it. */
  readonly wave?: number;
  /** The rollout under way waits for it. */
  readonly isAwaited: boolean;
  /** Latest moment at which its lease ends, if nothing more is heard; the PDP may count less, never more. */
  readonly leaseUntil?: string;
  readonly nack?: PdpNack;
  /** One line: what is wrong, or what it waits for. */
  readonly reason?: string;
}

/** What a PDP refused, and why. */
export interface PdpNack {
  readonly revision: number;
  readonly phase: string;
  readonly code: string;
  readonly isDeterministic: boolean;
  /** With domain, MRN and line where the PDP named them. */
  readonly text: string;
}

/** `GET .../pdps`. Worst state first, then by pod. */
export interface PdpList {
  readonly now: string;
  readonly pdps: readonly PdpView[];
  /** Of all PDPs of the set, whatever is asked for. */
  readonly total: number;
  readonly byState: Readonly<Partial<Record<PdpState, number>>>;
  /** Those that `state` and `q` leave. */
  readonly matching: number;
  readonly continue?: string;
}

/** `GET .../pdps/:node/why`: what holds this PDP back, most important first. */
export interface PdpWhy {
  readonly now: string;
  readonly pdp: PdpView;
  readonly summary: string;
  readonly findings: readonly Finding[];
}

/** One thing that is, or is not, as it should be. */
export interface Finding {
  /** Stable, CamelCase; see {@link FINDING_CODES}. */
  readonly code: FindingCode;
  readonly severity: 'Info' | 'Warning' | 'Error';
  readonly message: string;
  /** What to do, where there is something. */
  readonly advice?: string;
  readonly since?: string;
}

/** What can hold a PDP back. */
export const FINDING_CODES = [
  'Converged',
  'NeverConnected',
  'ProtocolTooOld',
  'ProtocolTooNew',
  'NotConnected',
  'Silent',
  'Nacked',
  'FetchFailing',
  'InstallFailing',
  'LeaseOver',
  'Laggard',
  'Preparing',
  'WaitingForOthers',
  'WaitingForWave',
  'WaitingForHold',
  'SwapPending',
  'BehindCommitted',
  'Ahead',
  'UnknownRevision',
  'ClockUnsure',
  'NoRevision',
] as const;
export type FindingCode = (typeof FINDING_CODES)[number];

/** `GET .../series`: one point per revision that has the figure, ascending by `n`. */
export interface Series {
  readonly now: string;
  readonly points: readonly {
    readonly n: number;
    readonly at: string;
    readonly convergenceMs: number;
    readonly skewMs: number;
    readonly reason: string;
  }[];
}

/** What can be asked for. */
export const ACTIONS = ['pause', 'resume', 'approve', 'abort', 'undo'] as const;
export type ActionName = (typeof ACTIONS)[number];

/**
 * Body of `POST .../actions/:action`; `{}` is enough for all but `abort`, which needs a reason. `content-type` is
 * `application/json`. An action is done once it is written: what comes of it is seen in the events.
 *
 * - `pause`, `resume`: `spec.paused` of the set (update policysets).
 * - `approve`: the next wave that waits for it, or `wave` (update policyrevisions).
 * - `abort`: ends the rollout under way (update policyrevisions).
 * - `undo`: `spec.rollbackTo` of the set: `toRevision`, by default the committed one before with another content; `now` skips
 *   waves, shadow evaluation and approval; `clear` ends an earlier undo (update policysets).
 */
export interface ActionBody {
  /** The revision that the user looked at: the action is refused with 409 if another one is under way by now. */
  readonly revision?: number | undefined;
  readonly wave?: number | undefined;
  /** At most 512 characters. */
  readonly reason?: string | undefined;
  readonly now?: boolean | undefined;
  readonly toRevision?: number | undefined;
  readonly clear?: boolean | undefined;
}

/** What was written. */
export interface ActionResult {
  readonly action: ActionName;
  readonly by: string;
  /** For people, in the past: `wave 2 of revision 43 is approved`. */
  readonly message: string;
  /** False: it was so already, nothing was written. */
  readonly isChanged: boolean;
}

/**
 * `GET /api/v1/events`: server-sent events. Each has `event` (its `type`) and `data` (this, as JSON), and `id` where a client
 * may resume from: what a `Last-Event-ID` named is told of once.
 *
 * The first one is `hello`. It is followed by a `set` for each set that the user may see, unless the client sent a
 * `Last-Event-ID` that this replica knows: then by what it missed. A set is told of when anything of its detail changes, at most
 * twice a second. Comments (`: `) come every 15 s at the latest, so silence of
 * 45 s means a dead connection. `end` is the last one before the server closes: come back as `retryMs` says.
 */
export type ConsoleEvent =
  | { readonly type: 'hello'; readonly now: string; readonly replica: string; readonly isResumed: boolean }
  /** New, or changed: who shows the set's detail asks for it again. */
  | { readonly type: 'set'; readonly now: string; readonly set: SetSummary }
  | { readonly type: 'removed'; readonly now: string; readonly namespace: string; readonly name: string }
  | {
      readonly type: 'end';
      readonly now: string;
      readonly reason: 'unauthenticated' | 'forbidden' | 'not-leading' | 'closing' | 'too-slow';
      readonly retryMs: number;
    };
