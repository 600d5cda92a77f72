import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseManifest } from '@edict/bundle';
import { findCondition, PolicySetSpec, type PolicySet } from '@edict/crds';
import type { FolderStore } from './store/folder/folder-store.ts';
import { aDomain, aSet, eventually, NAMESPACE, type ConnectedPdp } from './testing/fixtures.ts';
import { openFolderStage, type FolderStage } from './testing/folder-stage.ts';

const KEY = { namespace: NAMESPACE, name: 'till' };
let stage: FolderStage;
let store: FolderStore;

beforeEach(async () => {
  stage = await openFolderStage();
  ({ store } = stage);
});
afterEach(() => stage.close());

/** An operator, a set that is served so, and one PDP with these features. */
async function start(serving: object, features: readonly string[]): Promise<ConnectedPdp> {
  const { operator } = await stage.start();
  await store.create(aSet('till', { serving }));
  return stage.connect(operator, `${NAMESPACE}/till`, 0, { features });
}

async function untilSet(what: string, holds: (set: PolicySet) => boolean): Promise<PolicySet> {
  let last: PolicySet | undefined;
  return eventually(
    what,
    async () => {
      last = await store.get('PolicySet', KEY);
      return last !== undefined && holds(last) ? last : undefined;
    },
    () => last?.status,
  );
}
const condition = (set: PolicySet, type: 'Ready' | 'Accepted') => {
  const found = findCondition(set.status?.conditions, type);
  return found?.observedGeneration === set.metadata.generation ? found : undefined;
};
const isServed = (n: number) => (set: PolicySet) =>
  condition(set, 'Ready')?.status === 'True' && set.status?.committedRevision === n;

async function manifestOf(n: number) {
  const revision = await store.get('PolicyRevision', { namespace: NAMESPACE, name: `till-${String(n)}` });
  return parseManifest(new TextEncoder().encode(revision?.spec.manifest));
}

async function change(edit: (set: PolicySet) => PolicySet): Promise<void> {
  await eventually('the set is changed', async () => {
    const set = await store.get('PolicySet', KEY);
    if (set === undefined) return undefined;
    return store.update<'PolicySet'>(edit(set)).catch(() => undefined);
  });
}

const libraries = (rego: string) => ({ 'policy-libraries': [{ mrn: 'mrn:library:prices', rego }] });

test('a manifest says how its set is served, and what an engine has to understand for that', async () => {
  await start({ documents: {}, opa: {} }, ['documents', 'opa']);
  await store.create(aDomain('shop'));
  await untilSet('revision 1 is served', isServed(1));
  expect(await manifestOf(1)).toMatchObject({
    features: ['documents', 'opa'],
    serving: { documents: { policies: [] }, opa: { defaultDecision: 'system/main' } },
  });
});

test('a change of serving alone opens a revision; a set that says nothing has a manifest without it', async () => {
  await start({ documents: {} }, ['documents', 'envoy']);
  await store.create(aDomain('shop'));
  await untilSet('revision 1 is served', isServed(1));
  await change((set) => ({ ...set, spec: PolicySetSpec.parse({ serving: { documents: {}, envoy: {} } }) }));
  await untilSet('revision 2 is served', isServed(2));
  const { serving: _gone, ...spec } = PolicySetSpec.parse({});
  await change((set) => ({ ...set, spec }));
  await untilSet('revision 3 is served', isServed(3));
  const [first, second, third] = [await manifestOf(1), await manifestOf(2), await manifestOf(3)];
  expect([first.features, second.features, third.features]).toStrictEqual([['documents'], ['documents', 'envoy'], []]);
  expect(third).not.toHaveProperty('serving');
  expect(second.domains).toStrictEqual(first.domains);
});

test('domains whose documents exclude each other are refused before any PDP sees them, and the last good ones serve', async () => {
  const pdp = await start({ documents: {} }, ['documents']);
  await store.create(aDomain('shop', libraries('package prices\n\nlimit = 5\n')));
  await untilSet('revision 1 is served', isServed(1));
  await store.create(aDomain('stall', libraries('package prices\n\nlimit[x] { x := 1 }\n')));
  const set = await untilSet('the set is refused', (found) => condition(found, 'Accepted')?.status === 'False');
  expect(condition(set, 'Accepted')).toMatchObject({
    reason: 'Invalid',
    message: expect.stringMatching(/library mrn:library:prices.*the documents do not compile.*limit.*rego 3:1/s),
  });
  expect([pdp.served(), pdp.domains(), set.status?.desiredRevision]).toStrictEqual([1, ['shop'], 1]);
  // The same domains are fine where nobody wants their documents.
  const { serving: _gone, ...spec } = PolicySetSpec.parse({});
  await change((found) => ({ ...found, spec }));
  await untilSet('revision 2 is served', isServed(2));
  expect(pdp.domains()).toStrictEqual(['shop', 'stall']);
});

test('a PDP whose engine does not know documents refuses the revision', async () => {
  const pdp = await start({ documents: {} }, []);
  await store.create(aDomain('shop'));
  const set = await untilSet('the revision is refused', (found) => condition(found, 'Ready')?.reason === 'Nacked');
  expect(condition(set, 'Ready')?.message).toContain('documents');
  expect(pdp.served()).toBe(0);
});
