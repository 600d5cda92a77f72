import {
  decide,
  defaultDecisionLimits,
  parsePorc,
  renderAccessRecord,
  type Clock,
  type DecideContext,
} from '@edict/engine';
import type { ActiveRevision, ActiveSets, Selection } from '../active-sets.ts';
import type { LoadMeter } from '../observability/load-meter.ts';
import type { PdpMetrics } from '../observability/metrics.ts';
import { readMultipart, readUrlEncoded } from './form-body.ts';
import { readProbe } from './probe-parameter.ts';
import { messageReply, problemReply, type ProblemName, type Reply } from './reply.ts';

/** One `POST /decision`, read but not looked at. */
export interface DecisionRequest {
  /** Raw query string without `?`. */
  readonly query: string;
  readonly contentType: string | undefined;
  /** The `Policy-Set` request header. */
  readonly set: string | undefined;
  readonly body: Buffer;
}

/** Takes access records. Never throws, never waits. */
export interface AuditSink {
  readonly hasRoom: boolean;
  readonly offer: (line: string) => boolean;
}

export interface DecisionHandlerDeps {
  readonly sets: ActiveSets;
  readonly audit: AuditSink;
  /** What happens when the audit sink has no room: decide and lose the record (counted), or refuse with 503. */
  readonly onAuditFull: 'Drop' | 'Refuse';
  readonly metrics: Pick<PdpMetrics, 'decisions' | 'decisionSeconds' | 'invalid' | 'refused'>;
  readonly meter: Pick<LoadMeter, 'decided' | 'refused'>;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly includeAll: boolean;
  readonly maxSteps: number;
}

const ALLOW_BODY = '{"allow":true}\n';
const DENY_BODY = '{"allow":false}\n';

/**
 * `POST /decision` of the Manetu API: bytes in, reply out; knows nothing of sockets. 200 for GRANT and for DENY; 400 for
 * what is no PORC; 503 and a problem when there is no policy, which is never an allow and never looks like a deny.
 */
export function createDecisionHandler(deps: DecisionHandlerDeps): (request: DecisionRequest) => Reply {
  const { sets, audit, metrics, clock } = deps;
  const permits = metrics.decisions.labels('permit');
  const denies = metrics.decisions.labels('deny');
  // Both series are there from the start: a rate over one that appears later misses its first decision.
  permits.inc(0);
  denies.inc(0);
  const contexts = new WeakMap<ActiveRevision, DecideContexts>();

  const refuse = (problem: ProblemName, detail: string): Reply => {
    metrics.refused.inc({ problem });
    deps.meter.refused();
    return problemReply(problem, detail);
  };
  const invalid = (reply: Reply): Reply => {
    metrics.invalid.inc();
    return reply;
  };

  return (request) => {
    const startedNs = clock.monotonicNs();
    const probe = readProbe(request.query);
    if (!probe.ok) return invalid(messageReply(400, probe.message));
    const selection = sets.select(request.set);
    if (selection.kind !== 'active') return refuse(selection.kind, explain(selection));
    const body = readBody(request);
    if (!body.ok) return invalid(body.reply);
    if (!probe.probe && deps.onAuditFull === 'Refuse' && !audit.hasRoom) {
      return refuse('audit-unavailable', 'The access record could not be kept, so no decision is given.');
    }
    const { active } = selection;
    let known = contexts.get(active);
    if (known === undefined) {
      known = decideContexts(active, deps);
      contexts.set(active, known);
    }
    const { allow, record } = decide(active.snapshot, body.porc, probe.probe ? known.probe : known.recorded);
    if (record !== undefined) audit.offer(renderAccessRecord(record));
    (allow ? permits : denies).inc();
    const tookNs = clock.monotonicNs() - startedNs;
    metrics.decisionSeconds.observe(tookNs / 1e9);
    deps.meter.decided(allow, tookNs);
    return { status: 200, headers: known.headers, body: allow ? ALLOW_BODY : DENY_BODY };
  };
}

/** What every decision of one revision shares; made once per swap, not per request. */
interface DecideContexts {
  readonly recorded: DecideContext;
  readonly probe: DecideContext;
  readonly headers: Readonly<Record<string, string>>;
}

function decideContexts(active: ActiveRevision, deps: DecisionHandlerDeps): DecideContexts {
  const { set, n, digest } = active;
  const recorded: DecideContext = {
    clock: deps.clock,
    newId: deps.newId,
    revision: { set, revision: n, digest },
    includeAll: deps.includeAll,
    limits: { ...defaultDecisionLimits, maxSteps: deps.maxSteps },
  };
  return {
    recorded,
    probe: { ...recorded, probe: true },
    headers: {
      'content-type': 'application/json',
      'policy-set': set,
      'policy-revision': String(n),
      'policy-digest': digest,
    },
  };
}

/** Why there is no snapshot to decide with, and what the caller can do. */
function explain(selection: Exclude<Selection, { readonly kind: 'active' }>): string {
  switch (selection.kind) {
    case 'no-policy':
      return 'This PDP has no committed policy yet. Ask again later or ask another PDP.';
    case 'unknown-set':
      return `This PDP has no active policy for set ${JSON.stringify(selection.set)}.`;
    case 'set-required':
      return `This PDP serves ${selection.sets.join(', ')}: name one in the Policy-Set request header.`;
  }
}

type Body = { readonly ok: true; readonly porc: unknown } | { readonly ok: false; readonly reply: Reply };

function readBody({ contentType = '', body }: DecisionRequest): Body {
  // An empty body crashes the reference engine; here it is a client's mistake.
  if (body.length === 0) {
    return { ok: false, reply: messageReply(400, 'the body is empty: send a PORC as a JSON object') };
  }
  if (contentType.startsWith('application/json')) {
    const parsed = parsePorc(body, { trailing: 'ignore' });
    return parsed.ok ? { ok: true, porc: parsed.porc } : { ok: false, reply: messageReply(400, parsed.message) };
  }
  if (contentType.startsWith('application/x-www-form-urlencoded')) return formBody(readUrlEncoded(body.toString()));
  if (contentType.startsWith('multipart/form-data')) return formBody(readMultipart(body.toString(), contentType));
  if (contentType.startsWith('application/xml') || contentType.startsWith('text/xml')) {
    return { ok: false, reply: messageReply(400, 'XML is not a PORC: send a JSON object') };
  }
  return { ok: false, reply: messageReply(415, 'Unsupported Media Type') };
}

function formBody(form: ReturnType<typeof readUrlEncoded>): Body {
  return form.ok ? { ok: true, porc: form.fields } : { ok: false, reply: messageReply(400, form.message) };
}
