import { expect, test } from '@jest/globals';
import { API_VERSION, PolicySetSpec, type PolicySet } from '@edict/crds';
import type { MemberView } from './observed.ts';
import { wantedOf } from './wanted.ts';

const member: MemberView = {
  namespace: 'shop',
  name: 'orders',
  uid: 'u',
  generation: 1,
  bundle: { digest: `sha256:${'a'.repeat(64)}`, size: 10, gzSize: 5, policies: 1 },
  settled: true,
};

/** As a store has it that does not look into it: the webhook was away. */
function unchecked(...shares: readonly string[]): PolicySet {
  const spec = PolicySetSpec.parse({});
  const waves = shares.map((principals) => ({ principals, soak: '0s' }));
  const metadata = { namespace: 'shop', name: 'till', uid: 's', generation: 1 };
  return {
    apiVersion: API_VERSION,
    kind: 'PolicySet',
    metadata,
    spec: { ...spec, rollout: { ...spec.rollout, waves } },
  };
}

test('shares of principals that do not rise are refused with their place', () => {
  const message =
    'spec.rollout.waves[1].principals: shares of principals rise from wave to wave, above 0% and below 100%';
  expect(wantedOf(unchecked('5%', '4%'), [member], [])).toStrictEqual({ reason: 'Invalid', message });
});

test('shares of principals that rise are taken', () => {
  expect(wantedOf(unchecked('5%', '50%'), [member], [])).toMatchObject({ reason: 'Spec' });
});
