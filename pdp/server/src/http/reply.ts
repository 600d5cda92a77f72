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

/** Names of our problem types; the `type` member is `urn:edict:problem:<name>`. Stable API, see docs/errors.md. */
export type ProblemName = 'no-policy' | 'unknown-set' | 'set-required' | 'audit-unavailable' | 'draining';

/** A problem+json answer (RFC 9457). Never a decision: a client must not take it for a deny. */
export function problemReply(status: number, name: ProblemName, title: string, detail: string): Reply {
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    body: `${JSON.stringify({ type: `urn:edict:problem:${name}`, title, status, detail })}\n`,
  };
}
