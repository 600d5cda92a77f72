import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, type ClusterClient } from '../support/cluster-client.ts';
import { ask } from '../support/load-generator.ts';
import { domainOfEdit, editQuestion } from '../support/policy-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, DOMAIN_NAME, podTarget, type Fleet } from './fleet.ts';
import { conditionOf, EDICT } from './objects.ts';
import { waitForPhase } from './rollout-timeline.ts';

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, 'test-suites', 2);
});
afterAll(() => fleet.leave());

/** A suite of one case about an edit of the domain. */
function suite(name: string, caseName: string, edit: number, allow: boolean): object {
  return {
    apiVersion: EDICT,
    kind: 'PolicyTestSuite',
    metadata: { name, namespace: fleet.namespace },
    spec: { domain: DOMAIN_NAME, tests: [{ name: caseName, porc: editQuestion(edit), result: { allow } }] },
  };
}

/** A suite of one Rego module, beside the policy that edits change. */
function regoSuite(name: string, rule: string): object {
  const rego = `package reader_test\n\nimport rego.v1\n\n${rule}\n`;
  return {
    apiVersion: EDICT,
    kind: 'PolicyTestSuite',
    metadata: { name, namespace: fleet.namespace },
    spec: { domain: DOMAIN_NAME, modules: [{ name: 'reader_test.rego', policy: 'mrn:iam:policy:reader', rego }] },
  };
}

/** What `kubectl apply` says, on both its outputs. */
async function applied(object: object): Promise<{ readonly code: number | null; readonly said: string }> {
  const { code, stdout, stderr } = await cluster.tryKubectl(['apply', '-f', '-'], JSON.stringify(object));
  process.stderr.write(`    ${(stdout + stderr).trim().replaceAll('\n', '\n    ')}\n`);
  return { code, said: stdout + stderr };
}

const numbers = async (): Promise<readonly number[]> => (await fleet.revisions()).map(({ spec }) => spec.n);

test('an edit that fails a case is refused by its name, and what served before serves on', async () => {
  await fleet.rollOutEdit(3);
  expect(await applied(suite('readers', 'ann reads what edit 2 grants', 2, true))).toMatchObject({ code: 0 });
  await waitFor('the set to say that the test passes', async () => {
    return conditionOf(await fleet.set(), 'TestsPassed') === 'True/TestsPassed';
  });
  const served = (await fleet.set())?.status?.committedRevision;
  const before = await numbers();
  const { code, said } = await applied(domainOfEdit(fleet.namespace, DOMAIN_NAME, 1));
  expect(code).not.toBe(0);
  expect(said).toContain('denied the request');
  expect(said).toContain('suite readers');
  expect(said).toContain('case ann reads what edit 2 grants');
  expect(await numbers()).toEqual(before);
  expect((await fleet.set())?.status?.committedRevision).toBe(served);
  expect(conditionOf(await fleet.domain(), 'Ready')).toBe('True/Converged');
});

test('a suite that is applied while it fails is taken with a warning, the set says so, and the next edit has to pass it', async () => {
  const served = (await fleet.set())?.status?.committedRevision;
  const before = await numbers();
  const pods = await fleet.waitForReadyPods(2);
  const caseName = 'ann does not read what edit 3 grants';
  const { code, said } = await applied(suite('late', caseName, 3, false));
  expect(code).toBe(0);
  expect(said).toMatch(new RegExp(`Warning: .*${caseName}`));
  const refused = await waitFor('the set to say that a test fails', async () => {
    const set = await fleet.set();
    return conditionOf(set, 'TestsPassed') === 'False/TestsFailed' ? set : undefined;
  });
  const message = refused.status?.conditions?.find(({ type }) => type === 'TestsPassed')?.message;
  expect(message).toContain('suite late');
  expect(message).toContain(`case ${caseName}`);
  process.stderr.write(`    ${message ?? ''}\n`);
  // What serves is served as before.
  expect(conditionOf(refused, 'Ready')).toBe('True/Converged');
  expect(await numbers()).toEqual(before);
  const answers = await Promise.all(pods.map((pod) => ask(podTarget(pod), editQuestion(3))));
  expect(answers.map(({ allow, revision }) => ({ allow, revision }))).toEqual(
    pods.map(() => ({ allow: true, revision: served })),
  );

  const edit = await applied(domainOfEdit(fleet.namespace, DOMAIN_NAME, 4));
  expect(edit.code).not.toBe(0);
  expect(edit.said).toContain(`case ${caseName}`);

  // What does not pass through admission is stopped where revisions are made: an edit of the set asks for one.
  await fleet.applySet({ consistency: { mode: 'Standard', lease: '30s' } });
  await waitFor('the set to be without its revision', async () => {
    return conditionOf(await fleet.set(), 'Ready') === 'False/TestsFailed';
  });
  expect(await numbers()).toEqual(before);
  expect((await fleet.set())?.status?.committedRevision).toBe(served);

  // Both suites pass with edit 2, and then it is served.
  const repaired = await fleet.rollOutEdit(2);
  expect(repaired).toBe((before.at(-1) ?? Number.NaN) + 1);
  await waitFor('the set to say that the tests pass', async () => {
    return conditionOf(await fleet.set(), 'TestsPassed') === 'True/TestsPassed';
  });
});

test('a Rego test is run at admission, by the operator and by every PDP, and named with its line where it fails', async () => {
  const rule = 'test_edit_2 if data.authz.allow with input as {"operation": "notes:read", "context": {"edit": 2}}';
  expect(await applied(regoSuite('a-rules', rule))).toMatchObject({ code: 0 });
  const before = await numbers();
  const refused = await applied(domainOfEdit(fleet.namespace, DOMAIN_NAME, 1));
  expect(refused.code).not.toBe(0);
  expect(refused.said).toContain(
    'suite a-rules, reader_test.rego:5, test data.reader_test.test_edit_2: it is not true',
  );
  expect(await numbers()).toEqual(before);
  // An edit of the same meaning passes, and every PDP has run the module before it said so.
  const text = JSON.stringify(domainOfEdit(fleet.namespace, DOMAIN_NAME, 2));
  const again = JSON.parse(text.replaceAll('package authz', '# again\\npackage authz')) as object;
  expect(await applied(again)).toMatchObject({ code: 0 });
  const next = (before.at(-1) ?? Number.NaN) + 1;
  await waitForPhase(fleet, next, 'Completed');
  const { spec } = await fleet.revision(next);
  const { features, tests } = JSON.parse(spec.manifest) as { features: string[]; tests: string[] };
  expect([features, tests.length]).toEqual([['rego-tests'], 3]);
  const broken = await applied(regoSuite('broken', 'test_nothing if missing(1)'));
  expect(broken.code).toBe(0);
  expect(broken.said).toMatch(/Warning: .*reader_test\.rego:5:17: rego_type_error: undefined function missing/);
});
