import type { Session } from '../core/session.ts';

const known = new WeakMap<Session['headers'], Readonly<Record<string, string>>>();

/** The headers of a JSON answer that a session gave: made once for all answers of one revision. */
export function jsonHeadersOf({ headers }: Session): Readonly<Record<string, string>> {
  let made = known.get(headers);
  if (made === undefined) {
    made = { 'content-type': 'application/json', ...headers };
    known.set(headers, made);
  }
  return made;
}
