import { expect, test } from '@jest/globals';
import { PeerError } from '@edict/protocol';
import { loadConfig } from '../config.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import type { PodDirectory } from './pod-directory.ts';
import { createTokenReviewer } from './token-reviewer.ts';

const pods = {
  expect: () => {
    throw new PeerError('UnknownPeer', 'no such pod');
  },
} as unknown as PodDirectory;

/** An apiserver that finds every token genuine, of one service account and meant for `audience`. */
function reviewer(account: string, audience = 'edict-distribution') {
  const user = { username: `system:serviceaccount:${account.replace('/', ':')}`, extra: {} };
  const answer = { status: { authenticated: true, audiences: [audience], user } };
  const client = { request: () => Promise.resolve(answer) } as unknown as KubeClient;
  const review = createTokenReviewer(client, pods, new Map([['edict/relay-eu', 'eu']]));
  return review('token', AbortSignal.timeout(10_000));
}

test('the service account of a relay speaks for its site, from wherever it is', async () => {
  await expect(reviewer('edict/relay-eu')).resolves.toMatchObject({ nodeId: 'site:eu', site: 'eu', sets: [] });
});

test.each([
  { name: 'another service account is no relay', account: 'edict/relay-us' },
  { name: 'nor is one of the same name elsewhere', account: 'shop/relay-eu' },
  {
    name: 'nor is its token for another audience',
    account: 'edict/relay-eu',
    audience: 'https://kubernetes.default.svc',
  },
])('$name', async ({ account, audience }) => {
  await expect(reviewer(account, audience)).rejects.toMatchObject({ code: 'InvalidToken' });
});

test('the relays of the configuration are read, and what is none is named', () => {
  const env = {
    EDICT_OPERATOR_NAMESPACE: 'edict',
    EDICT_OPERATOR_POD_NAME: 'operator-0',
    EDICT_OPERATOR_POD_IP: '10.0.0.1',
    EDICT_OPERATOR_PDP_IMAGE: 'pdp',
  };
  const relays = (text: string) => loadConfig({ ...env, EDICT_OPERATOR_RELAYS: text }).EDICT_OPERATOR_RELAYS;
  expect(relays('eu=edict/relay-eu, us=edict/relay-us')).toStrictEqual(
    new Map([
      ['edict/relay-eu', 'eu'],
      ['edict/relay-us', 'us'],
    ]),
  );
  expect(() => relays('eu')).toThrow("'eu' is not site=namespace/serviceaccount");
  expect(() => relays('eu=a/b,us=a/b')).toThrow('a/b is the service account of two sites');
});
