import { messageOf, PeerError, type PeerIdentity } from '@edict/protocol';
import type { ReviewToken } from '../distribution/authenticator.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import type { PodDirectory } from './pod-directory.ts';
import { reviewToken, type TokenVerdict } from './reviews.ts';

/** Audience of the tokens by which replicas of the operator know each other; the chart asks for it. */
export const REPLICA_AUDIENCE = 'edict-replica';

const POD_NAME = 'authentication.kubernetes.io/pod-name';
const POD_UID = 'authentication.kubernetes.io/pod-uid';

/** Whose pods are replicas. */
export interface ReplicaAccount {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/**
 * Which replica sends a token: the apiserver says that it is genuine, meant for this, and bound to a living pod of the operator's own
 * service account. No token of a PDP passes, as its audience is another, and none of another account. @throws PeerError
 */
export function createReplicaReviewer(client: KubeClient, { namespace, serviceAccount }: ReplicaAccount): ReviewToken {
  const expected = `system:serviceaccount:${namespace}:${serviceAccount}`;
  return async (token, signal) => {
    let verdict: TokenVerdict;
    try {
      verdict = await reviewToken(client, token, { audience: REPLICA_AUDIENCE, signal });
    } catch (cause) {
      throw new PeerError('Unavailable', messageOf(cause), { cause });
    }
    if (verdict.user === undefined) throw new PeerError('InvalidToken', verdict.reason);
    const { username, extra } = verdict.user;
    if (username !== expected) throw new PeerError('InvalidToken', `${username} is not the operator`);
    const podName = extra[POD_NAME]?.[0];
    const nodeId = extra[POD_UID]?.[0];
    if (podName === undefined || nodeId === undefined)
      throw new PeerError('InvalidToken', 'the token is bound to no pod');
    return { nodeId, podName, namespace, serviceAccount, sets: [] };
  };
}

/**
 * Looks, at the leader, at a PDP whom another replica has let in: a pod is one that is known here as a PDP, a relay one of the sites that
 * are configured. @throws PeerError
 */
export function admitCarried(
  pods: Pick<PodDirectory, 'expect'>,
  sites: ReadonlySet<string>,
): (identity: PeerIdentity) => void {
  return ({ nodeId, podName, namespace, site }) => {
    if (site === undefined) pods.expect(nodeId, namespace, podName);
    else if (!sites.has(site) || nodeId !== `site:${site}`) {
      throw new PeerError('UnknownPeer', `no relay of site ${site} may connect`);
    }
  };
}
