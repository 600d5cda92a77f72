/** An HTTP answer as a value. `headers` holds lower-case names without content-length. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A JSON answer with a final newline. */
export function jsonReply(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: `${JSON.stringify(value)}\n` };
}

/** The `{"message": …}` error body of the reference engine's API. */
export function messageReply(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return jsonReply(status, { message }, headers);
}

/** For a client that was there no more before all was decided: should it read this nevertheless, it has no answer. */
export const INTERRUPTED: Reply = messageReply(400, 'the connection was closed before all was decided');

/** Our problems: HTTP status and title by name. Names are stable API and each is in docs/errors.md. */
export const PROBLEMS = {
  'no-policy': { status: 503, title: 'No active policy' },
  'unknown-set': { status: 503, title: 'No such policy set here' },
  'ambiguous-name': { status: 400, title: 'Name of several policy sets' },
  'set-required': { status: 400, title: 'Several policy sets' },
  'not-served': { status: 404, title: 'Not served by this policy set' },
  'invalid-requirement': { status: 400, title: 'Unreadable requirement' },
  'revision-not-reached': { status: 412, title: 'Revision not active yet' },
  'foreign-token': { status: 412, title: 'Token of another policy set' },
  'body-too-large': { status: 413, title: 'Body too large for this policy set' },
  'audit-unavailable': { status: 503, title: 'Audit log is full' },
  unauthenticated: { status: 401, title: 'Caller not known' },
  forbidden: { status: 403, title: 'Caller not let in' },
  'authentication-unavailable': { status: 503, title: 'Callers cannot be authenticated' },
  'broken-set': { status: 503, title: 'Policy set cannot be loaded' },
  loading: { status: 503, title: 'Policy is still loading' },
  stale: { status: 503, title: 'Policy may be out of date' },
  draining: { status: 503, title: 'Shutting down' },
  overloaded: { status: 503, title: 'Too many requests at once' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

/** A key of {@link PROBLEMS}; the `type` member of the answer is `urn:edict:problem:<name>`. */
export type ProblemName = keyof typeof PROBLEMS;

/** What every 503 asks clients to wait: a set that loads and a burst that passes take about that long. */
const RETRY_AFTER_SECONDS = '1';

/**
 * A problem+json answer (RFC 9457), `members` after its own. Never a decision: a client must not take it for a deny.
 */
export function problemReply(
  name: ProblemName,
  detail: string,
  members: Readonly<Record<string, unknown>> = {},
): Reply {
  const { status, title } = PROBLEMS[name];
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(status === 503 ? { 'retry-after': RETRY_AFTER_SECONDS } : {}),
    },
    body: `${JSON.stringify({ type: `urn:edict:problem:${name}`, title, status, detail, ...members })}\n`,
  };
}
