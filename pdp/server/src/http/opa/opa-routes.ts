import { systemClock } from '@edict/engine';
import type { Value } from '@edict/rego';
import { inSession } from '../../core/in-session.ts';
import type { DecisionCore, DocumentAnswer, Session } from '../../core/session.ts';
import type { Reply } from '../reply.ts';
import { entryOf, type Route, type RouteRequest } from '../route.ts';
import type { Readiness } from '../service-routes.ts';
import { ENGINE } from '../../version.ts';
import { BAD_ESCAPE, NO_FLAGS, readDataFlags, readPath, readQueryInput, type DataFlags } from './data-query.ts';
import { healthRoutes } from './health-routes.ts';
import { dataReply, opaError, opaEvaluationError, opaRefusal, valueReply } from './opa-reply.ts';
import { readBody } from './request-body.ts';
import { refusedRoutes } from './refused-routes.ts';

export interface OpaRoutesDeps {
  readonly core: DecisionCore;
  readonly readiness: () => Readiness;
  /** Bytes that a compressed body may inflate to. */
  readonly maxInflatedBytes: number;
  /** Nanoseconds of a clock that never goes back, for `?metrics`. */
  readonly monotonicNs?: (() => number) | undefined;
}

/** What is asked of a document: where it is, with which input, and how the answer is to look. */
interface Asked {
  readonly path: readonly string[];
  readonly input: Value | undefined;
  readonly flags: DataFlags;
  readonly bytes: number;
  /** When the request was begun, and when its input had been read; ns. */
  readonly startedNs: number;
  readonly parsedNs: number;
}

/** What a request says besides the path, or what is wrong with it. Read once the limits of its set let it in. */
type ReadInput =
  | ({ readonly ok: true } & Omit<Asked, 'path'>)
  | { readonly ok: false; readonly status: 400 | 413; readonly message: string };

type Finish = (session: Session, asked: Asked, answer: DocumentAnswer) => Reply;

const MISSING_INPUT = { code: 'api_usage_warning', message: "'input' key missing from the request" };

/**
 * OPA's data API over the documents of a set: `/v1/data`, `/v0/data`, `POST /` for the default decision, and `/health`. Sets
 * answer that say so in `spec.serving.opa`. What would change policy or data is refused: both come from PolicyDomains.
 */
