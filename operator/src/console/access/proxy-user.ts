import { ProblemError } from '../http/problem.ts';
import type { ConsoleUser, Credentials } from './access.ts';

/** Which proxies are believed, and how they say who asks. */
export interface ProxyTrust {
  /** Common names that the proxy's client certificate may have; empty: any that the authority signed. */
  readonly names: readonly string[];
  /** Header of the user's name, and of the groups (repeated), in lower case. */
  readonly userHeader: string;
  readonly groupHeader: string;
}

/** Groups that no proxy may say somebody is in: they are past all rules. */
const FORBIDDEN_GROUPS: ReadonlySet<string> = new Set(['system:masters']);
/** Groups that one request may name. */
const GROUPS_MAX = 256;

/**
 * Whom a proxy names, where it showed a certificate of the configured authority; undefined where it names nobody, or no such
 * certificate was shown. @throws ProblemError
 */
export function userOfProxy({ certificateName, headers }: Credentials, trust: ProxyTrust): ConsoleUser | undefined {
  const users = headers[trust.userHeader] ?? [];
  if (certificateName === undefined || users.length === 0) return undefined;
  if (trust.names.length > 0 && !trust.names.includes(certificateName)) {
    throw new ProblemError('unauthenticated', `a proxy named ${certificateName} is not believed here`);
  }
  const [name = '', ...others] = users;
  if (name === '' || others.length > 0) {
    throw new ProblemError('unauthenticated', `the proxy must send one ${trust.userHeader}`);
  }
  const groups = (headers[trust.groupHeader] ?? []).filter((group) => group !== '');
  if (groups.length > GROUPS_MAX) throw new ProblemError('unauthenticated', `more than ${GROUPS_MAX} groups`);
  const forbidden = groups.find((group) => FORBIDDEN_GROUPS.has(group));
  if (forbidden !== undefined) {
    throw new ProblemError('unauthenticated', `no proxy may say that somebody is in ${forbidden}`);
  }
  return { name, groups, extra: {}, by: 'Proxy' };
}
