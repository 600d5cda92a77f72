import { API_VERSION } from '@edict/crds';
import { z } from 'zod';
import { BundleAccessError, type ReviewBundleAccess } from '../bundle-endpoint/bundle-access.ts';
import { parseKey } from '../store/object-key.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import { collectionPath, RESOURCES, type Resource } from '../store/kube/resources.ts';

/** The audience that tokens for bundles have: another than that of PDPs, so that neither can stand in for the other. */
export const BUNDLE_TOKEN_AUDIENCE = 'edict-bundles';

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

const AccessReview = z.looseObject({ status: z.looseObject({ allowed: z.boolean(), reason: z.string().optional() }) });

/**
 * Who may have the bundle of a set: whoever has a token of audience {@link BUNDLE_TOKEN_AUDIENCE} and may `get` the
 * subresource `policysets/bundle` of that set by the cluster's own authorization (RBAC).
 */
export function createBundleReader(client: KubeClient): ReviewBundleAccess {
  const ask = async (resource: Resource, spec: unknown, signal: AbortSignal): Promise<unknown> => {
    try {
      return await client.request({
        method: 'POST',
        path: collectionPath(resource),
        body: { apiVersion: resource.apiVersion, kind: resource.kind, spec },
        signal,
      });
    } catch (cause) {
      throw new BundleAccessError('Unavailable', 'the apiserver did not review the request', { cause });
    }
  };
  return async (token, set, signal) => {
    const answer = await ask(RESOURCES.TokenReview, { token, audiences: [BUNDLE_TOKEN_AUDIENCE] }, signal);
    const user = userOf(answer);
    if (set === undefined) return { user: user.username };
    const { namespace, name } = parseKey(set);
    const [group] = API_VERSION.split('/');
    const resourceAttributes = { group, resource: 'policysets', subresource: 'bundle', verb: 'get', namespace, name };
    const { username, uid, groups, extra } = user;
    const spec = { user: username, uid, groups, extra, resourceAttributes };
    const access = AccessReview.safeParse(await ask(RESOURCES.SubjectAccessReview, spec, signal));
    if (!access.success)
      throw new BundleAccessError('Unavailable', 'the apiserver answered with something else than an access review');
    if (!access.data.status.allowed)
      throw new BundleAccessError('Forbidden', `${username} may not get policysets/bundle of ${set}`);
    return { user: username };
  };
}

function userOf(answer: unknown): NonNullable<z.output<typeof TokenReview>['status']['user']> {
  const review = TokenReview.safeParse(answer);
  if (!review.success)
    throw new BundleAccessError('Unavailable', 'the apiserver answered with something else than a TokenReview');
  const { authenticated, audiences, user, error } = review.data.status;
  if (!authenticated || user === undefined)
    throw new BundleAccessError('InvalidToken', `the token is not valid${error === undefined ? '' : `: ${error}`}`);
  if (!audiences.includes(BUNDLE_TOKEN_AUDIENCE))
    throw new BundleAccessError('InvalidToken', `the token is not meant for audience ${BUNDLE_TOKEN_AUDIENCE}`);
  return user;
}
