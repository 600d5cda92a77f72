import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runCommand } from '../../scripts/run-command.ts';
import { createClusterClient, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { ask, failuresOf, startLoad } from '../support/load-generator.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { findRegressions } from '../support/serving-order.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, FLEET_NAME, podTarget, type Fleet } from './fleet.ts';
import { conditionOf } from './objects.ts';
import { decidedAt, waitForPhase, waitForRevision } from './rollout-timeline.ts';

const EDICT_CLI = path.resolve(import.meta.dirname, '../../cli/src/main.ts');
/** Commits of the set are at least so far apart, but for emergencies. */
const LEASE_MS = 30_000;

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, 'undo', 2);
});
afterAll(() => fleet.leave());

/** `edict rollout …` as a user runs it. */
async function rollout(command: string, ...args: readonly string[]): Promise<string> {
  const where = ['--namespace', fleet.namespace, '--kubeconfig', environment.kubeconfig];
  const said = await runCommand(process.execPath, [EDICT_CLI, 'rollout', command, FLEET_NAME, ...where, ...args]);
  process.stderr.write(`    ${said.trimEnd().replaceAll('\n', '\n    ')}\n`);
  return said;
}

/** What every PDP answers to whether it serves at least `edit`. */
async function grants(edit: number): Promise<readonly (boolean | undefined)[]> {
  const answers = await Promise.all((await fleet.pods()).map((pod) => ask(podTarget(pod), editQuestion(edit))));
  return answers.map(({ allow }) => allow);
}

test('undo serves the content before as a new revision, to any earlier one, and until it is cleared', async () => {
  const first = await fleet.rollOutEdit(1);
  const pods = await fleet.waitForReadyPods(2);
  await fleet.rollOutEdit(2);
  const third = await fleet.rollOutEdit(3);
  const load = startLoad(pods.map(podTarget), 20, () => editQuestion(1));
  try {
    await rollout('undo');
    const undone = await waitForPhase(fleet, third + 1, 'Completed');
    expect(undone.spec).toMatchObject({ reason: 'Rollback', rollbackOf: third - 1 });
    expect(undone.spec.digest).toBe((await fleet.revision(third - 1)).spec.digest);
    expect([await grants(2), await grants(3)]).toEqual([
      [true, true],
      [false, false],
    ]);

    await rollout('undo', '--to-revision', String(first));
    const oldest = await waitForPhase(fleet, third + 2, 'Completed');
    expect(oldest.spec).toMatchObject({ reason: 'Rollback', rollbackOf: first });
    expect(await grants(2)).toEqual([false, false]);
    expect(await rollout('history')).toMatch(new RegExp(`^${third + 2} \\* +Completed +Rollback to ${first} `, 'm'));
    // The domain keeps what its user wrote, and says that this is not what serves.
    await waitFor(
      'the domain to say so',
      async () => conditionOf(await fleet.domain(), 'Ready') === 'False/RolledBack',
    );

    await rollout('undo', '--clear');
    await waitForPhase(fleet, third + 3, 'Completed');
    expect(await grants(3)).toEqual([true, true]);
    await waitFor(
      'the domain to be ready',
      async () => conditionOf(await fleet.domain(), 'Ready') === 'True/Converged',
    );
  } finally {
    await load.stop();
  }
  expect(failuresOf(load.answers)).toEqual([]);
  expect(findRegressions(load.answers)).toEqual([]);
});

test('undo at once does not wait for the leases of a strict set, as any other revision does', async () => {
  const strict = ((await fleet.revisions()).at(-1)?.spec.n ?? Number.NaN) + 1;
  await fleet.applySet({ consistency: { mode: 'Strict', lease: `${LEASE_MS}ms` } });
  const last = await waitForPhase(fleet, strict, 'Completed');
  const committed = decidedAt(last, 0);
  await fleet.applyEdit(4);
  const waiting = await waitForRevision('the edit to wait for the leases', fleet, strict + 1, ({ status }) => {
    return status?.hold?.reason === 'LeaseGap';
  });
  expect(waiting.status).toMatchObject({ phase: 'Gating', preparedCount: '2/2' });

  // As docs/rollouts.md says it: where to, and that it is an emergency.
  const target = strict - 1;
  const edit = { metadata: { annotations: { 'edict.dev/emergency': String(target) } }, spec: { rollbackTo: target } };
  await cluster.kubectl(
    '-n',
    fleet.namespace,
    'patch',
    'policyset',
    FLEET_NAME,
    '--type=merge',
    '-p',
    JSON.stringify(edit),
  );
  const emergency = await waitForPhase(fleet, strict + 2, 'Completed');
  expect(emergency.spec).toMatchObject({ reason: 'Emergency', rollbackOf: target });
  expect(await grants(3)).toEqual([true, true]);
  expect(await grants(4)).toEqual([false, false]);
  const after = decidedAt(emergency, 0) - committed;
  expect(after).toBeLessThan(LEASE_MS);
  const superseded = await waitForPhase(fleet, strict + 1, 'Aborted');
  expect(superseded.status?.cause).toMatch(/^Superseded: /);
  printFigures('undo at once', { 'after the last commit': `${(after / 1000).toFixed(1)} s`, lease: `${LEASE_MS} ms` });
});
