import {
  decide,
  decideWithNetwork,
  denyAll,
  mapRequest,
  NetworkSession,
  withNetwork,
  type Clock,
  type DecideContext,
  type Decision,
  type DecisionLimits,
  type Documents,
  type MapResult,
  type NetworkAccess,
  type Snapshot,
} from '@edict/engine';
import { messageOf } from '@edict/protocol';
import type { EvaluateOptions, Outcome } from '@edict/rego';
import type { Serving } from '@edict/crds';
import type { AuditContext, AuditSink } from './audit-sink.ts';
import { bodiesFull, bodyTooLarge } from './body-claim.ts';
import { hasFailed } from './decision-cache.ts';
import type { DecisionTracer, TracedDecision } from './decision-tracer.ts';
import type { ServedRevision } from './served-revision.ts';
import type {
  ApiName,
  DecideOptions,
  DocumentAnswer,
  DocumentQuery,
  PorcAnswer,
  Refusal,
  Session,
  SessionRevision,
} from './session.ts';
import { giveBack } from './set-usage.ts';
import type { Tally } from './tally.ts';

/** What all sessions share. */
export interface SessionDeps {
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly newId: () => string;
  /** What policies may do with the network; without it such calls fail. */
  readonly network: NetworkAccess | undefined;
  readonly tracer: DecisionTracer | undefined;
}

/** Who a session is for. */
export interface SessionRequest {
  readonly api: ApiName;
  readonly caller?: string | undefined;
  readonly client?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly bodyBytes?: number | undefined;
}

// The answers of most decisions, made once.
const ALLOWED: PorcAnswer = { kind: 'decided', allow: true, record: undefined };
const DENIED: PorcAnswer = { kind: 'decided', allow: false, record: undefined };

const UNRECORDED: Refusal = {
  kind: 'refused',
  problem: 'audit-unavailable',
  detail: 'The access record could not be kept, so no decision is given.',
};

/** One request's hold on one revision. What it uses has been counted in the set's usage; `end` takes it off again. */
export class LiveSession implements Session, AuditContext {
  readonly #deps: SessionDeps;
  readonly #served: ServedRevision;
  readonly #tally: Tally;
  readonly #request: SessionRequest;
  /** When what is being decided was begun: a batch's second item begins where its first ended. */
  #sinceNs: number;
  #ended = false;
  /** What was held besides the body. */
  #moreBytes = 0;

  /** `nowNs`: when the request is let in, by the clock of `deps`. */
  constructor(deps: SessionDeps, served: ServedRevision, tally: Tally, request: SessionRequest, nowNs: number) {
    this.#deps = deps;
    this.#served = served;
    this.#tally = tally;
    this.#request = request;
    this.#sinceNs = nowNs;
  }

  get api(): ApiName {
    return this.#request.api;
  }
  get caller(): string | undefined {
    return this.#request.caller;
  }
  get client(): string | undefined {
    return this.#request.client;
  }
  get traceparent(): string | undefined {
    return this.#request.traceparent;
  }
  get labels(): Readonly<Record<string, string>> {
    return this.#served.labels;
  }
  get revision(): SessionRevision {
    return this.#served.revision;
  }
  get overall(): SessionRevision {
    return this.#served.revision;
  }
  get headers(): Readonly<Record<string, string>> {
    return this.#served.headers;
  }
  get serving(): Serving {
    return this.#served.active.snapshot.serving;
  }
  get snapshot(): Snapshot {
    return this.#served.active.snapshot;
  }
  get documents(): Documents | undefined {
    return this.#served.active.snapshot.documents;
  }
  get limits(): DecisionLimits {
    return this.#served.decisionLimits;
  }

