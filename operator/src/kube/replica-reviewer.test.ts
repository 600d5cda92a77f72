import { expect, test } from '@jest/globals';
import { PeerError, siteIdentity, type PeerIdentity } from '@edict/protocol';
import type { KubeClient } from '../store/kube/kube-client.ts';
import { admitCarried, createReplicaReviewer, REPLICA_AUDIENCE } from './replica-reviewer.ts';

const POD = {
  'authentication.kubernetes.io/pod-name': ['edict-operator-1'],
  'authentication.kubernetes.io/pod-uid': ['uid-1'],
};
const OPERATOR = 'system:serviceaccount:edict-system:edict-operator';

interface Answer {
  readonly authenticated?: boolean;
  readonly audiences?: readonly string[];
  readonly username?: string;
  readonly extra?: object;
}

/** An apiserver that answers so, and what it was asked. */
function review({ authenticated = true, audiences = [REPLICA_AUDIENCE], username = OPERATOR, extra = POD }: Answer) {
  const asked: unknown[] = [];
  const client = {
    request: ({ body }: { readonly body: { readonly spec: unknown } }) => {
      asked.push(body.spec);
      return Promise.resolve({ status: { authenticated, audiences, user: { username, extra } } });
    },
  } as unknown as KubeClient;
  const account = { namespace: 'edict-system', serviceAccount: 'edict-operator' };
  return { asked, answer: createReplicaReviewer(client, account)('token', AbortSignal.timeout(10_000)) };
}

test('a pod of the operator with a token that is meant for it is a replica', async () => {
  const { asked, answer } = review({});
  await expect(answer).resolves.toMatchObject({ podName: 'edict-operator-1', nodeId: 'uid-1' });
  expect(asked).toEqual([{ token: 'token', audiences: [REPLICA_AUDIENCE] }]);
});

test.each<[string, Answer]>([
  ['a token that is not genuine', { authenticated: false }],
  ['a token of the operator for something else', { audiences: ['edict-distribution'] }],
  ['a token of another service account', { username: 'system:serviceaccount:edict-system:console' }],
  ['a service account of that name in another namespace', { username: 'system:serviceaccount:shop:edict-operator' }],
  ['a person', { username: 'edict-operator' }],
  ['a token that is bound to no pod', { extra: {} }],
])('%s is no replica', async (_name, answer) => {
  await expect(review(answer).answer).rejects.toMatchObject({ code: 'InvalidToken' });
});

test('an apiserver that does not answer is no refusal: it is asked again', async () => {
  const client = { request: () => Promise.reject(new Error('down')) } as unknown as KubeClient;
  const reviewer = createReplicaReviewer(client, { namespace: 'edict-system', serviceAccount: 'edict-operator' });
  await expect(reviewer('token', AbortSignal.timeout(10_000))).rejects.toMatchObject({ code: 'Unavailable' });
});

test('the leader looks itself at whom a follower brings: pods that it knows, and relays of sites that are configured', () => {
  const known: string[] = [];
  const admit = admitCarried(
    {
      expect: (uid, namespace, name) => {
        if (uid !== 'uid-7') throw new PeerError('UnknownPeer', `${namespace}/${name} is not known`);
        known.push(`${namespace}/${name}`);
        return {} as never;
      },
    },
    new Set(['eu']),
  );
  const pod: PeerIdentity = { nodeId: 'uid-7', podName: 'pdp', namespace: 'shop', serviceAccount: 'pdp', sets: [] };
  admit(pod);
  expect(known).toEqual(['shop/pdp']);
  expect(() => admit({ ...pod, nodeId: 'uid-8' })).toThrow('shop/pdp is not known');
  admit(siteIdentity('eu', 'relay-eu'));
  expect(() => admit(siteIdentity('us', 'relay-us'))).toThrow('no relay of site us may connect');
  // What says that it is a relay cannot take the place of a pod.
  expect(() => admit({ ...siteIdentity('eu', 'relay-eu'), nodeId: 'uid-7' })).toThrow(
    'no relay of site eu may connect',
  );
});
