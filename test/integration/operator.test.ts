import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import {
  findCondition,
  PolicySetSpec,
  type ConditionType,
  type PolicyDomain,
  type PolicyDomainSpec,
  type PolicyRevision,
  type PolicySet,
} from '@edict/crds';
import { parseManifest, verifyRevision } from '@edict/bundle';
import {
  connectPdp,
  regoPermitting,
  SIGNING_KEY,
  startOperator,
  type ConnectedPdp,
} from '../../operator/src/testing/fixtures.ts';
import type { Operator } from '@edict/operator';
import { waitFor } from '../support/wait-for.ts';
import { connectCluster, deleteNamespace, hasNamespace, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';

const spec = (over: Partial<PolicyDomainSpec> = {}): PolicyDomainSpec => ({
  policies: [{ mrn: 'mrn:policy:main', name: 'main', rego: regoPermitting('alice') }],
  operations: [{ name: 'all', selector: ['.*'], policy: 'mrn:policy:main' }],
  ...over,
});
const policy = (rego: string): Partial<PolicyDomainSpec> => ({
  policies: [{ mrn: 'mrn:policy:main', name: 'main', rego }],
});

let cluster: Cluster;
let namespace: string;
let operator: Operator;
let reasons: () => readonly string[];
const pdps: ConnectedPdp[] = [];

beforeAll(async () => {
  cluster = await connectCluster(sharedKubeconfig());
});
afterAll(() => cluster.close());
beforeEach(async () => {
  namespace = await cluster.namespace();
  const started = await startOperator(cluster.store);
  operator = started.operator;
  reasons = () => started.events.map(({ reason }) => reason);
});
afterEach(async () => {
  for (const { client } of pdps.splice(0)) await client.close();
  await operator.stop();
});

const key = (name: string) => ({ namespace, name });
const domain = (name: string) => cluster.store.get('PolicyDomain', key(name));
const policySet = (name = 'default') => cluster.store.get('PolicySet', key(name));

function connect(count: number, options: Parameters<typeof connectPdp>[3] = {}): readonly ConnectedPdp[] {
  const connected = Array.from({ length: count }, (_, index) =>
    connectPdp(operator, `${namespace}/default`, index, options, namespace),
  );
  pdps.push(...connected);
  return connected;
}

async function apply(name: string, body: PolicyDomainSpec): Promise<void> {
  await cluster.store.apply<'PolicyDomain'>(
    { apiVersion: 'edict.dev/v1beta1', kind: 'PolicyDomain', metadata: key(name), spec: { ...body } },
    { fieldManager: 'user', force: true },
  );
}

/** A condition, if it speaks of the newest generation. */
function current(object: PolicyDomain | PolicySet | PolicyRevision | undefined, type: ConditionType) {
  const condition = findCondition(object?.status?.conditions, type);
  return condition?.observedGeneration === object?.metadata.generation ? condition : undefined;
}

const untilReady = (name: string): Promise<PolicyDomain> =>
  waitFor(`${name} to be ready`, async () => {
    const found = await domain(name);
    return current(found, 'Ready')?.status === 'True' ? found : undefined;
  });

const untilReason = (name: string, reason: string): Promise<PolicyDomain> =>
  waitFor(`${name} to be ${reason}`, async () => {
    const found = await domain(name);
    return current(found, 'Ready')?.reason === reason ? found : undefined;
  });

test('apply, prepared by all, decided, active on all, Ready: and the record of it is signed', async () => {
  const startedAt = performance.now();
  // They wait for their set, so that the first revision finds them there.
  const connected = connect(3);
  await apply('orders', spec());
  const { status } = await untilReady('orders');
  const seconds = (performance.now() - startedAt) / 1000;
  expect(connected.map((pdp) => pdp.served())).toStrictEqual([1, 1, 1]);
  expect(status).toMatchObject({ set: 'default', revision: 'default@1' });
  const revision = await waitFor('the rollout to be completed', async () => {
    const found = await cluster.store.get('PolicyRevision', key('default-1'));
    return found?.status?.phase === 'Completed' ? found : undefined;
  });
  expect(revision.status).toMatchObject({ activeCount: '3/3', waves: [{ index: 0, decision: 'Commit' }] });
  const manifest = parseManifest(new TextEncoder().encode(revision.spec.manifest));
  const { set, setUid, n, digest, parent, reason, createdAt, keyId, signature } = revision.spec;
  const signed = {
    set: `${namespace}/${set}`,
    setUid,
    n,
    digest: digest as `sha256:${string}`,
    parent,
    reason,
    createdAt,
    keyId,
    signature,
  };
  verifyRevision(signed, new Map([[SIGNING_KEY.keyId, SIGNING_KEY.publicKey]]), { manifest });
  const bundle = await cluster.store.get('PolicyBundle', key(manifest.domains[0]?.digest.replace(':', '-') ?? ''));
  expect(bundle?.spec).toMatchObject({ domain: 'orders', policies: 1 });
  process.stdout.write(`apply to Ready with 3 PDPs in one process: ${seconds.toFixed(2)} s\n`);
});

test('twenty edits: each serves, revisions only rise, and the status is never ahead of the PDPs', async () => {
  await apply('orders', spec());
  await waitFor('the default set', () => policySet());
  const [first, second] = connect(2);
  await untilReady('orders');
  const times: number[] = [];
  for (let edit = 1; edit <= 20; edit += 1) {
    const startedAt = performance.now();
    await apply('orders', spec(policy(regoPermitting(`user-${String(edit)}`))));
    const before = first?.served() ?? 0;
    await waitFor('both serve it', () => (first?.served() ?? 0) === edit + 1 && second?.served() === edit + 1, {
      intervalMs: 5,
    });
    times.push(performance.now() - startedAt);
    expect(before).toBeLessThanOrEqual(edit + 1);
    const { metadata, status } = await untilReady('orders');
    expect(status?.observedGeneration).toBe(metadata.generation);
  }
  times.sort((a, b) => a - b);
  process.stdout.write(
    `apply to active on all: median ${String(Math.round(times[10] ?? 0))} ms, worst ${String(Math.round(times.at(-1) ?? 0))} ms\n`,
  );
  // Old revisions and the bundles that only they named go; what serves and a bounded history stays.
  const revisions = await waitFor('the history to be pruned', async () => {
    const found = await cluster.store.list('PolicyRevision', { namespace });
    return found.length <= 12 ? found : undefined;
  });
  expect(revisions.map(({ spec: { n } }) => n)).toContain(21);
});

const library = { mrn: 'mrn:library:util', rego: 'package util\n\nis_clerk { input.principal.role == "clerk" }\n' };
const importing = 'package authz\n\nimport data.util\n\ndefault allow = false\n\nallow { util.is_clerk }\n';

test.each<[string, Partial<PolicyDomainSpec>, RegExp]>([
  [
    'Rego that does not parse',
    policy('package authz\n\nallow { input.x == }\n'),
    /\[policy mrn:policy:main\].*\(rego 3:\d+\)/s,
  ],
  [
    'Rego that does not compile',
    policy('package authz\n\nallow { x }\n'),
    /\[policy mrn:policy:main\].*\(rego 3:\d+\)/s,
  ],
  [
    'an unknown policy',
    { roles: [{ mrn: 'mrn:role:clerk', policy: 'mrn:policy:none' }] },
    /\[role mrn:role:clerk\].*mrn:policy:none/,
  ],
  [
    'an unknown domain',
    { policies: [{ mrn: 'mrn:policy:main', rego: importing, dependencies: ['nowhere/mrn:library:util'] }] },
    /\[policy mrn:policy:main\].*nowhere/,
  ],
  [
    'libraries in a circle',
    {
      'policy-libraries': [
        { ...library, dependencies: ['mrn:library:other'] },
        { mrn: 'mrn:library:other', rego: 'package other\n', dependencies: ['mrn:library:util'] },
      ],
    },
    /\[library mrn:library:(util|other)\].*circle/i,
  ],
  [
    'a selector that is no expression',
    { operations: [{ name: 'all', selector: ['('], policy: 'mrn:policy:main' }] },
    /operation all.*\(/,
  ],
])('%s: refused with its place, and the last good policy serves', async (_name, over, message) => {
  await apply('orders', spec());
  await waitFor('the default set', () => policySet());
  const [pdp] = connect(1);
  const good = await untilReady('orders');
  await apply('orders', spec(over));
  const refused = await untilReason('orders', 'Invalid');
  expect(current(refused, 'Ready')?.message).toMatch(message);
  expect(current(refused, 'Accepted')?.status).toBe('False');
  expect(current(refused, 'Stalled')?.status).toBe('True');
  expect(refused.status?.digest).toBe(good.status?.digest);
  expect(pdp?.served()).toBe(1);
  expect(await cluster.store.list('PolicyRevision', { namespace })).toHaveLength(1);
  // The event follows the write that the line above has seen.
  await waitFor('the event Refused', () => reasons().includes('Refused'));
  await apply('orders', spec());
  await untilReady('orders');
  expect(pdp?.served()).toBe(1);
});

test('a domain over the size limit is refused by name and number', async () => {
  // Just under what the schema allows for one text, twice: over what a domain may have.
  const filler = `# ${'x'.repeat(600_000)}\n`;
  await apply(
    'large',
    spec({
      policies: [1, 2].map((n) => ({ mrn: `mrn:policy:${String(n)}`, rego: `package authz\n${filler}` })),
      operations: [],
    }),
  );
  const refused = await untilReason('large', 'TooLarge');
  expect(current(refused, 'Ready')?.message).toMatch(/1048576/);
});

test('two domains that need each other are one revision, in whatever order they come', async () => {
  await cluster.store.create({
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicySet',
    metadata: key('default'),
    spec: PolicySetSpec.parse({}),
  });
  const [pdp] = connect(1);
  await Promise.all([
    apply(
      'orders',
      spec({ policies: [{ mrn: 'mrn:policy:main', rego: importing, dependencies: ['shared/mrn:library:util'] }] }),
    ),
    apply('shared', spec({ 'policy-libraries': [library] })),
  ]);
  await untilReady('orders');
  await untilReady('shared');
  expect([...(pdp?.domains() ?? [])].sort()).toStrictEqual(['orders', 'shared']);
});

test('a domain goes once every PDP has let it go', async () => {
  await apply('orders', spec());
  await apply('refunds', spec());
  await waitFor('the default set', () => policySet());
  const [pdp] = connect(1);
  await untilReady('orders');
  await untilReady('refunds');
  await cluster.store.delete('PolicyDomain', key('refunds'));
  await waitFor('it to be gone', async () => (await domain('refunds')) === undefined);
  expect(pdp?.domains()).toStrictEqual(['orders']);
  // The event follows the write that the line above has seen.
  await waitFor('the event Withdrawn', () => reasons().includes('Withdrawn'));
});

test('a domain that nobody lets go is gone after the set’s time-out, or at once by force', async () => {
  await apply('orders', spec());
  await waitFor('the default set', () => policySet());
  connect(1, { refuse: (names) => (names.length === 0 ? 'never empty' : undefined) });
  await untilReady('orders');
  const set = await policySet();
  if (set === undefined) throw new Error('no set');
  await cluster.store.delete('PolicyDomain', key('orders'));
  const held = await waitFor('it to be held', async () => {
    const found = await domain('orders');
    return findCondition(found?.status?.conditions, 'Ready')?.reason === 'Withdrawing' ? found : undefined;
  });
  expect(held.metadata.deletionTimestamp).toBeDefined();
  await cluster.store.apply<'PolicySet'>(
    { apiVersion: 'edict.dev/v1beta1', kind: 'PolicySet', metadata: key('default'), spec: { withdrawTimeout: '1s' } },
    { fieldManager: 'user', force: true },
  );
  await waitFor('it to be gone', async () => (await domain('orders')) === undefined);
  // The event follows the write that the line above has seen.
  await waitFor('the event WithdrawTimeout', () => reasons().includes('WithdrawTimeout'));
});

test('a namespace with policy in it is deleted without hanging', async () => {
  await apply('orders', spec());
  await waitFor('the default set', () => policySet());
  connect(2);
  await untilReady('orders');
  const startedAt = performance.now();
  await deleteNamespace(cluster, namespace);
  await waitFor('the namespace to be gone', async () => !(await hasNamespace(cluster, namespace)));
  process.stdout.write(`namespace gone after ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);
});

test('a second operator that takes over finds the rollout and finishes it', async () => {
  await apply('orders', spec());
  await waitFor('the default set', () => policySet());
  connect(1);
  await untilReady('orders');
  // The first is gone between creating a revision and deciding it: nobody answered yet.
  for (const { client } of pdps.splice(0)) await client.close();
  await apply('orders', spec(policy(regoPermitting('bob'))));
  await waitFor('revision 2', () => cluster.store.get('PolicyRevision', key('default-2')));
  await operator.stop();
  operator = (await startOperator(cluster.store, { identity: 'operator-1' })).operator;
  const [pdp] = connect(1);
  await waitFor('revision 2 serves', () => pdp?.served() === 2);
  await untilReady('orders');
});
