import { PeerError, siteIdentity, type PeerIdentity } from '@edict/protocol';
import { z } from 'zod';
import { TOKEN_AUDIENCE } from '../controllers/policy-decision-point/fleet-defaults.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import { collectionPath, RESOURCES } from '../store/kube/resources.ts';
import type { PodDirectory } from './pod-directory.ts';

const TokenReview = z.looseObject({
  status: z.looseObject({
    authenticated: z.boolean().default(false),
    error: z.string().optional(),
    audiences: z.array(z.string()).default([]),
    user: z
      .looseObject({
        username: z.string().default(''),
        extra: z.record(z.string(), z.array(z.string())).default({}),
      })
      .optional(),
  }),
});

const POD_NAME = 'authentication.kubernetes.io/pod-name';
const POD_UID = 'authentication.kubernetes.io/pod-uid';
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/**
 * Who sends a projected ServiceAccount token: the apiserver says whether it is genuine, meant for us and bound to a living
 * pod; that pod is then looked up in our own watch. `relays` are the service accounts (`namespace/name`) that speak for a site.
 * @throws PeerError
 */
export function createTokenReviewer(
  client: KubeClient,
  pods: PodDirectory,
  relays: ReadonlyMap<string, string> = new Map(),
): (token: string, signal: AbortSignal) => Promise<PeerIdentity> {
  return async (token, signal) => {
    let answer: unknown;
    try {
      answer = await client.request({
        method: 'POST',
        path: collectionPath(RESOURCES.TokenReview),
        body: {
          apiVersion: RESOURCES.TokenReview.apiVersion,
          kind: RESOURCES.TokenReview.kind,
          spec: { token, audiences: [TOKEN_AUDIENCE] },
        },
        signal,
      });
    } catch (error) {
      throw new PeerError('Unavailable', 'the apiserver did not review the token', { cause: error });
    }
    return identityOf(answer, pods, relays);
  };
}

function identityOf(answer: unknown, pods: PodDirectory, relays: ReadonlyMap<string, string>): PeerIdentity {
  const review = TokenReview.safeParse(answer);
  if (!review.success)
    throw new PeerError('Unavailable', 'the apiserver answered with something else than a TokenReview');
  const { authenticated, error, audiences, user } = review.data.status;
  if (!authenticated || user === undefined) {
    throw new PeerError('InvalidToken', `the token is not valid${error === undefined ? '' : `: ${error}`}`);
  }
  if (!audiences.includes(TOKEN_AUDIENCE)) {
    throw new PeerError('InvalidToken', `the token is not meant for audience ${TOKEN_AUDIENCE}`);
  }
  const account = SERVICE_ACCOUNT.exec(user.username);
  const site = relays.get(`${account?.[1]}/${account?.[2]}`);
  // From another cluster: its token is bound to no pod of this one.
  if (site !== undefined) return siteIdentity(site, account?.[2] ?? '');
  const name = user.extra[POD_NAME]?.[0];
  const uid = user.extra[POD_UID]?.[0];
  if (account === null || name === undefined || uid === undefined) {
    throw new PeerError('InvalidToken', `${user.username} is not a service account whose token is bound to a pod`);
  }
  const [, namespace = '', serviceAccount = ''] = account;
  pods.expect(uid, namespace, name);
  // Which sets it may have is decided by the directory's members, set by set.
  return { nodeId: uid, podName: name, namespace, serviceAccount, sets: [] };
}
