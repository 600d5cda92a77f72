import { problemReply, type ProblemName, type Reply } from '../http/reply.ts';
import type { RefusalReason, Verdict } from './authenticator.ts';

const PROBLEM_OF = {
  missing: 'unauthenticated',
  invalid: 'unauthenticated',
  forbidden: 'forbidden',
  unavailable: 'authentication-unavailable',
} as const satisfies Record<RefusalReason, ProblemName>;

/** What a 401 tells the client to use (RFC 9110 section 11.6.1, RFC 6750 section 3). */
export type Challenge = 'Bearer' | undefined;

/** A caller who is not let in. `detail` is told to the client: nothing in it may help to guess. */
export function refused(reason: RefusalReason, detail: string, challenge: Challenge): Verdict {
  return { kind: 'refused', reason, detail, reply: replyOf(reason, detail, challenge) };
}

function replyOf(reason: RefusalReason, detail: string, challenge: Challenge): Reply {
  const reply = problemReply(PROBLEM_OF[reason], detail);
  if (reply.status !== 401) return reply;
  return { ...reply, headers: { ...reply.headers, 'www-authenticate': challengeOf(reason, detail, challenge) } };
}

function challengeOf(reason: RefusalReason, detail: string, challenge: Challenge): string {
  // There is no registered scheme for certificates; a 401 needs a challenge all the same.
  if (challenge === undefined) return 'Certificate realm="edict"';
  return reason === 'missing'
    ? 'Bearer realm="edict"'
    : `Bearer realm="edict", error="invalid_token", error_description="${detail.replaceAll(/["\\]/g, "'")}"`;
}
