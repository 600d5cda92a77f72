import { inSession } from '../core/in-session.ts';
import { jsonReply, type Reply } from '../http/reply.ts';
import { entryOf, headerOf, refusalReply, type Route, type RouteRequest } from '../http/route.ts';
import type { CheckAnswer, HeaderEntry } from './check-answer.ts';
import { check, type CheckDeps, type CheckOutcome } from './check.ts';
import type { CheckMetadata } from './encode-check-response.ts';
import { setMember, type JsonObject } from './json-object.ts';

/** What Envoy has to be told as `path_prefix`. */
export const ENVOY_PREFIX = '/envoy/authz';

/**
 * Envoy's external authorization over HTTP: the request to be judged is sent to {@link ENVOY_PREFIX} and its own path, with its
 * own method. 200 lets it pass, a 5xx is a failure of the authorization, everything else is a deny.
 */
export function envoyRoutes(deps: CheckDeps): readonly Route[] {
  const handle = (request: RouteRequest): Reply | Promise<Reply> =>
    inSession<Reply>(
      deps.core,
      entryOf('envoy', request),
      (session) => {
        const outcome = check(deps, session, () => attributesOf(request));
        return outcome instanceof Promise ? outcome.then(replyOf) : replyOf(outcome);
      },
      refusalReply,
    );
  return [
    { method: '*', path: ENVOY_PREFIX, handle },
    { method: '*', path: `${ENVOY_PREFIX}/`, prefix: true, handle },
  ];
}

/** The attributes of the request that Envoy asks about. All their names are the same in either style. */
function attributesOf({ method, path, query, headers, body }: RouteRequest): JsonObject {
  const below = path.slice(ENVOY_PREFIX.length);
  const target = `${below === '' ? '/' : below}${query === '' ? '' : `?${query}`}`;
  const host = headerOf(headers, 'host') ?? headerOf(headers, ':authority') ?? '';
  const shown: JsonObject = { ':authority': host, ':method': method, ':path': target };
  for (const name of Object.keys(headers)) {
    const value = headerOf(headers, name);
    if (value !== undefined && !name.startsWith(':')) setMember(shown, name, readAsUtf8(value));
  }
  const http: JsonObject = { method, headers: shown, path: target };
  if (host !== '') http['host'] = host;
  if (body.length > 0) {
    http['size'] = body.length;
    http['body'] = body.toString();
  }
  return { request: { http } };
}

/** The header that names, in place of dynamic metadata, why no policy decided. */
const PROBLEM_HEADER = 'edict-problem';
const DECISION_HEADER = 'edict-decision-id';

function replyOf(outcome: CheckOutcome): Reply {
  switch (outcome.kind) {
    case 'answered':
      return answerReply(outcome.answer, outcome.metadata);
    case 'failed':
      return jsonReply(500, { message: outcome.message });
    case 'refused':
      return refusalReply(outcome);
    default:
      return outcome satisfies never;
  }
}

function answerReply(answer: CheckAnswer, metadata: CheckMetadata): Reply {
  const headers = namedHeaders(metadata);
  if (answer.allow) {
    const { changes } = answer;
    if (changes !== undefined) {
      addHeaders(headers, changes.responseHeaders);
      addHeaders(headers, changes.headers);
      if (changes.headersToRemove.length > 0) {
        headers['x-envoy-auth-headers-to-remove'] = changes.headersToRemove.join(',');
      }
    }
    return { status: 200, headers, body: '' };
  }
  const { reply } = answer;
  if (reply === undefined) return { status: 403, headers, body: '' };
  addHeaders(headers, reply.headers);
  return { status: denyStatus(reply.status), headers, body: reply.body };
}

/** Envoy takes 200 for an allow and 5xx for a failure, which may let the request pass: a deny must be neither. */
function denyStatus(status: number): number {
  return status <= 200 || status === 204 || status === 304 || status >= 500 ? 403 : status;
}

/** Names that belong to the message between PDP and Envoy, and those by which the PDP says what decided. */
const RESERVED: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'http2-settings',
  'keep-alive',
  'policy-digest',
  'policy-revision',
  'policy-set',
  'policy-token',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-envoy-auth-headers-to-remove',
]);
const RESERVED_PREFIXES = [':', 'edict-'] as const;

function isReserved(name: string): boolean {
  return RESERVED.has(name) || RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** Of several values the last counts, as it does in Envoy where the answer comes by gRPC. */
function addHeaders(headers: Record<string, string>, entries: readonly HeaderEntry[]): void {
  for (const [name, value] of entries) {
    const lower = name.toLowerCase();
    if (!isReserved(lower)) headers[lower] = writtenAsUtf8(value);
  }
}

const BEYOND_ASCII = /[^\0-\x7f]/;

/** What headers hold is read byte by byte; to policies it is the text that Envoy's calls by gRPC would show. */
function readAsUtf8(value: string): string {
  return BEYOND_ASCII.test(value) ? Buffer.from(value, 'latin1').toString('utf8') : value;
}

/** The bytes of a text that Envoy gets by gRPC, one character each: that is how headers are written. */
function writtenAsUtf8(value: string): string {
  return BEYOND_ASCII.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : value;
}

function namedHeaders({ revision, decisionId, problem }: CheckMetadata): Record<string, string> {
  return {
    'policy-set': revision.set,
    'policy-revision': String(revision.n),
    'policy-digest': revision.digest,
    ...(decisionId === undefined ? {} : { [DECISION_HEADER]: decisionId }),
    ...(problem === undefined ? {} : { [PROBLEM_HEADER]: problem }),
  };
}
