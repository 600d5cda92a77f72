import { z } from 'zod';
import type { KubeClient } from '../store/kube/kube-client.ts';
import { collectionPath, RESOURCES, type Resource } from '../store/kube/resources.ts';

/** Somebody whom the apiserver has authenticated. */
export interface ReviewedUser {
  readonly username: string;
  /** `''` where it is not told. */
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Whose token it is, or why it is nobody's. */
export type TokenVerdict = { readonly user: ReviewedUser } | { readonly user: undefined; readonly reason: string };

/** What somebody wants to do, in the words of RBAC. */
export interface ResourceAttributes {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verb: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** The apiserver did not answer, or with something else. `cause` is what happened. */
export class ReviewError extends Error {
  override readonly name = 'ReviewError';
  readonly code = 'Unavailable';
}

const TokenReview = z.looseObject({
  status: z.looseObject({
    authenticated: z.boolean().default(false),
    error: z.string().optional(),
    audiences: z.array(z.string()).default([]),
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

/**
 * Whose token it is by the apiserver's own word; with `audience`, only if it is meant for that.
 * @throws ReviewError
 */
export async function reviewToken(
  client: KubeClient,
  token: string,
  { audience, signal }: { readonly audience?: string; readonly signal?: AbortSignal } = {},
): Promise<TokenVerdict> {
  const spec = { token, ...(audience === undefined ? {} : { audiences: [audience] }) };
  const review = TokenReview.safeParse(await post(client, RESOURCES.TokenReview, spec, signal));
  if (!review.success) throw new ReviewError('the apiserver answered with something else than a TokenReview');
  const { authenticated, error, audiences, user } = review.data.status;
  if (!authenticated || user === undefined || user.username === '') {
    return { user: undefined, reason: `the token is not valid${error === undefined ? '' : `: ${error}`}` };
  }
  if (audience !== undefined && !audiences.includes(audience)) {
    return { user: undefined, reason: `the token is not meant for audience ${audience}` };
  }
  const { username, uid, groups, extra } = user;
  return { user: { username, uid, groups, extra } };
}

/** Whether the cluster's own authorization lets the user do it. @throws ReviewError */
export async function reviewAccess(
  client: KubeClient,
  { username, uid, groups, extra }: ReviewedUser,
  resourceAttributes: ResourceAttributes,
  signal?: AbortSignal,
): Promise<boolean> {
  const spec = { user: username, ...(uid === '' ? {} : { uid }), groups, extra, resourceAttributes };
  const review = SubjectAccessReview.safeParse(await post(client, RESOURCES.SubjectAccessReview, spec, signal));
  if (!review.success) throw new ReviewError('the apiserver answered with something else than a SubjectAccessReview');
  return review.data.status.allowed;
}

async function post(
  client: KubeClient,
  resource: Resource,
  spec: object,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const { apiVersion, kind } = resource;
  try {
    return await client.request({
      method: 'POST',
      path: collectionPath(resource),
      body: { apiVersion, kind, spec },
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    throw new ReviewError(`the apiserver did not answer the ${kind}`, { cause });
  }
}
