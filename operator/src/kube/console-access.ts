import { API_GROUP } from '@edict/crds';
import { messageOf } from '@edict/protocol';
import type { Clock } from '../clock.ts';
import { bearerToken, type Access, type AccessQuestion, type ConsoleUser } from '../console/access/access.ts';
import { userOfProxy, type ProxyTrust } from '../console/access/proxy-user.ts';
import { ProblemError } from '../console/http/problem.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import { RememberedReviews, reviewKey, type Reviewed } from '../remembered-reviews.ts';
import { reviewAccess, reviewToken } from './reviews.ts';

/** How long a good token is taken without asking again: so much later at most a revoked one is refused. */
export const TOKEN_TTL_MS = 60_000;
/** How long a bad token is refused without asking again. */
export const BAD_TOKEN_TTL_MS = 10_000;
/** How long an answer about a right is taken without asking again. */
export const RIGHT_TTL_MS = 10_000;
/** Longer tokens are refused unseen. */
const TOKEN_MAX_CHARACTERS = 16_384;
const TOKENS = { rememberedMax: 2_000, concurrency: 8, waitingMax: 128, perSecond: 20 } as const;
const RIGHTS = { rememberedMax: 10_000, concurrency: 8, waitingMax: 256, perSecond: 50 } as const;

export interface KubeAccessOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Absent: nobody is believed who says who another is. */
  readonly proxy?: ProxyTrust;
}

/**
 * Access as the cluster says: a bearer token is reviewed by the apiserver, and each right is asked of it. Answers are
 * remembered for seconds; tokens by their hash alone.
 */
export function createKubeAccess({ client, clock, proxy }: KubeAccessOptions): Access {
  const tokens = new RememberedReviews<ConsoleUser | undefined>({ clock, limits: TOKENS, full: tooMany });
  const rights = new RememberedReviews<boolean>({ clock, limits: RIGHTS, full: tooMany });
  return {
    authenticate: async (credentials) => {
      const token = bearerToken(credentials.authorization);
      if (token === undefined) {
        const vouched = proxy && userOfProxy(credentials, proxy);
        if (vouched !== undefined) return vouched;
        throw new ProblemError('unauthenticated', 'send a Kubernetes token: Authorization: Bearer TOKEN');
      }
      if (token.length > TOKEN_MAX_CHARACTERS) throw new ProblemError('unauthenticated', 'the token is too long');
      // Only time ends a review: a client that goes away must not take the answer from others who wait for it.
      const user = await tokens.answer(reviewKey(token), () => userOfToken(client, token));
      if (user === undefined) throw new ProblemError('unauthenticated', 'the cluster does not take this token');
      return user;
    },
    isAllowed: async (user, question) => {
      const key = JSON.stringify([user, question.verb, question.resource, question.namespace, question.name]);
      return await rights.answer(key, () => rightOf(client, user, question));
    },
  };
}

function tooMany(limit: 'waiting' | 'rate'): ProblemError {
  const message =
    limit === 'waiting'
      ? 'too many questions about rights wait'
      : 'too many questions about rights: ask again in a second';
  return new ProblemError('too-many-requests', message);
}

async function userOfToken(client: KubeClient, token: string): Promise<Reviewed<ConsoleUser | undefined>> {
  const { user } = await asked(reviewToken(client, token));
  if (user === undefined) return { answer: undefined, ttlMs: BAD_TOKEN_TTL_MS };
  const { username: name, uid, groups, extra } = user;
  return {
    answer: { name, groups, extra, by: 'Token', ...(uid === '' ? {} : { uid }) },
    ttlMs: TOKEN_TTL_MS,
  };
}

async function rightOf(
  client: KubeClient,
  { name: username, groups, uid = '', extra }: ConsoleUser,
  question: AccessQuestion,
): Promise<Reviewed<boolean>> {
  const { verb, resource, namespace, name } = question;
  const what = {
    group: API_GROUP,
    resource,
    verb,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
  return { answer: await asked(reviewAccess(client, { username, uid, groups, extra }, what)), ttlMs: RIGHT_TTL_MS };
}

async function asked<T>(review: Promise<T>): Promise<T> {
  try {
    return await review;
  } catch (cause) {
    throw new ProblemError('unavailable', messageOf(cause), { cause });
  }
}
