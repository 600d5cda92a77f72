import { createHash } from 'node:crypto';
import { API_GROUP } from '@edict/crds';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { bearerToken, type Access, type AccessQuestion, type ConsoleUser } from '../console/access/access.ts';
import { userOfProxy, type ProxyTrust } from '../console/access/proxy-user.ts';
import { Reviews, type Reviewed } from '../console/access/reviews.ts';
import { ProblemError } from '../console/http/problem.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import { collectionPath, RESOURCES } from '../store/kube/resources.ts';

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

const TokenReview = z.looseObject({
  status: z.looseObject({
    authenticated: z.boolean().default(false),
    user: z
      .looseObject({
        username: z.string().default(''),
        uid: z.string().default(''),
        groups: z.array(z.string()).default([]),
        extra: z.record(z.string(), z.array(z.string())).default({}),
      })
      .optional(),
  }),
});
const SubjectAccessReview = z.looseObject({ status: z.looseObject({ allowed: z.boolean().default(false) }) });

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
  const tokens = new Reviews<ConsoleUser | undefined>(clock, TOKENS);
  const rights = new Reviews<boolean>(clock, RIGHTS);
  return {
    authenticate: async (credentials) => {
      const token = bearerToken(credentials.authorization);
      if (token === undefined) {
        const vouched = proxy && userOfProxy(credentials, proxy);
        if (vouched !== undefined) return vouched;
        throw new ProblemError('unauthenticated', 'send a Kubernetes token: Authorization: Bearer TOKEN');
      }
      if (token.length > TOKEN_MAX_CHARACTERS) throw new ProblemError('unauthenticated', 'the token is too long');
      const key = createHash('sha256').update(token).digest('base64');
      const user = await tokens.answer(key, () => reviewToken(client, token));
      if (user === undefined) throw new ProblemError('unauthenticated', 'the cluster does not take this token');
      return user;
    },
    isAllowed: async (user, question) => {
      const key = JSON.stringify([user, question.verb, question.resource, question.namespace, question.name]);
      return await rights.answer(key, () => reviewAccess(client, user, question));
    },
  };
}

async function reviewToken(client: KubeClient, token: string): Promise<Reviewed<ConsoleUser | undefined>> {
  const review = TokenReview.safeParse(await post(client, RESOURCES.TokenReview, { token }));
  if (!review.success) throw new ProblemError('unavailable', 'the apiserver did not answer with a TokenReview');
  const { authenticated, user } = review.data.status;
  if (!authenticated || user === undefined || user.username === '')
    return { answer: undefined, ttlMs: BAD_TOKEN_TTL_MS };
  const { username: name, uid, groups, extra } = user;
  return {
    answer: { name, groups, extra, by: 'Token', ...(uid === '' ? {} : { uid }) },
    ttlMs: TOKEN_TTL_MS,
  };
}

async function reviewAccess(
  client: KubeClient,
  { name: user, groups, uid, extra }: ConsoleUser,
  { verb, resource, namespace, name }: AccessQuestion,
): Promise<Reviewed<boolean>> {
  const spec = {
    user,
    groups,
    extra,
    ...(uid === undefined ? {} : { uid }),
    resourceAttributes: {
      group: API_GROUP,
      resource,
      verb,
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
    },
  };
  const answer = await post(client, RESOURCES.SubjectAccessReview, spec);
  const review = SubjectAccessReview.safeParse(answer);
  if (!review.success) throw new ProblemError('unavailable', 'the apiserver did not answer with a SubjectAccessReview');
  return { answer: review.data.status.allowed, ttlMs: RIGHT_TTL_MS };
}

/** Only time ends a review: a client that goes away must not take the answer from others who wait for it. */
async function post(
  client: KubeClient,
  resource: (typeof RESOURCES)['TokenReview' | 'SubjectAccessReview'],
  spec: object,
): Promise<unknown> {
  const { apiVersion, kind } = resource;
  try {
    return await client.request({ method: 'POST', path: collectionPath(resource), body: { apiVersion, kind, spec } });
  } catch (cause) {
    throw new ProblemError('unavailable', `the apiserver did not answer the ${kind}`, { cause });
  }
}
