import { expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { PeerError, type Clock, type PeerIdentity } from '@edict/protocol';
import {
  ACCEPTED_TTL_MS,
  createAuthenticator,
  REFUSED_TTL_MS,
  REVIEWS_MAX,
  REVIEWS_WAITING_MAX,
} from './authenticator.ts';
import { createDistributionMetrics } from './metrics.ts';

const peer: PeerIdentity = { nodeId: 'n', podName: 'p', namespace: 'd', serviceAccount: 's', sets: [] };
const never = new AbortController().signal;

function start(review: (token: string) => Promise<PeerIdentity>) {
  let now = 0;
  let reviews = 0;
  const clock: Clock = { now: () => now, monotonic: () => now, schedule: () => () => undefined };
  const registry = new Registry();
  const authenticate = createAuthenticator({
    reviewToken: (token) => {
      reviews += 1;
      return review(token);
    },
    clock,
    metrics: createDistributionMetrics(registry),
  });
  return {
    authenticate: (token: string) => authenticate(token, never),
    reviews: () => reviews,
    wait: (ms: number) => {
      now += ms;
    },
    registry,
  };
}

test('a good token is reviewed once a minute, and a revoked one is refused after that', async () => {
  let revoked = false;
  const { authenticate, reviews, wait } = start(() =>
    revoked ? Promise.reject(new PeerError('InvalidToken', 'revoked')) : Promise.resolve(peer),
  );
  await expect(authenticate('t')).resolves.toBe(peer);
  revoked = true;
  wait(ACCEPTED_TTL_MS - 1);
  await expect(authenticate('t')).resolves.toBe(peer);
  expect(reviews()).toBe(1);
  wait(1);
  await expect(authenticate('t')).rejects.toMatchObject({ code: 'InvalidToken', message: 'revoked' });
});

test('a bad token does not become a storm of reviews', async () => {
  const { authenticate, reviews, wait } = start(() => Promise.reject(new PeerError('InvalidToken', 'no')));
  for (let index = 0; index < 50; index += 1)
    await expect(authenticate('t')).rejects.toMatchObject({ code: 'InvalidToken' });
  expect(reviews()).toBe(1);
  wait(REFUSED_TTL_MS);
  await expect(authenticate('t')).rejects.toMatchObject({ code: 'InvalidToken' });
  expect(reviews()).toBe(2);
});

test.each([
  ['a pod that is not known yet', new PeerError('UnknownPeer', 'not yet'), 'UnknownPeer'],
  ['a reviewer that is away', new Error('ECONNREFUSED'), 'Unavailable'],
])('%s is asked for again at once, and its cause is not shown', async (_name, error, code) => {
  const { authenticate, reviews } = start(() => Promise.reject(error));
  await expect(authenticate('t')).rejects.toMatchObject({ code });
  await expect(authenticate('t')).rejects.not.toMatchObject({ message: 'ECONNREFUSED' });
  expect(reviews()).toBe(2);
});

test('the same token at the same time is reviewed once', async () => {
  const { authenticate, reviews } = start(() => Promise.resolve(peer));
  await Promise.all([authenticate('t'), authenticate('t'), authenticate('t')]);
  expect(reviews()).toBe(1);
});

test('reviews are bounded: so many at a time, so many more wait, the rest is told to come back', async () => {
  let running = 0;
  let most = 0;
  const { authenticate } = start(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return peer;
  });
  const count = REVIEWS_MAX + REVIEWS_WAITING_MAX + 10;
  const results = await Promise.allSettled(Array.from({ length: count }, (_, index) => authenticate(`t${index}`)));
  expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(10);
  expect(most).toBe(REVIEWS_MAX);
});

test('the metrics say how tokens were judged', async () => {
  const { authenticate, registry } = start(() => Promise.resolve(peer));
  await authenticate('t');
  await authenticate('t');
  const text = await registry.metrics();
  expect(text).toContain('operator_pdp_authentications_total{outcome="accepted"} 1');
  expect(text).toContain('operator_pdp_authentications_total{outcome="cached"} 1');
  expect(text).not.toContain('"t"');
});
