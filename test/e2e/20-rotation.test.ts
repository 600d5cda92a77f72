import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, epochMs, type AnyObject, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { failuresOf, startLoad, type Answer } from '../support/load-generator.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { findRegressions } from '../support/serving-order.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, podTarget, type Fleet } from './fleet.ts';
import { installChart } from './install.ts';
import { isPodReady, restartsOf } from './objects.ts';
import { killPod, leadingOperator, operatorPods } from './operator-pods.ts';
import { runCommand } from '../../scripts/run-command.ts';
import path from 'node:path';

const RATE = 10;
const REPLICAS = 2;
/** Certificates live 40 s, authorities two minutes: several of the one and one of the other go by in the test. */
const SHORT_LIVES = {
  EDICT_OPERATOR_AUTHORITY_LIFETIME_MS: '120000',
  EDICT_OPERATOR_CERTIFICATE_LIFETIME_MS: '40000',
  EDICT_OPERATOR_CERTIFICATE_OVERLAP_MS: '20000',
  EDICT_OPERATOR_SIGNING_KEY_OVERLAP_MS: '1000',
};

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;
let edit = 0;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  const settings = Object.entries(SHORT_LIVES).flatMap(([name, value], i) => [
    [`operator.env[${i}].name`, name] as const,
    // Helm would read a number, which no environment variable is.
    [`operator.env[${i}].value`, value] as const,
  ]);
  await forgetCertificates();
  await installChart(environment, Object.fromEntries(settings), 'strings');
  fleet = await createFleet(cluster, 'rotation', REPLICAS);
  await fleet.rollOutEdit(++edit);
  await fleet.waitForReadyPods(REPLICAS);
});
afterAll(async () => {
  await fleet.remove();
  // What comes after is not to have certificates that end in the middle of it.
  await forgetCertificates();
  await installChart(environment);
});

/** Certificates that were made live on by the times of before: new ones are made where there are none, and nobody is there to make any. */
async function forgetCertificates(): Promise<void> {
  const { operatorNamespace, release } = environment;
  await cluster.kubectl('-n', operatorNamespace, 'scale', `deployment/${release}-operator`, '--replicas=0');
  // Those too that are ending: they still look after certificates.
  await waitFor(
    'the operator to be gone',
    async () => (await cluster.list('v1', 'Pod', operatorNamespace)).length === 0,
  );
  await cluster.kubectl('-n', operatorNamespace, 'delete', 'secret', `${release}-certificates`);
}

interface ConfigMap extends AnyObject {
  readonly data?: Readonly<Record<string, string>>;
}

interface KeyStatus {
  readonly phase: string;
  readonly keys: readonly { readonly keyId: string; readonly role: string }[];
  readonly waitsFor: readonly string[];
}

/** `kubectl edict keys ...`, as a user types it. */
function edictKeys(...args: readonly string[]): Promise<string> {
  const main = path.resolve(import.meta.dirname, '../../cli/src/main.ts');
  const where = ['--kubeconfig', environment.kubeconfig, '--operator-namespace', environment.operatorNamespace];
  return runCommand(process.execPath, [main, 'keys', ...args, ...where]);
}

async function keyStatus(): Promise<KeyStatus> {
  return JSON.parse(await edictKeys('list', '-o', 'json')) as KeyStatus;
}

/** Asked of the ConfigMap, which costs less than a process. */
async function phase(): Promise<string | undefined> {
  const named = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    namespace: environment.operatorNamespace,
    name: 'edict-signing-key',
  };
  const found = await cluster.get<ConfigMap>(named);
  const text = found?.data?.['status.json'];
  return text === undefined ? undefined : (JSON.parse(text) as KeyStatus).phase;
}

/** Which keys signed what the set serves. */
async function servedKey(): Promise<string | undefined> {
  const committed = (await fleet.set())?.status?.committedRevision;
  return (await fleet.revisions()).find(({ spec }) => spec.n === committed)?.spec.keyId;
}

async function expectSound(answers: readonly Answer[]): Promise<void> {
  expect(failuresOf(answers)).toEqual([]);
  expect(findRegressions(answers)).toEqual([]);
  expect(new Set(answers.map(({ allow }) => allow))).toEqual(new Set([true]));
  expect((await fleet.pods()).map(restartsOf)).toEqual([0, 0]);
}

