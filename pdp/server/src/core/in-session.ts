import type { DecisionCore, Entry, EntryRequest, Refusal, Session } from './session.ts';

/**
 * Enters, uses the session, and ends it whatever happens. A promise only where entering or `use` waits; what `use` throws is
 * thrown on.
 */
export function inSession<T>(
  core: DecisionCore,
  request: EntryRequest,
  use: (session: Session) => T | Promise<T>,
  refused: (refusal: Refusal) => T,
): T | Promise<T> {
  const entry = core.enter(request);
  return entry instanceof Promise ? entry.then((late) => useEntry(late, use, refused)) : useEntry(entry, use, refused);
}

function useEntry<T>(
  entry: Entry,
  use: (session: Session) => T | Promise<T>,
  refused: (refusal: Refusal) => T,
): T | Promise<T> {
  if (entry.kind === 'refused') return refused(entry);
  const { session } = entry;
  let answer: T | Promise<T>;
  try {
    answer = use(session);
  } catch (error) {
    session.end();
    throw error;
  }
  if (answer instanceof Promise) return answer.finally(() => session.end());
  session.end();
  return answer;
}
