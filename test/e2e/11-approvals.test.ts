import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, type ClusterClient } from '../support/cluster-client.ts';
import { ask, failuresOf, type Answer } from '../support/load-generator.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, FLEET_NAME, podTarget, type Fleet } from './fleet.ts';
import { waitForPhase, waitForRevision } from './rollout-timeline.ts';

const NAMESPACE = 'approvals';
const ROLLOUT = { approval: 'Required', waves: [{ principals: '50%' }, { all: true }] };
const PRINCIPALS = Array.from({ length: 12 }, (_, i) => `caller-${i}`);
/** Who may what, by the roles that the chart makes. */
const ROLES = { alice: ['view', 'edit', 'approve'], bob: ['view', 'edit'], carol: ['view'] };
type User = keyof typeof ROLES;

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;
/** The revision that waits. */
let open: number;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, NAMESPACE, 2, { rollout: ROLLOUT });
  await cluster.apply(
    ...Object.entries(ROLES).flatMap(([user, roles]) =>
      roles.map((role) => ({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: `${user}-${role}`, namespace: NAMESPACE },
        roleRef: {
          apiGroup: 'rbac.authorization.k8s.io',
          kind: 'ClusterRole',
          name: `${environment.release}-${role}`,
        },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
      })),
    ),
  );
  open = (await fleet.rollOutEdit(1)) + 1;
  await fleet.waitForReadyPods(2);
});
afterAll(() => fleet.leave());

/** `kubectl --as`: what it said, and whether it was done. */
async function as(user: User, ...args: readonly string[]): Promise<{ readonly done: boolean; readonly said: string }> {
  const { code, stdout, stderr } = await cluster.tryKubectl(['--as', user, '-n', NAMESPACE, ...args]);
  const said = stdout + stderr;
  process.stderr.write(`    ${user}: ${said.trim().replaceAll('\n', '\n    ')}\n`);
  return { done: code === 0, said };
}

const annotate = (user: User, ...annotations: readonly string[]): ReturnType<typeof as> =>
  as(user, 'annotate', '--overwrite', 'policyrevision', `${FLEET_NAME}-${open}`, ...annotations);
const pause = (user: User, paused: boolean): ReturnType<typeof as> =>
  as(user, 'patch', 'policyset', FLEET_NAME, '--type=merge', '-p', JSON.stringify({ spec: { paused } }));

/** One answer to everybody from every PDP. */
async function askAll(): Promise<readonly Answer[]> {
  const targets = (await fleet.pods()).map(podTarget);
  const answers = targets.flatMap((target) => PRINCIPALS.map((caller) => ask(target, editQuestion(2, caller))));
  return Promise.all(answers);
}

const revisionsOf = (answers: readonly Answer[]): readonly number[] =>
  [...new Set(answers.map(({ revision = 0 }) => revision))].toSorted((a, b) => a - b);

test('a rollout that wants approval waits, and nobody serves it', async () => {
  await fleet.applyEdit(2);
  const waiting = await waitForPhase(fleet, open, 'AwaitingApproval');
  expect(waiting.status).toMatchObject({ wave: '1/2', preparedCount: '2/2', hold: { reason: 'ApprovalRequired' } });
  expect(waiting.status?.waves ?? []).toEqual([]);
  expect(revisionsOf(await askAll())).toEqual([open - 1]);
});

