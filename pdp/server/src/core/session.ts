import type { Serving } from '@edict/crds';
import type { AccessRecord, DecisionLimits, Documents, MapResult, Snapshot } from '@edict/engine';
import type { EvaluateOptions, Outcome, Value } from '@edict/rego';
import type { ProblemName } from '../http/reply.ts';
import type { BodyClaim } from './body-claim.ts';

/** The APIs that ask for decisions; label of metrics, field of records. */
export const API_NAMES = ['manetu', 'opa', 'authzen', 'envoy', 'grpc'] as const;
export type ApiName = (typeof API_NAMES)[number];

/** Where a request wants to be decided, as far as it can be told without understanding its body. */
export interface EntryRequest {
  readonly api: ApiName;
  /** A set key (`namespace/name`) or a name of a virtual instance; undefined where the request names none. */
  readonly instance: string | undefined;
  /** The name by which the client asked for the server (SNI): where it is that of an instance, and none is named, it chooses it. */
  readonly serverName?: string | undefined;
  /** The raw `Policy-At-Least` of the request: a token, or `set@revision`. */
  readonly atLeast?: string | undefined;
  /** The raw `Policy-Exactly` of the request, which is refused: it asks for what no PDP offers. */
  readonly exactly?: string | undefined;
  /** The raw `Policy-Wait` of the request: a duration such as `200ms`. */
  readonly wait?: string | undefined;
  /** Who asks, as authentication found it; undefined where callers are not authenticated. */
  readonly caller?: string | undefined;
  /** Address and port that the request came from, for records. */
  readonly client?: string | undefined;
  /** W3C trace context of the request. */
  readonly traceparent?: string | undefined;
  /** Bytes of the body, which count against what the set may hold until the session ends. Default 0. */
  readonly bodyBytes?: number | undefined;
  /** Tells a listener, at most once, that the caller has gone. Called only if the request has to wait. */
  readonly onGone?: ((listener: () => void) => void) | undefined;
}

/** Why no decision is given. Never a decision itself. */
export interface Refusal {
  readonly kind: 'refused';
  readonly problem: ProblemName;
  readonly detail: string;
  /** Further members of the problem document, such as `active` and `required`. */
  readonly members?: Readonly<Record<string, unknown>> | undefined;
}

export type Entry = { readonly kind: 'entered'; readonly session: Session } | Refusal;

/** The one way to decisions, whichever API asks: every API is a translation to it and back. */
export interface DecisionCore {
  /**
   * Chooses the set, waits for its revision or its loading if that was asked for, counts the request against the limits of
   * the set, and takes hold of one snapshot. A promise only where something is waited for. Never rejects. Refusals are
   * counted here.
   */
  readonly enter: (request: EntryRequest) => Entry | Promise<Entry>;
  /**
   * What the body of a request to that set may take while it arrives; undefined where no set is chosen, and where a request
   * would be refused for another reason anyway. Whoever asks has to give back what was taken.
   */
  readonly claimBody: (request: Pick<EntryRequest, 'instance' | 'serverName'>) => BodyClaim | undefined;
  /**
   * How a set is served, in memory or not, or why there is no such set. Nothing is counted, woken or waited for: this is for
   * what tells clients where to ask.
   */
  readonly servingOf: (request: Pick<EntryRequest, 'instance' | 'serverName'>) => Serving | Refusal;
  /** Counts a request that was wrong before anything could be decided: no PORC, a bad parameter. */
  readonly invalid: (api: ApiName) => void;
}

/** The revision that a session decides with. */
export interface SessionRevision {
  readonly set: string;
  readonly n: number;
  readonly digest: string;
  /** The consistency token of this revision; of a canary, that of the revision that answers for all others. */
  readonly token: string;
}

/**
 * One request's hold on one snapshot: all that is decided in it, a batch included, is decided by the same revision. While a
 * set has a canary it is a hold on both: each question is answered by the revision that is for its principal. What is asked
 * of a session is asked one thing after the other. Every decision is counted, and recorded unless it is a probe. `end` must
 * be called once, whatever happened. `revision`, `headers`, `serving` and `limits` are the same objects in every session of
 * one revision, so that what is made of them can be kept in a `WeakMap`.
 */
export interface Session {
  /** What answered last; before that, what answers for those who are not in a canary's share. */
  readonly revision: SessionRevision;
  /** What answered all that was asked; where more than one did, the revision for those who are not in a canary's share. */
  readonly overall: SessionRevision;
  /** `policy-set`, `policy-revision`, `policy-digest` and `policy-token` of {@link overall}, for answers. */
  readonly headers: Readonly<Record<string, string>>;
  readonly serving: Serving;
  readonly snapshot: Snapshot;
  /** Undefined where the set serves no documents. */
  readonly documents: Documents | undefined;
  /** Bounds on one decision of this set. */
  readonly limits: DecisionLimits;
  /**
   * Has a mapper of the set make a PORC of a caller's attributes (JSON data), as `mapRequest` does; `domain` names whose, where
   * several have one. A promise only where mappers use the network. Never rejects.
   */
  map(attributes: unknown, domain: string | undefined): MapResult | Promise<MapResult>;
  /**
   * Decides one PORC (plain JSON data as `parsePorc` gives it). A promise only where policies use the network or the
   * record has to be waited for. Never rejects.
   */
  decide(porc: unknown, options: DecideOptions): PorcAnswer | Promise<PorcAnswer>;
  /** Evaluates a document and records it as a decision. A promise only for the reasons of {@link decide}. Never rejects. */
  query(query: DocumentQuery): DocumentAnswer | Promise<DocumentAnswer>;
  /**
   * Counts bytes besides those of the body against what the set may hold, until the session ends: a body was inflated, or says
   * one thing for many questions. The refusal, which is counted, if they do not fit.
   */
  hold(bytes: number): Refusal | undefined;
  end(): void;
}

export interface DecideOptions {
  /** Decide without an access record. */
  readonly probe: boolean;
  /** Give the record to the caller too, for explanations; in probe mode it is made and not kept. */
  readonly explain?: boolean | undefined;
}

/** A PORC decision, or why none is given. `record` is there if `explain` asked for it. */
export type PorcAnswer =
  { readonly kind: 'decided'; readonly allow: boolean; readonly record: AccessRecord | undefined } | Refusal;

export interface DocumentQuery {
  /** Parts of the path below `data`. */
  readonly path: readonly string[];
  /** Undefined: there is no input document. */
  readonly input: Value;
  /** Steps are bounded by the set's limit besides. */
  readonly options?: EvaluateOptions | undefined;
  /** What the record says was asked, such as `authzen/allow`; the path by default. */
  readonly label?: string | undefined;
  /** Whether the outcome means allow, for counters and records; undefined where it is no decision (OPA's data API). */
  readonly verdict?: ((outcome: Outcome) => boolean | undefined) | undefined;
  /** Without a record. */
  readonly probe?: boolean | undefined;
}

/** What a document query gave. `decisionId` names its record. */
export type DocumentAnswer =
  { readonly kind: 'evaluated'; readonly decisionId: string; readonly outcome: Outcome } | Refusal;
