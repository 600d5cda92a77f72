import { inSession } from '../../core/in-session.ts';
import type { DecisionCore, Refusal, Session } from '../../core/session.ts';
import { INTERRUPTED, jsonReply, messageReply, problemReply, type Reply } from '../reply.ts';
import { codedBody } from '../content-coding.ts';
import { entryOf, headerOf, refusalReply, type Route, type RouteRequest } from '../route.ts';
import { answerEvaluations, answerOf, readEvaluations, sharedBytesOf } from './evaluations.ts';
import { judge, type AuthZenServing, type Judgement } from './judge.ts';
import { askedPdp, metadataOf, WELL_KNOWN } from './metadata.ts';
import type { PageTokens } from './page-token.ts';
import type { SignMetadata } from './sign-metadata.ts';
import { readBody, readEvaluation, type JsonObject } from './request.ts';
import { readSearch, search, SEARCHES, type SearchName } from './search.ts';

export interface AuthZenRoutesDeps {
  readonly core: DecisionCore;
  readonly pageTokens: PageTokens;
  /** Bytes that one request may have, also with all that its evaluations share said in each; not bounded by default. */
  readonly maxBodyBytes?: number | undefined;
  /** The https URL that clients know the PDP by; the `Host` they name by default. */
  readonly publicUrl?: string | undefined;
  /** Signs the metadata of `publicUrl`; they are not signed without. */
  readonly signMetadata?: SignMetadata | undefined;
}

/** Metadata change with revisions, seldom: so long they may be kept. */
const METADATA_HEADERS = { 'cache-control': 'max-age=60', vary: 'Host, Policy-Set' } as const;

/**
 * The AuthZEN Authorization API 1.0. A deny is a 200 with `decision: false`; HTTP errors are for calls that failed, and
 * those tell nothing of the policy.
 */
export function authZenRoutes(deps: AuthZenRoutesDeps): readonly Route[] {
  const { core, pageTokens, maxBodyBytes = Infinity, publicUrl, signMetadata } = deps;
  const invalid = (message: string, status: 400 | 413 = 400): Reply => {
    core.invalid('authzen');
    return messageReply(status, message);
  };

  /** What the endpoints have in common: session, the set's mapping, body. A set's limits hold before its body is looked at. */
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
      const use = (session: Session): Reply | Promise<Reply> => {
        const coded = codedBody(request);
        if (coded !== undefined) {
          core.invalid('authzen');
          return coded;
        }
        const body = readBody(request);
        if (!body.ok) return invalid(body.message);
        const { authzen } = session.serving;
        return authzen === undefined ? notServed(session) : answer(session, authzen, body.value, request);
      };
      return inSession(core, entryOf('authzen', request), use, refusalReply);
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
    const shared = sharedBytesOf(body);
    if (request.body.length + shared > maxBodyBytes) {
      const what = `with all that they share the evaluations have ${request.body.length + shared} bytes`;
      return invalid(`${what}; a request may have ${maxBodyBytes}`, 413);
    }
    const tooMuch = session.hold(shared);
    if (tooMuch !== undefined) return refusalReply(tooMuch);
    const answers = await answerEvaluations(session, serving, evaluations.value, request.onClosed);
    if (answers === undefined) return INTERRUPTED;
    return 'kind' in answers ? refusalReply(answers) : jsonReply(200, { evaluations: answers }, session.headers);
  };

  const find =
    (name: SearchName) =>
    async (session: Session, serving: AuthZenServing, body: JsonObject, { onClosed }: RouteRequest): Promise<Reply> => {
      const wanted = readSearch(name, body);
      if (!wanted.ok) return invalid(wanted.message);
      const outcome = await search(session, serving, wanted.value, pageTokens, onClosed);
      switch (outcome.kind) {
        case 'found':
          return jsonReply(200, outcome.answer, session.headers);
        case 'invalid':
          return invalid(outcome.message);
        case 'failed':
          return messageReply(500, outcome.message, session.headers);
        case 'interrupted':
          return INTERRUPTED;
        case 'refused':
          return refusalReply(outcome);
      }
    };

  const metadata = (request: RouteRequest): Reply | Promise<Reply> => {
    const asked = askedPdp(publicUrl, headerOf(request.headers, 'host'), request.path);
    if (asked === 'no-host') return invalid('the Host header names no host');
    if (asked === 'nowhere') return messageReply(404, 'no PDP answers at that path');
    const serving = core.servingOf({ ...request, instance: asked.instance ?? request.instance });
    if ('kind' in serving) {
      return ['no-policy', 'loading'].includes(serving.problem)
        ? refusalReply(serving)
        : messageReply(404, serving.detail);
    }
    if (serving.authzen === undefined) return messageReply(404, 'the policy set does not say how it answers AuthZEN');
    const told = metadataOf(asked.base, serving.authzen);
    return signMetadata === undefined
      ? jsonReply(200, told, METADATA_HEADERS)
      : signMetadata(told).then((jwt) => jsonReply(200, { ...told, signed_metadata: jwt }, METADATA_HEADERS));
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
