import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { generateSigningKey } from '@edict/bundle';
import { RESOURCES, type KubeObject } from '@edict/operator/kube';
import { createKeyStore, type KeyStore } from '../../operator/src/keys/key-store.ts';
import { connectCluster, refusal, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

let cluster: Cluster;
const key = generateSigningKey();
const byHand = generateSigningKey();
const encode = (text: string): string => Buffer.from(text).toString('base64');

beforeAll(async () => {
  cluster = await connectCluster(sharedKubeconfig());
});
afterAll(() => cluster.close());

/** A namespace with a Secret as a release made it that knew neither rotation nor bundles for stock OPAs, and who reads it. */
async function upgraded(data: Readonly<Record<string, string>>): Promise<{
  readonly open: () => KeyStore;
  readonly stored: () => Promise<Secret>;
}> {
  const place = { namespace: await cluster.namespace(), name: 'edict-signing' };
  await cluster.objects.create<Secret>(RESOURCES.Secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: place,
    data: Object.fromEntries(Object.entries(data).map(([member, text]) => [member, encode(text)])),
  });
  return {
    open: () => createKeyStore(cluster.objects, place.namespace, place.name, Date.now),
    stored: async () => {
      const found = await cluster.objects.get<Secret>(RESOURCES.Secret, place);
      if (found === undefined) throw new Error('the Secret is gone');
      return found;
    },
  };
}

const OF_AN_EARLIER_RELEASE = {
  'private.pem': key.privateKey,
  'public.pem': key.publicKey,
  'trusted.pem': byHand.publicKey,
};

test('a Secret of an earlier release keeps its key and all that PDPs trust, and gets one key for stock OPAs', async () => {
  const { open, stored } = await upgraded(OF_AN_EARLIER_RELEASE);
  const before = await stored();
  const first = await open().read();
  expect(first.state).toMatchObject({ current: { keyId: key.keyId }, retiring: [], further: [byHand.publicKey] });
  expect(first.state.current.sinceMs).toBe(Date.parse(String(before.metadata.creationTimestamp)));
  const after = await stored();
  expect(after.data).toMatchObject({ ...before.data, 'opa.pem': encode(first.opa.privateKey) });
  expect((await open().read()).opa).toStrictEqual(first.opa);
  expect((await stored()).metadata.resourceVersion).toBe(after.metadata.resourceVersion);
});

test('replicas that are upgraded at once all use the key of the one that wrote first', async () => {
  const { open } = await upgraded(OF_AN_EARLIER_RELEASE);
  const read = await Promise.all([1, 2, 3].map(() => open().read()));
  expect(new Set(read.map(({ opa }) => opa.publicKey)).size).toBe(1);
  expect(new Set(read.map(({ state }) => state.current.keyId))).toEqual(new Set([key.keyId]));
});

test('replicas that make the first keys at once agree on them', async () => {
  const namespace = await cluster.namespace();
  const open = (): KeyStore => createKeyStore(cluster.objects, namespace, 'edict-signing', Date.now);
  const read = await Promise.all([1, 2, 3].map(() => open().read()));
  expect(new Set(read.map(({ state }) => state.current.keyId)).size).toBe(1);
  expect(new Set(read.map(({ opa }) => opa.publicKey)).size).toBe(1);
});

test('a Secret that lost its key is an error that says what to do, and stays as it is', async () => {
  const { open, stored } = await upgraded({ 'opa.pem': 'x' });
  const before = await stored();
  await expect(open().read()).rejects.toThrow(
    /^secret test-.*\/edict-signing holds no signing key \(private\.pem, public\.pem\): restore it, or delete it/,
  );
  expect((await stored()).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
});

test('a write that another was faster than is a conflict, and nothing is lost', async () => {
  const { open, stored } = await upgraded(OF_AN_EARLIER_RELEASE);
  const [one, other] = [open(), open()];
  const [seen, alsoSeen] = [await one.read(), await other.read()];
  const next = { ...generateSigningKey(), sinceMs: Date.now() };
  await one.write(seen, { ...seen.state, next });
  expect(await refusal(other.write(alsoSeen, alsoSeen.state))).toMatchObject({ code: 'Conflict' });
  expect((await other.read()).state.next).toMatchObject({ keyId: next.keyId });
  expect((await stored()).data).toHaveProperty(['opa.pem'], encode(seen.opa.privateKey));
});
