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

/** Our problems: HTTP status and title by name. Names are stable API and each is in docs/errors.md. */
export const PROBLEMS = {
  'no-policy': { status: 503, title: 'No active policy' },
  'unknown-set': { status: 503, title: 'No such policy set here' },
  'set-required': { status: 400, title: 'Several policy sets' },
  'audit-unavailable': { status: 503, title: 'Audit log is full' },
  draining: { status: 503, title: 'Shutting down' },
  overloaded: { status: 503, title: 'Too many requests at once' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

/** A key of {@link PROBLEMS}; the `type` member of the answer is `urn:edict:problem:<name>`. */
export type ProblemName = keyof typeof PROBLEMS;

/** A problem+json answer (RFC 9457). Never a decision: a client must not take it for a deny. */
export function problemReply(name: ProblemName, detail: string): Reply {
  const { status, title } = PROBLEMS[name];
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    body: `${JSON.stringify({ type: `urn:edict:problem:${name}`, title, status, detail })}\n`,
  };
}
