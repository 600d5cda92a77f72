import type { Reply } from './reply.ts';
import { headerOf, type RequestHeaders } from './route.ts';

/** Paths of the API whose clients get back what they call their requests. */
const ECHOING = /^(?:\/instances\/[^/]+)?\/access\/v1\//;

/** AuthZEN 1.0, section 10.1.1: what the client calls its request comes back to it, whatever the answer. */
export function withRequestId(
  reply: Reply,
  { path, headers }: { readonly path: string; readonly headers: RequestHeaders },
): Reply {
  const id = headerOf(headers, 'x-request-id');
  return id === undefined || !ECHOING.test(path)
    ? reply
    : { ...reply, headers: { ...reply.headers, 'x-request-id': id } };
}
