import { bearerToken, type Access, type ConsoleUser } from '../../operator/src/console/access/access.ts';
import { ProblemError } from '../../operator/src/console/http/problem.ts';

/** People with tokens, as a cluster would know them. */
export interface Users {
  readonly access: Access;
  /** From now on the token is not known any more, as one that has expired. */
  readonly expire: (token: string) => void;
}

/** Who may what; the token is the name. */
const RIGHTS: Readonly<Record<string, (verb: string, resource: string) => boolean>> = {
  alice: () => true,
  reader: (verb) => verb !== 'update',
  approver: (verb, resource) => verb !== 'update' || resource === 'policyrevisions',
  stranger: () => false,
};

/** Tokens that are names: `alice` may everything, `reader` may look, `approver` may approve and abort, `stranger` may nothing. */
export function createUsers(): Users {
  const expired = new Set<string>();
  return {
    expire: (token) => void expired.add(token),
    access: {
      authenticate: ({ authorization }) => {
        const name = bearerToken(authorization);
        if (name === undefined || expired.has(name) || RIGHTS[name] === undefined)
          return Promise.reject(new ProblemError('unauthenticated', 'this token is not valid'));
        const user: ConsoleUser = { name, groups: [], extra: {}, by: 'Token' };
        return Promise.resolve(user);
      },
      isAllowed: ({ name }, { verb, resource }) => Promise.resolve(RIGHTS[name]?.(verb, resource) ?? false),
    },
  };
}
