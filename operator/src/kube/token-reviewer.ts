import { messageOf, PeerError, siteIdentity, type PeerIdentity } from '@edict/protocol';
import { TOKEN_AUDIENCE } from '../controllers/policy-decision-point/fleet-defaults.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import type { PodDirectory } from './pod-directory.ts';
import { reviewToken, type ReviewedUser, type TokenVerdict } from './reviews.ts';

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
    let verdict: TokenVerdict;
    try {
      verdict = await reviewToken(client, token, { audience: TOKEN_AUDIENCE, signal });
    } catch (cause) {
      throw new PeerError('Unavailable', messageOf(cause), { cause });
    }
    if (verdict.user === undefined) throw new PeerError('InvalidToken', verdict.reason);
    return identityOf(verdict.user, pods, relays);
  };
}

function identityOf(user: ReviewedUser, pods: PodDirectory, relays: ReadonlyMap<string, string>): PeerIdentity {
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
