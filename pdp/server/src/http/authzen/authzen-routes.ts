import { inSession } from '../../core/in-session.ts';
import type { DecisionCore, Refusal, Session } from '../../core/session.ts';
import { jsonReply, messageReply, problemReply, type Reply } from '../reply.ts';
import { entryOf, headerOf, refusalReply, type Route, type RouteRequest } from '../route.ts';
import { answerEvaluations, answerOf, readEvaluations } from './evaluations.ts';
import { judge, type AuthZenServing, type Judgement } from './judge.ts';
import { baseUrlOf, metadataOf, WELL_KNOWN } from './metadata.ts';
import type { PageTokens } from './page-token.ts';
import { readBody, readEvaluation, type JsonObject } from './request.ts';
import { readSearch, search, SEARCHES, type SearchName } from './search.ts';

export interface AuthZenRoutesDeps {
  readonly core: DecisionCore;
  readonly pageTokens: PageTokens;
  /** The https URL that clients know the PDP by; the `Host` they name by default. */
  readonly publicUrl?: string | undefined;
}

/** Longest `X-Request-ID` that is sent back. */
const MAX_REQUEST_ID = 256;

/**
 * The AuthZEN Authorization API 1.0. A deny is a 200 with `decision: false`; HTTP errors are for calls that failed, and
 * those tell nothing of the policy.
 */
export function authZenRoutes({ core, pageTokens, publicUrl }: AuthZenRoutesDeps): readonly Route[] {
  const invalid = (message: string): Reply => {
    core.invalid('authzen');
    return messageReply(400, message);
  };

  /** What the endpoints have in common: body, session, the set's mapping, the request's id. */
  const endpoint =
    (
      answer: (
        session: Session,
        serving: AuthZenServing,
        body: JsonObject,
        request: RouteRequest,
      ) => Reply | Promise<Reply>,
    ) =>
    (request: RouteRequest): Reply | Promise<Reply> => {
      const body = readBody(request);
      if (!body.ok) return withRequestId(request, invalid(body.message));
      const use = (session: Session): Reply | Promise<Reply> => {
        const { authzen } = session.serving;
        return authzen === undefined ? notServed(session) : answer(session, authzen, body.value, request);
      };
      const reply = inSession(core, entryOf('authzen', request), use, refusalReply);
      return reply instanceof Promise
        ? reply.then((late) => withRequestId(request, late))
        : withRequestId(request, reply);
    };

  const evaluate = (session: Session, serving: AuthZenServing, body: JsonObject): Reply | Promise<Reply> => {
    const question = readEvaluation(body);
    if (!question.ok) return invalid(question.message);
    const judgement = judge(session, serving, question.value, false);
    return judgement instanceof Promise
      ? judgement.then((late) => evaluationReply(session, late))
      : evaluationReply(session, judgement);
  };

  const evaluateMany = async (
    session: Session,
    serving: AuthZenServing,
    body: JsonObject,
    request: RouteRequest,
  ): Promise<Reply> => {
    const evaluations = readEvaluations(body);
    if (!evaluations.ok) return invalid(evaluations.message);
    if (evaluations.value === undefined) return evaluate(session, serving, body);
    const answers = await answerEvaluations(session, serving, evaluations.value, request.onGone);
    return 'kind' in answers ? refusalReply(answers) : jsonReply(200, { evaluations: answers }, session.headers);
  };

  const find =
    (name: SearchName) =>
    async (session: Session, serving: AuthZenServing, body: JsonObject, { onGone }: RouteRequest): Promise<Reply> => {
      const wanted = readSearch(name, body);
      if (!wanted.ok) return invalid(wanted.message);
      const outcome = await search(session, serving, wanted.value, pageTokens, onGone);
      switch (outcome.kind) {
        case 'found':
          return jsonReply(200, outcome.answer, session.headers);
        case 'invalid':
          return invalid(outcome.message);
        case 'failed':
          return messageReply(500, outcome.message, session.headers);
        case 'refused':
          return refusalReply(outcome);
      }
    };

  const metadata = (request: RouteRequest): Reply => {
    const base = baseUrlOf(publicUrl, headerOf(request.headers, 'host'), request.path);
    return base === undefined ? invalid('the Host header names no host') : jsonReply(200, metadataOf(base));
  };

  return [
    { method: 'POST', path: '/access/v1/evaluation', handle: endpoint(evaluate) },
    { method: 'POST', path: '/access/v1/evaluations', handle: endpoint(evaluateMany) },
    ...SEARCHES.map((name) => ({ method: 'POST', path: `/access/v1/search/${name}`, handle: endpoint(find(name)) })),
    { method: 'GET', path: WELL_KNOWN, handle: metadata },
    { method: 'GET', path: `${WELL_KNOWN}/`, prefix: true, handle: metadata },
  ];
}

function evaluationReply(session: Session, judgement: Judgement): Reply {
  if (judgement.kind === 'refused') return refusalReply(judgement satisfies Refusal);
  if (judgement.kind === 'failed') return messageReply(500, judgement.message, session.headers);
  return jsonReply(200, answerOf(session, judgement), session.headers);
}

function notServed({ revision }: Session): Reply {
  return problemReply(
    'not-served',
    `The policy set ${revision.set} does not say how it answers AuthZEN: see spec.serving.authzen.`,
  );
}

/** Section 10.1.1: what the client calls its request comes back to it. */
function withRequestId({ headers }: RouteRequest, reply: Reply): Reply {
  const id = headerOf(headers, 'x-request-id');
  if (id === undefined || id.length > MAX_REQUEST_ID) return reply;
  return { ...reply, headers: { ...reply.headers, 'x-request-id': id } };
}
