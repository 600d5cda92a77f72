import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { symlink } from 'node:fs/promises';
import { temporaryFolder } from '../../cli/src/testing/run-edict.ts';
import type { Outcome } from '../../cli/src/testing/run-edict.ts';
import { MAIN, spawnEdict } from '../../cli/src/testing/running-edict.ts';
import { connectPdp, regoPermitting, startOperator, type ConnectedPdp } from '../../operator/src/testing/fixtures.ts';
import type { Operator } from '@edict/operator';
import { waitFor } from '../support/wait-for.ts';
import { connectCluster, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';

let cluster: Cluster;
let namespace: string;
let operator: Operator;
let pdps: readonly ConnectedPdp[] = [];

beforeAll(async () => {
  cluster = await connectCluster(sharedKubeconfig());
});
afterAll(() => cluster.close());
beforeEach(async () => {
  namespace = await cluster.namespace();
  ({ operator } = await startOperator(cluster.store));
  pdps = [0, 1].map((index) => connectPdp(operator, `${namespace}/default`, index, {}, namespace));
});
afterEach(async () => {
  for (const { client } of pdps) await client.close();
  await operator.stop();
});

/** The plugin as kubectl runs it: a process of that name, with the user's kubeconfig. */
async function kubectlEdict(...args: readonly string[]): Promise<Outcome> {
  await using folder = await temporaryFolder();
  await symlink(MAIN, folder.path('kubectl-edict'));
  return await spawnEdict([...args, '--kubeconfig', sharedKubeconfig()], folder.path('kubectl-edict'));
}

/** What `kubectl apply` writes. */
async function apply(rego: string): Promise<void> {
  const spec = {
    policies: [{ mrn: 'mrn:policy:main', name: 'main', rego }],
    operations: [{ name: 'all', selector: ['.*'], policy: 'mrn:policy:main' }],
  };
  const metadata = { namespace, name: 'shop' };
  await cluster.store.apply<'PolicyDomain'>(
    { apiVersion: 'edict.dev/v1beta1', kind: 'PolicyDomain', metadata, spec },
    { fieldManager: 'user', force: true },
  );
}

test('a rollout is followed, listed, undone and refused on a cluster', async () => {
  await apply(regoPermitting('ann'));
  // The first domain of a namespace gets its set a moment later: the command waits for that too.
  const first = await kubectlEdict('rollout', 'status', '-n', namespace);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toMatch(/default@1 {2}Completed {2}prepared 2\/2, active 2\/2 {2}Converged\n$/);

  await apply(regoPermitting('bob'));
  const second = await kubectlEdict('rollout', 'status', 'default', '-n', namespace, '-o', 'json');
  expect(second.code).toBe(0);
  expect(JSON.parse(second.stdout)).toMatchObject({
    set: 'default',
    revision: 2,
    active: 2,
    done: true,
    failed: false,
  });

  const undone = await kubectlEdict('rollout', 'undo', '-n', namespace);
  expect(undone).toMatchObject({ code: 0, stderr: '' });
  expect(undone.stdout).toBe(
    'default goes back to the content of revision 1; watch it: kubectl edict rollout status default\n',
  );
  expect(await kubectlEdict('rollout', 'status', '-n', namespace)).toMatchObject({ code: 0 });
  const history = await kubectlEdict('rollout', 'history', '-n', namespace);
  expect(history.stdout).toMatch(
    /^REVISION .*\n3 \* +Completed +Rollback to 1 .*\n2 +Completed +Spec .*\n1 +Completed +Spec /,
  );

  // Whoever set the field, --clear removes it.
  const set = await cluster.store.get('PolicySet', { namespace, name: 'default' });
  if (set === undefined) throw new Error('no set');
  await cluster.store.update<'PolicySet'>({ ...set, spec: { ...set.spec, rollbackTo: 1 } });
  expect(await kubectlEdict('rollout', 'undo', '--clear', '-n', namespace)).toMatchObject({ code: 0 });
  expect((await cluster.store.get('PolicySet', { namespace, name: 'default' }))?.spec.rollbackTo).toBeUndefined();
  const cleared = await kubectlEdict('rollout', 'status', '-n', namespace);
  expect(cleared.stdout).toMatch(/default@4 {2}Completed .*Converged\n$/);

  // Without a webhook broken Rego is stored. The status says why, the command ends with 1, revision 4 serves.
  await apply('package authz\n\nallow {');
  const refused = await kubectlEdict('rollout', 'status', '-n', namespace);
  expect(refused.code).toBe(1);
  expect(refused.stdout).toMatch(/default@4 {2}Completed .*Invalid\n$/);
  expect(refused.stderr).toContain('shop is refused, what it said before serves on:');
  expect(refused.stderr).toContain('mrn:policy:main');
});

test('a revision that a PDP refuses ends the command with 1, and says who and why', async () => {
  await apply(regoPermitting('ann'));
  await kubectlEdict('rollout', 'status', '-n', namespace);
  for (const { client } of pdps) await client.close();
  // It takes what serves, and refuses what comes after that.
  let compiled = 0;
  const refuse = (): string | undefined => (compiled++ === 0 ? undefined : 'too many steps');
  pdps = [0, 1].map((index) =>
    connectPdp(operator, `${namespace}/default`, index, index === 1 ? { refuse } : {}, namespace),
  );
  await waitFor('both PDPs to serve again', () => pdps.every(({ served }) => served() === 1));
  await apply(regoPermitting('bob'));
  const failed = await kubectlEdict('rollout', 'status', '-n', namespace);
  expect(failed.code).toBe(1);
  expect(failed.stdout).toMatch(/default@2 {2}Aborted .*refused by 1 {2}Nacked\n$/);
  expect(failed.stderr).toContain('too many steps');
});

test.each([
  ['a namespace without sets', ['rollout', 'status'], /^error: no policy sets in namespace \S+\n$/],
  ['a set that is not there', ['rollout', 'history', 'zzz'], /^error: no policy set named zzz in namespace \S+\n$/],
  [
    'no operator',
    ['pdps'],
    /^error: asking the operator in namespace edict-system \(see --operator-namespace\): .*edict-operator.*not found/,
  ],
  [
    'a context that is not there',
    ['pdps', '--context', 'zzz'],
    /^error: no context named zzz in the kubeconfig; there are: /,
  ],
])('%s ends with 1 and says so', async (_what, args, expected) => {
  const { code, stdout, stderr } = await kubectlEdict(...args, '-n', namespace);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(expected);
});

test('the doctor finds the kinds as the API server has them, and no operator', async () => {
  const { code, stdout, stderr } = await kubectlEdict('doctor', '-n', namespace, '-o', 'json');
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  const { findings } = JSON.parse(stdout) as {
    readonly findings: readonly { readonly part: string; readonly code: string; readonly where: string }[];
  };
  expect(findings.filter(({ part }) => part === 'kinds' || part === 'clocks')).toEqual([]);
  expect(findings).toContainEqual(
    expect.objectContaining({ code: 'OperatorMissing', where: 'Namespace edict-system' }),
  );
});
