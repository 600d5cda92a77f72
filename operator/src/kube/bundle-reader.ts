import { API_GROUP } from '@edict/crds';
import { messageOf } from '@edict/protocol';
import { BundleAccessError, type ReviewBundleAccess } from '../bundle-endpoint/bundle-access.ts';
import { parseKey } from '../store/object-key.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import { reviewAccess, reviewToken } from './reviews.ts';

/** The audience that tokens for bundles have: another than that of PDPs, so that neither can stand in for the other. */
export const BUNDLE_TOKEN_AUDIENCE = 'edict-bundles';

/**
 * Who may have the bundle of a set: whoever has a token of audience {@link BUNDLE_TOKEN_AUDIENCE} and may `get` the
 * subresource `policysets/bundle` of that set by the cluster's own authorization (RBAC).
 */
export function createBundleReader(client: KubeClient): ReviewBundleAccess {
  return async (token, set, signal) => {
    const verdict = await asked(reviewToken(client, token, { audience: BUNDLE_TOKEN_AUDIENCE, signal }));
    if (verdict.user === undefined) throw new BundleAccessError('InvalidToken', verdict.reason);
    const { user } = verdict;
    const { username } = user;
    if (set === undefined) return { user: username };
    const { namespace, name } = parseKey(set);
    const what = { group: API_GROUP, resource: 'policysets', subresource: 'bundle', verb: 'get', namespace, name };
    if (!(await asked(reviewAccess(client, user, what, signal))))
      throw new BundleAccessError('Forbidden', `${username} may not get policysets/bundle of ${set}`);
    return { user: username };
  };
}

async function asked<T>(review: Promise<T>): Promise<T> {
  try {
    return await review;
  } catch (cause) {
    throw new BundleAccessError('Unavailable', messageOf(cause), { cause });
  }
}
