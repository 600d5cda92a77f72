import { createHash, timingSafeEqual } from 'node:crypto';
import { ProblemError } from '../http/problem.ts';
import { bearerToken, type Access, type ConsoleUser } from './access.ts';

/** Access by one token that lets its holder do everything: for the all-in-one, whose user owns the machine. */
export function createLocalAccess(token: string, name: string): Access {
  const user: ConsoleUser = { name, groups: [], extra: {}, by: 'Local' };
  const hash = hashOf(token);
  return {
    authenticate: ({ authorization }) => {
      const given = bearerToken(authorization);
      if (given !== undefined && timingSafeEqual(hashOf(given), hash)) return Promise.resolve(user);
      const message =
        given === undefined ? 'send the token that "edict up" printed' : 'this is not the token of this process';
      return Promise.reject(new ProblemError('unauthenticated', message));
    },
    isAllowed: () => Promise.resolve(true),
  };
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
