import { generateSigningKey, verifyRevision, type SigningKey } from '@edict/bundle';
import type { PolicyRevision } from '@edict/crds';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { signedOf } from '../backend/observation.ts';
import type { Operator } from '../operator-types.ts';
import { isStoreError } from '../store/errors.ts';
import type { FolderStore } from '../store/folder/folder-store.ts';
import { aDomain, aDomainSpec, eventually, NAMESPACE, regoPermitting, type ConnectedPdp } from '../testing/fixtures.ts';
import { openFolderStage, type FolderStage } from '../testing/folder-stage.ts';
import { keyUseOf } from './key-use.ts';
import type { Signer } from './signer.ts';

const SET = `${NAMESPACE}/default`;
const [oldKey, newKey] = [generateSigningKey(), generateSigningKey()];
let stage: FolderStage;
let store: FolderStore;
let operator: Operator;
let pdps: readonly ConnectedPdp[];

/** Keys as a manager has them, moved by the test. */
class Keys implements Signer {
  current: SigningKey | undefined = oldKey;
  readonly standings = new Map<string, 'Retiring' | 'Revoked'>();
  readonly key = (): SigningKey | undefined => this.current;
  readonly standingOf = (keyId: string): 'Good' | 'Retiring' | 'Revoked' => this.standings.get(keyId) ?? 'Good';
}
let keys: Keys;

beforeEach(async () => {
  stage = await openFolderStage();
  ({ store, pdps } = stage);
  keys = new Keys();
  ({ operator } = await stage.start({ signer: keys }));
});
afterEach(() => stage.close());

/** Two PDPs that serve revision 1, signed by the old key. */
async function serveFirst(options: Parameters<FolderStage['connect']>[3] = {}): Promise<void> {
  await store.create(aDomain('orders'));
  stage.connect(operator, SET, 0);
  stage.connect(operator, SET, 1, options);
  await served(1);
}

async function served(n: number): Promise<void> {
  await eventually(
    `all serve revision ${n}`,
    () => (pdps.every((pdp) => pdp.served() === n) ? true : undefined),
    () => pdps.map((pdp) => pdp.served()),
  );
}

async function revision(n: number): Promise<PolicyRevision> {
  return await eventually(`revision ${n}`, async () => {
    return await store.get('PolicyRevision', { namespace: NAMESPACE, name: `default-${n}` });
  });
}

/** Permits somebody else; the operator may be writing the domain's status at the same time. */
async function editDomain(who: string): Promise<void> {
  const spec = aDomainSpec({ policies: [{ mrn: 'mrn:policy:main', name: 'main', rego: regoPermitting(who) }] });
  await eventually('the edit is stored', async () => {
    const domain = await store.get('PolicyDomain', { namespace: NAMESPACE, name: 'orders' });
    if (domain === undefined) throw new Error('the domain is gone');
    try {
      return await store.update<'PolicyDomain'>({ ...domain, spec });
    } catch (error) {
      if (isStoreError(error, 'Conflict')) return undefined;
      throw error;
    }
  });
}

const holders = (): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(keyUseOf(operator.world(), operator.distributor().pdps(), undefined, [oldKey.keyId]).holders);

test('a new key signs what serves anew: the same content, once, and then nothing rests on the old key', async () => {
  await serveFirst();
  await eventually(
    'all that is known rests on the old key',
    () => (holders()[oldKey.keyId]?.length === 3 ? true : undefined),
    holders,
  );
  keys.current = newKey;
  keys.standings.set(oldKey.keyId, 'Retiring');
  operator.reviewSets();
  await served(2);
  const [first, second] = [await revision(1), await revision(2)];
  expect(second.spec.digest).toBe(first.spec.digest);
  expect(second.spec.manifest).toBe(first.spec.manifest);
  expect(second.spec).not.toHaveProperty('rollbackOf');
  expect(() => verifyRevision(signedOf(second), new Map([[newKey.keyId, newKey.publicKey]]))).not.toThrow();
  await eventually(
    'nothing rests on the old key',
    () => (holders()[oldKey.keyId] === undefined ? true : undefined),
    holders,
  );
  // It is signed as it should be: looked at again, nothing is made.
  operator.reviewSets();
  await eventually('all is looked at', () => (operator.isIdle() ? true : undefined));
  expect(await store.get('PolicyRevision', { namespace: NAMESPACE, name: 'default-3' })).toBeUndefined();
});

test('while nothing may be signed an edit waits, and PDPs serve on; signed by the next key it arrives', async () => {
  await serveFirst();
  keys.current = undefined;
  keys.standings.set(oldKey.keyId, 'Revoked');
  operator.reviewSets();
  await editDomain('bob');
  await eventually('the edit is rendered', async () => {
    const found = await store.get('PolicyDomain', { namespace: NAMESPACE, name: 'orders' });
    return found?.status?.observedGeneration === found?.metadata.generation ? true : undefined;
  });
  await eventually('all is looked at', () => (operator.isIdle() ? true : undefined));
  expect(await store.get('PolicyRevision', { namespace: NAMESPACE, name: 'default-2' })).toBeUndefined();
  expect(pdps.map((pdp) => pdp.served())).toEqual([1, 1]);
  keys.current = newKey;
  operator.reviewSets();
  await served(2);
  const second = await revision(2);
  expect(second.spec.keyId).toBe(newKey.keyId);
  expect(second.spec.digest).not.toBe((await revision(1)).spec.digest);
});
