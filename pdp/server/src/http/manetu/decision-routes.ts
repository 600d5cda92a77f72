import type { DecisionCore, PorcAnswer, Session } from '../../core/session.ts';
import type { FindRules } from '../../explain/rule-explainer.ts';
import { inSession } from '../../core/in-session.ts';
import { INTERRUPTED, jsonReply, messageReply, type Reply } from '../reply.ts';
import { entryOf, refusalReply, type Route, type RouteRequest } from '../route.ts';
import { jsonHeadersOf } from '../session-headers.ts';
import { decideBatch, readBatch } from './batch.ts';
import { explainDecisions, type ExplainDecision } from './explain-decisions.ts';
import type { Explanation } from './explanation.ts';
import { readFlags, type DecisionFlags } from './flag-parameter.ts';
import { readPorcBody } from './porc-body.ts';

export interface ManetuRoutesDeps {
  readonly core: DecisionCore;
  /** PORCs that one batch may hold. */
  readonly maxBatch: number;
  /** Finds the rules behind a decision that is to be explained; without it explanations name policies alone. */
  readonly findRules?: FindRules | undefined;
}

const ALLOW_BODY = '{"allow":true}\n';
const DENY_BODY = '{"allow":false}\n';
const METHODS: Reply = { status: 204, headers: { allow: 'OPTIONS, POST' }, body: '' };

/**
 * The Manetu API: `POST /decision`, and its form for many, `POST /decisions`. 200 for GRANT and for DENY; 400 for what is no
 * PORC; a problem when no decision is given, which is never an allow and never looks like a deny.
 */
export function manetuRoutes({ core, maxBatch, findRules }: ManetuRoutesDeps): readonly Route[] {
  const invalid = (reply: Reply): Reply => {
    core.invalid('manetu');
    return reply;
  };

  /** What both routes have in common: flags, entry, session. */
  const asked =
    (decide: (session: Session, request: RouteRequest, flags: DecisionFlags) => Reply | Promise<Reply>) =>
    (request: RouteRequest): Reply | Promise<Reply> => {
      const read = readFlags(request.query);
      if (!read.ok) return invalid(messageReply(400, read.message));
      const use = (session: Session): Reply | Promise<Reply> => decide(session, request, read.flags);
      return inSession(core, entryOf('manetu', request), use, refusalReply);
    };

  const one = asked((session, request, flags) => {
    const body = readPorcBody(request);
    if (!body.ok) return invalid(body.reply);
    const answer = session.decide(body.porc, flags);
    const explain = explainDecisions(session, flags, findRules);
    return answer instanceof Promise
      ? answer.then((late) => decisionReply(session, late, explain))
      : decisionReply(session, answer, explain);
  });

  const many = asked((session, request, flags) => {
    const batch = readBatch(request, maxBatch);
    if (!batch.ok) return invalid(batch.reply);
    const explain = explainDecisions(session, flags, findRules);
    return decideBatch(session, batch.porcs, flags, explain, request.onClosed).then((decisions) =>
      decisions === undefined ? INTERRUPTED : jsonReply(200, { decisions }, session.headers),
    );
  });

  return [
    { method: 'POST', path: '/decision', handle: one },
    { method: 'OPTIONS', path: '/decision', handle: () => METHODS },
    { method: 'POST', path: '/decisions', handle: many },
    { method: 'OPTIONS', path: '/decisions', handle: () => METHODS },
  ];
}

function decisionReply(session: Session, answer: PorcAnswer, explain: ExplainDecision): Reply | Promise<Reply> {
  if (answer.kind === 'refused') return refusalReply(answer);
  const { allow, record } = answer;
  if (record === undefined)
    return { status: 200, headers: jsonHeadersOf(session), body: allow ? ALLOW_BODY : DENY_BODY };
  const reply = (explanation: Explanation): Reply => jsonReply(200, { allow, explain: explanation }, session.headers);
  const explanation = explain(record);
  return explanation instanceof Promise ? explanation.then(reply) : reply(explanation);
}
