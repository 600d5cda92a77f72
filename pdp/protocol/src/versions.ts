import { PROTOCOL_OLDEST, PROTOCOL_VERSION, type Hello } from './messages.ts';

/** The versions that one side speaks, both ends included. */
export interface VersionRange {
  readonly oldest: number;
  readonly newest: number;
}

/** The versions that this build speaks. */
export const OWN_VERSIONS: VersionRange = { oldest: PROTOCOL_OLDEST, newest: PROTOCOL_VERSION };

/** Why an operator does not take a PDP: which of the two is to be upgraded follows from the code. */
export type VersionRefusal = 'ProtocolTooOld' | 'ProtocolTooNew';

/** Whether two sides understand each other, and how. */
export type Agreement =
  | { readonly type: 'Agreed'; readonly version: number }
  | { readonly type: 'Refused'; readonly code: VersionRefusal; readonly message: string };

/**
 * The newest version that the operator and the PDP of a Hello both speak. Without one the answer says who is behind: of
 * a PDP that is refused nothing is lost but new policy, since it serves on what it has.
 */
export function agreeOnProtocol(
  hello: Pick<Hello, 'protocol' | 'oldestProtocol' | 'engine'>,
  own: VersionRange,
): Agreement {
  const { protocol: newest, oldestProtocol: oldest = newest, engine } = hello;
  if (newest >= own.oldest && oldest <= own.newest) return { type: 'Agreed', version: Math.min(newest, own.newest) };
  const theirs = `the PDP (${engine.name} ${engine.version}) speaks protocol ${rangeText({ oldest, newest })}`;
  const ours = `this operator ${rangeText(own)}`;
  return newest < own.oldest
    ? { type: 'Refused', code: 'ProtocolTooOld', message: `${theirs}, ${ours}: upgrade the PDP` }
    : { type: 'Refused', code: 'ProtocolTooNew', message: `${theirs}, ${ours}: upgrade the operator` };
}

function rangeText({ oldest, newest }: VersionRange): string {
  return oldest === newest ? String(newest) : `${oldest} to ${newest}`;
}