export function opaRoutes(deps: OpaRoutesDeps): readonly Route[] {
  const { core, readiness, maxInflatedBytes, monotonicNs = systemClock.monotonicNs } = deps;

  const invalid = (status: number, message: string): Reply => {
    core.invalid('opa');
    return opaError(status, 'invalid_parameter', message);
  };

  /** Enters, asks, and lets `finish` make the answer. Without a path the default decision of the set is asked. */
  const ask = (
    request: RouteRequest,
    read: () => ReadInput,
    escapedPath: string | undefined,
    finish: Finish,
  ): Reply | Promise<Reply> => {
    const path = escapedPath === undefined ? undefined : readPath(escapedPath);
    if (escapedPath !== undefined && path === undefined) return invalid(400, `invalid path: ${BAD_ESCAPE}`);
    const use = (session: Session): Reply | Promise<Reply> => {
      const { opa } = session.serving;
      if (opa === undefined) return notServed(session);
      const asked = read();
      if (!asked.ok) return invalid(asked.status, asked.message);
      // What a body was inflated to counts for it.
      const more = asked.bytes - request.body.length;
      const tooMuch = more > 0 ? session.hold(more) : undefined;
      if (tooMuch !== undefined) return opaRefusal(tooMuch);
      const whole = { ...asked, path: path ?? opa.defaultDecision.split('/') };
      const unexplained = cannotExplain(session, whole.flags);
      if (unexplained !== undefined) return invalid(400, unexplained);
      const options = whole.flags.strictBuiltinErrors ? { strictBuiltinErrors: true } : undefined;
      const answer = session.query({ path: whole.path, input: whole.input, options });
      return answer instanceof Promise
        ? answer.then((late) => finish(session, whole, late))
        : finish(session, whole, answer);
    };
    return inSession(core, entryOf('opa', request), use, opaRefusal);
  };

  const finishV1 =
    (isPost: boolean): Finish =>
    (session, { input, flags, startedNs, parsedNs }, answer) => {
      if (answer.kind === 'refused') return opaRefusal(answer);
      const { outcome, decisionId } = answer;
      if (outcome.kind === 'error') return opaEvaluationError(session, outcome);
      const result = outcome.kind === 'value' ? outcome.value : undefined;
      const warning = isPost && input === undefined ? MISSING_INPUT : undefined;
      if (flags === NO_FLAGS && warning === undefined) return dataReply(session, decisionId, result);
      const members = {
        provenance: flags.provenance ? provenanceOf(session) : undefined,
        explanation: flags.explain === undefined ? undefined : [],
        metrics: flags.metrics ? metricsOf(startedNs, parsedNs, monotonicNs()) : undefined,
        warning,
      };
      return dataReply(session, decisionId, result, members, flags.pretty);
    };

  const finishV0: Finish = (session, { path, flags }, answer) => {
    if (answer.kind === 'refused') return opaRefusal(answer);
    const { outcome } = answer;
    if (outcome.kind === 'error') return opaEvaluationError(session, outcome);
    if (outcome.kind === 'value') return valueReply(session, outcome.value, flags.pretty);
    const what = session.documents?.isDefined(path) === true ? 'document undefined' : 'document missing';
    return opaError(404, 'undefined_document', `${what}: ${['data', ...path].join('.')}`, session.headers);
  };

  const getV1 = (request: RouteRequest): Reply | Promise<Reply> => {
    const read = (): ReadInput => {
      const startedNs = monotonicNs();
      const read = readQueryInput(request.query);
      if (!read.ok) return { ok: false, status: 400, message: read.message };
      const flags = readDataFlags(request.query);
      return { ok: true, input: read.input, flags, bytes: 0, startedNs, parsedNs: monotonicNs() };
    };
    return ask(request, read, below(request, '/v1/data'), finishV1(false));
  };

  const postV1 = (request: RouteRequest): Reply | Promise<Reply> => {
    const read = (): ReadInput => {
      const startedNs = monotonicNs();
      const body = readBody(request, maxInflatedBytes);
      if (!body.ok) return body;
      const { value, bytes } = body;
      if (value !== undefined && (typeof value !== 'object' || Array.isArray(value))) {
        return { ok: false, status: 400, message: 'body contains malformed input document: it is not an object' };
      }
      // As in OPA null is no input.
      const input = (value as { readonly input?: Value } | null | undefined)?.input ?? undefined;
      const flags = readDataFlags(request.query);
      return { ok: true, input, flags, bytes, startedNs, parsedNs: monotonicNs() };
    };
    return ask(request, read, below(request, '/v1/data'), finishV1(true));
  };

  const postV0 = (request: RouteRequest, escapedPath: string | undefined): Reply | Promise<Reply> => {
    const read = (): ReadInput => {
      const startedNs = monotonicNs();
      const body = readBody(request, maxInflatedBytes);
      if (!body.ok) return { ...body, message: `unexpected parse error for input: ${body.message}` };
      const { value = null, bytes } = body;
      // Of the flags the old API knows one.
      const flags = { ...NO_FLAGS, pretty: readDataFlags(request.query).pretty };
      return { ok: true, input: value, flags, bytes, startedNs, parsedNs: startedNs };
    };
    return ask(request, read, escapedPath, finishV0);
  };

  const v0 = (request: RouteRequest): Reply | Promise<Reply> => postV0(request, below(request, '/v0/data'));
  return [
    { method: 'GET', path: '/v1/data', handle: getV1 },
    { method: 'GET', path: '/v1/data/', prefix: true, handle: getV1 },
    { method: 'POST', path: '/v1/data', handle: postV1 },
    { method: 'POST', path: '/v1/data/', prefix: true, handle: postV1 },
    { method: 'POST', path: '/v0/data', handle: v0 },
    { method: 'POST', path: '/v0/data/', prefix: true, handle: v0 },
    { method: 'POST', path: '/', handle: (request) => postV0(request, undefined) },
    ...healthRoutes({ core, readiness }),
    ...refusedRoutes(core),
  ];
}

/** The escaped path of a document, below the path of the API. */
function below({ path }: RouteRequest, api: string): string {
  return path.slice(api.length);
}

function notServed({ revision, headers }: Session): Reply {
  const message = `the set ${revision.set} does not serve OPA's API: its PolicySet has no spec.serving.opa`;
  return opaError(404, 'resource_not_found', message, headers);
}

/**
 * Why an explanation cannot be given. Compiled policies leave no trace; notes can be told where no policy takes any, for then
 * there are none.
 */
function cannotExplain({ snapshot }: Session, { explain }: DataFlags): string | undefined {
  if (explain === undefined) return undefined;
  const takesNotes = snapshot.documents?.compiled.program.program.builtins.includes('trace') === true;
  if (explain === 'notes' && !takesNotes) return undefined;
  return `explain=${explain} is not available: policies run compiled and leave no trace; "edict eval --explain" gives one`;
}

function provenanceOf({ revision }: Session): object {
  return {
    version: ENGINE.version,
    build_commit: '',
    build_timestamp: '',
    build_hostname: '',
    bundles: { [revision.set]: { revision: String(revision.n) } },
  };
}

function metricsOf(startedNs: number, parsedNs: number, endedNs: number): object {
  return {
    timer_rego_input_parse_ns: Math.round(parsedNs - startedNs),
    timer_rego_query_eval_ns: Math.round(endedNs - parsedNs),
    timer_server_handler_ns: Math.round(endedNs - startedNs),
  };
}