  decide(porc: unknown, options: DecideOptions): PorcAnswer | Promise<PorcAnswer> {
    const room = options.probe || this.#deps.audit.room(this);
    if (room === true) return this.#decide(porc, options);
    if (room === false) return this.#unrecorded();
    return room.then((given) => (given ? this.#decide(porc, options) : this.#unrecorded()));
  }

  map(attributes: unknown, domain: string | undefined): MapResult | Promise<MapResult> {
    const { snapshot, limits } = this;
    const { network, clock } = this.#deps;
    const options = { domain, limits, nowMs: clock.nowMs() };
    if (network === undefined || !this.#served.mapsWithNetwork) return mapRequest(snapshot, attributes, options);
    const session = new NetworkSession(network);
    const mapped = withNetwork(session, () => mapRequest(snapshot, attributes, { ...options, network: session }));
    if (!(mapped instanceof Promise)) return mapped;
    return mapped.catch((error: unknown) => ({ ok: false, code: 'MapperFailed', message: messageOf(error) }));
  }

  query(query: DocumentQuery): DocumentAnswer | Promise<DocumentAnswer> {
    const room = query.probe === true || this.#deps.audit.room(this);
    if (room === true) return this.#query(query);
    if (room === false) return this.#unrecorded();
    return room.then((given) => (given ? this.#query(query) : this.#unrecorded()));
  }

  hold(bytes: number): Refusal | undefined {
    const { usage, setLimits, active } = this.#served;
    const { bodyBytes = 0 } = this.#request;
    const own = bodyBytes + this.#moreBytes + bytes;
    if (own > setLimits.maxBodyBytes) return this.#refused(bodyTooLarge(active.set, setLimits.maxBodyBytes));
    if (usage.bodyBytes + bytes > setLimits.maxBodyBytes) return this.#refused(bodiesFull(active.set));
    this.#moreBytes += bytes;
    usage.bodyBytes += bytes;
    return undefined;
  }

  /** What is asked next is asked now: meanwhile another session answered. */
  resume(): void {
    this.#sinceNs = this.#deps.clock.monotonicNs();
  }

  end(): void {
    if (this.#ended) throw new Error('a session was ended twice');
    this.#ended = true;
    const { usage } = this.#served;
    usage.lastUsedNs = this.#sinceNs;
    usage.bodyBytes -= this.#moreBytes;
    giveBack(usage, this.#request);
  }

  #decide(porc: unknown, options: DecideOptions): PorcAnswer | Promise<PorcAnswer> {
    const { network } = this.#deps;
    const { active, stale } = this.#served;
    const { snapshot } = active;
    const context = options.probe && options.explain !== true ? this.#served.probe : this.#served.recorded;
    if (stale?.denial !== undefined) return this.#told(porc, denyAll(porc, context, stale.denial), options);
    if (network === undefined || !snapshot.usesNetwork) {
      return this.#told(porc, this.#decideHere(porc, context, options), options);
    }
    const decision = decideWithNetwork(snapshot, porc, context, network);
    return decision instanceof Promise
      ? decision.then((late) => this.#told(porc, late, options))
      : this.#told(porc, decision, options);
  }

  /** Decides at once: what is remembered is not decided again, unless it is to be explained. */
  #decideHere(porc: unknown, context: DecideContext, { probe, explain }: DecideOptions): Decision {
    const { active, decisions: cache } = this.#served;
    const make = (): Decision => decide(active.snapshot, porc, context);
    if (cache === undefined || explain === true) return make();
    const { clock, newId } = this.#deps;
    return cache.decide(porc, !probe, make, (record) => ({
      ...record,
      id: newId(),
      timestampMs: clock.nowMs(),
      durationNs: Math.max(0, clock.monotonicNs() - this.#sinceNs),
    }));
  }

  /** Records and counts a decision. */
  #told(
    porc: unknown,
    { allow, record }: Decision,
    { probe, explain }: DecideOptions,
  ): PorcAnswer | Promise<PorcAnswer> {
    if (record !== undefined && !probe) this.#served.shadow.tap?.decided({ porc, allow, record });
    const kept = record === undefined || probe ? undefined : this.#deps.audit.record(record, this);
    const answer: PorcAnswer = explain === true ? { kind: 'decided', allow, record } : allow ? ALLOWED : DENIED;
    const isFailure = record !== undefined && hasFailed(record);
    if (kept === undefined) return this.#counted(allow, answer, record, isFailure);
    return kept.then((safe) => (safe ? this.#counted(allow, answer, record, isFailure) : this.#unrecorded()));
  }

  #query(query: DocumentQuery): DocumentAnswer | Promise<DocumentAnswer> {
    const { documents } = this;
    if (documents === undefined) {
      return this.#refused({
        kind: 'refused',
        problem: 'not-served',
        detail: `The set ${this.revision.set} serves no documents: its PolicySet has no spec.serving.documents.`,
      });
    }
    const { stale } = this.#served;
    if (stale?.denial !== undefined) return this.#refused({ kind: 'refused', problem: 'stale', detail: stale.denial });
    const { clock, network } = this.#deps;
    const startedNs = clock.monotonicNs();
    const nowMs = clock.nowMs();
    const options = this.#boundedOptions(query.options, nowMs);
    const { path, input } = query;
    const answered = (outcome: Outcome): DocumentAnswer | Promise<DocumentAnswer> =>
      this.#answered(query, outcome, nowMs, startedNs);
    if (network === undefined || !documents.usesNetwork) {
      const make = (): Outcome => documents.evaluate(path, input, options);
      const { outcomes } = this.#served;
      const strict = strictnessOf(query.options);
      return answered(
        outcomes === undefined || strict === undefined ? make() : outcomes.query(path, input, strict, make),
      );
    }
    const session = new NetworkSession(network);
    const outcome = withNetwork(session, () => documents.evaluate(path, input, { ...options, network: session }));
    return outcome instanceof Promise ? outcome.then(answered) : answered(outcome);
  }

  /** Records and counts what a document gave. */
  #answered(
    { path, input, label, verdict, probe }: DocumentQuery,
    outcome: Outcome,
    timestampMs: number,
    startedNs: number,
  ): DocumentAnswer | Promise<DocumentAnswer> {
    const { clock, newId, audit } = this.#deps;
    const allow = verdict?.(outcome);
    const id = newId();
    const answer: DocumentAnswer = { kind: 'evaluated', decisionId: id, outcome };
    const asked = label ?? path.join('/');
    const traced = { id, path: asked };
    const isFailure = outcome.kind === 'error';
    if (probe === true) return this.#counted(allow, answer, traced, isFailure);
    this.#served.shadow.tap?.queried({ path, input, outcome, verdict });
    const durationNs = clock.monotonicNs() - startedNs;
    const kept = audit.record(
      { kind: 'document', id, timestampMs, path: asked, input, outcome, allow, durationNs },
      this,
    );
    if (kept === undefined) return this.#counted(allow, answer, traced, isFailure);
    return kept.then((safe) => (safe ? this.#counted(allow, answer, traced, isFailure) : this.#unrecorded()));
  }

  #boundedOptions(options: EvaluateOptions | undefined, nowMs: number): EvaluateOptions {
    const { maxSteps } = this.#served.decisionLimits;
    return {
      nowNs: BigInt(Math.trunc(nowMs)) * 1_000_000n,
      ...options,
      maxSteps: Math.min(maxSteps, options?.maxSteps ?? maxSteps),
    };
  }

  /** `isFailure`: an evaluation failed, whatever the answer became by it. A wave is judged by how many do. */
  #counted<T>(allow: boolean | undefined, answer: T, traced: TracedDecision, isFailure: boolean): T {
    const nowNs = this.#deps.clock.monotonicNs();
    const durationNs = nowNs - this.#sinceNs;
    this.#tally.decided(allow, durationNs);
    const { counters, load, stale } = this.#served;
    counters.decided(allow);
    load.decided(allow !== false, durationNs);
    if (isFailure) load.failed();
    stale?.count();
    this.#deps.tracer?.decided(this, allow, durationNs, traced);
    this.#sinceNs = nowNs;
    return answer;
  }

  #unrecorded(): Refusal {
    return this.#refused(UNRECORDED);
  }

  #refused(refusal: Refusal): Refusal {
    this.#tally.refused(refusal.problem);
    this.#served.counters.refused();
    this.#served.load.refused();
    this.#deps.tracer?.refused(this, refusal.problem);
    return refusal;
  }
}

/** Whether errors of built-ins are to end an evaluation; undefined where it is told anything else besides. */
function strictnessOf(options: EvaluateOptions | undefined): boolean | undefined {
  if (options === undefined) return false;
  const { strictBuiltinErrors = false, ...others } = options;
  return Object.keys(others).length === 0 ? strictBuiltinErrors : undefined;
}