test('the signing key is rotated under load, through a change of leader: no decision fails, and nothing rests on the old one', async () => {
  const load = startLoad((await fleet.pods()).map(podTarget), RATE, () => editQuestion(1));
  await waitFor('the status of the keys', async () => (await phase()) === 'Steady');
  const before = await keyStatus();
  const [old] = before.keys;
  const revision = (await fleet.set())?.status?.committedRevision ?? 0;
  const startedAt = epochMs();
  await edictKeys('rotate');
  const announcedAt = await reached('the new key to be announced', 'Announced');
  // Who leads now goes; what is under way is in the Secret.
  await waitFor('both operators to be ready', async () => (await operatorPods(cluster, environment)).every(isPodReady));
  const leader = await leadingOperator(cluster, environment);
  // Right after the kill the apiserver might still ask its webhook, and refuse the edit.
  await fleet.applyEdit(++edit);
  await killPod(environment, leader);
  const during = await fleet.rollOutEdit(edit);
  const steadyAt = await reached('the rotation to be over', 'Steady');
  const after = await keyStatus();
  expect(after.keys).toHaveLength(1);
  expect(after.keys[0]?.keyId).not.toBe(old?.keyId);
  expect(await servedKey()).toBe(after.keys[0]?.keyId);
  const again = await fleet.rollOutEdit(++edit);
  expect(again).toBeGreaterThan(during);
  const answers = await load.stop();
  await expectSound(answers);
  printFigures('signing key rotated', {
    'to announced': seconds(startedAt, announcedAt),
    'to the old one forgotten': seconds(startedAt, steadyAt),
    revisions: again - revision,
    decisions: answers.length,
    failed: 0,
  });
});

test('the key that signs is revoked: what it signed is trusted by nobody, and PDPs serve on', async () => {
  const load = startLoad((await fleet.pods()).map(podTarget), RATE, () => editQuestion(1));
  const revoked = (await keyStatus()).keys[0]?.keyId ?? '';
  await expect(edictKeys('revoke', revoked)).rejects.toThrow('--yes');
  const startedAt = epochMs();
  await edictKeys('revoke', revoked, '--yes');
  await waitFor('what serves to be signed by another key', async () => {
    const served = await servedKey();
    return served !== undefined && served !== revoked && (await phase()) === 'Steady';
  });
  const signedAt = epochMs();
  const { keys } = await keyStatus();
  expect(keys.map(({ keyId }) => keyId)).not.toContain(revoked);
  const revision = await fleet.rollOutEdit(++edit);
  const answers = await load.stop();
  await expectSound(answers);
  const trusted = await cluster.kubectl(
    '-n',
    fleet.namespace,
    'get',
    'configmap',
    'edict-ca',
    '-o',
    'jsonpath={.data.keys\\.json}',
  );
  expect(Object.keys(JSON.parse(trusted) as object)).toEqual(keys.map(({ keyId }) => keyId));
  printFigures('signing key revoked', {
    'to all signed anew': seconds(startedAt, signedAt),
    revision,
    decisions: answers.length,
    failed: 0,
  });
});

test('certificates and their authority are replaced while replicas of the operator are killed in turn: no decision fails, no rollout is lost', async () => {
  const load = startLoad((await fleet.pods()).map(podTarget), RATE, () => editQuestion(1));
  const first = await authority();
  const startedAt = epochMs();
  const killed: string[] = [];
  const reachedAfter: string[] = [];
  // A leader that is back before its Lease is over leads on: then it is its turn again.
  while (new Set(killed).size < 2) {
    await waitFor('both operators to be ready', async () => {
      const pods = await operatorPods(cluster, environment);
      return pods.length === 2 && pods.every(isPodReady);
    });
    const leader = await leadingOperator(cluster, environment);
    await fleet.applyEdit(++edit);
    await killPod(environment, leader);
    const killedAt = epochMs();
    killed.push(leader.metadata.name);
    await fleet.rollOutEdit(edit);
    reachedAfter.push(seconds(killedAt, epochMs()));
  }
  await waitFor('another authority to sign', async () => (await authority()) !== first, {
    timeoutMs: 200_000,
    intervalMs: 1_000,
  });
  const replacedAt = epochMs();
  const revision = await fleet.rollOutEdit(++edit);
  // Somebody who was never here trusts what is served now.
  await fleet.scale(REPLICAS + 1);
  await fleet.waitForReadyPods(REPLICAS + 1);
  const answers = await load.stop();
  expect(failuresOf(answers)).toEqual([]);
  expect(findRegressions(answers)).toEqual([]);
  expect((await fleet.pods()).map(restartsOf)).toEqual([0, 0, 0]);
  printFigures('authority replaced, operators killed in turn', {
    'authority replaced after': seconds(startedAt, replacedAt),
    'kill to Ready': reachedAfter.join(' and '),
    revision,
    decisions: answers.length,
    failed: 0,
  });
});

/** The authority that signs now, from the operator's Secret. */
async function authority(): Promise<string> {
  const namespace = environment.operatorNamespace;
  return cluster.kubectl('-n', namespace, 'get', 'secret', 'edict-certificates', '-o', 'jsonpath={.data.ca\\.crt}');
}

async function reached(what: string, wanted: string): Promise<number> {
  await waitFor(what, async () => (await phase()) === wanted, { intervalMs: 250 });
  return epochMs();
}

function seconds(from: number, to: number): string {
  return `${((to - from) / 1000).toFixed(1)} s`;
}