test.each<[string, () => ReturnType<typeof as>, RegExp]>([
  [
    'approve without the right',
    () => annotate('bob', 'edict.dev/approve-wave=0'),
    /User "bob" cannot patch resource "policyrevisions"/,
  ],
  [
    'approve as another',
    () => annotate('alice', 'edict.dev/approve-wave=0', 'edict.dev/approved-by=bob'),
    /you are alice, and cannot approve as bob/,
  ],
  [
    'approve a wave that has no number',
    () => annotate('alice', 'edict.dev/approve-wave=first'),
    /"first" is no list of wave numbers/,
  ],
  ['write anything else on a revision', () => annotate('alice', 'note=mine'), /written by the operator alone/],
  [
    'write the decision itself',
    () =>
      as(
        'alice',
        'patch',
        'policyrevision',
        `${FLEET_NAME}-${open}`,
        '--subresource=status',
        '--type=merge',
        '-p',
        JSON.stringify({ status: { waves: [{ index: 0, decision: 'Commit', final: true }] } }),
      ),
    /User "alice" cannot (get|patch) resource "policyrevisions\/status"/,
  ],
  ['pause without the right', () => pause('carol', true), /User "carol" cannot patch resource "policysets"/],
])('nobody can %s', async (_what, attempt, refusal) => {
  const { done, said } = await attempt();
  expect(done).toBe(false);
  expect(said).toMatch(refusal);
  const { metadata, status } = await fleet.revision(open);
  expect(metadata.annotations ?? {}).toEqual({});
  expect(status).toMatchObject({ phase: 'AwaitingApproval' });
  expect(status?.approvals ?? []).toEqual([]);
});

test('who has the right approves a wave, and it alone is served', async () => {
  expect(await annotate('alice', 'edict.dev/approve-wave=0', 'edict.dev/approved-by=alice')).toMatchObject({
    done: true,
  });
  const waiting = await waitForRevision('the second wave to wait', fleet, open, ({ status }) => {
    return status?.phase === 'AwaitingApproval' && status.wave === '2/2';
  });
  expect(waiting.status?.approvals).toEqual([{ wave: 0, by: 'alice' }]);
  expect(waiting.status?.waves).toMatchObject([{ index: 0, decision: 'Commit', final: false }]);
  const answers = await askAll();
  expect(failuresOf(answers)).toEqual([]);
  expect(revisionsOf(answers)).toEqual([open - 1, open]);
});

test('a paused set stays where it is although the wave is approved, and goes on when it is resumed', async () => {
  expect(await pause('bob', true)).toMatchObject({ done: true });
  await waitForPhase(fleet, open, 'Paused');
  expect(await annotate('alice', 'edict.dev/approve-wave=0,1')).toMatchObject({ done: true });
  const approved = await waitForRevision('the approval to be seen', fleet, open, ({ status }) => {
    return status?.approvals?.length === 2;
  });
  expect(approved.status).toMatchObject({ phase: 'Paused', hold: { reason: 'PauseRequested' } });
  expect(revisionsOf(await askAll())).toEqual([open - 1, open]);
  expect(await pause('bob', false)).toMatchObject({ done: true });
  const completed = await waitForPhase(fleet, open, 'Completed');
  expect(completed.status?.waves?.map(({ index, decision, final = true }) => [index, decision, final])).toEqual([
    [0, 'Commit', false],
    [1, 'Commit', true],
  ]);
  expect(revisionsOf(await askAll())).toEqual([open]);
});

test('every turn is an event of the set', async () => {
  const wanted = [
    /Normal +AwaitingApproval .*revision 2: wave 1 of 2 waits for approval: .*approve-wave "0"/,
    /Normal +Approved .*revision 2, wave 1 was approved by alice/,
    /Normal +AwaitingApproval .*revision 2: wave 2 of 2 waits for approval: .*approve-wave "1"/,
    /Warning +Paused .*revision 2: a pause was asked for/,
    /Normal +Resumed .*revision 2 goes on/,
    /Normal +Converged .*revision 2: 2\/2 PDPs serve it/,
  ];
  const events = await waitFor('the events', async () => {
    const text = await cluster.kubectl('-n', NAMESPACE, 'events', '--for', `policyset/${FLEET_NAME}`);
    const missing = wanted.filter((event) => !event.test(text));
    if (missing.length > 0) throw new Error(`${missing.join(', ')} not in\n${text}`);
    return text;
  });
  process.stderr.write(`    ${events.trim().replaceAll('\n', '\n    ')}\n`);
});
