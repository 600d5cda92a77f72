import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { failuresOf, startLoad } from '../support/load-generator.ts';
import { domainOfEdit, domainWithRego, editQuestion } from '../support/policy-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, DOMAIN_NAME, podTarget, type Fleet } from './fleet.ts';
import { installChart } from './install.ts';
import { conditionOf, restartsOf } from './objects.ts';

const environment = readEnvironment();
let cluster: ClusterClient;
let fleet: Fleet;

beforeAll(async () => {
  cluster = await createClusterClient(environment.kubeconfig);
  fleet = await createFleet(cluster, 'bad-policy', 2);
  await fleet.rollOutEdit(1);
});
afterAll(() => fleet.leave());

/** The fifth line, from column 9 on, is no Rego. */
const BROKEN_REGO = `package authz

import rego.v1

allow if ]
`;
const READER = 'mrn:iam:policy:reader';

function broken(): object {
  return domainWithRego(fleet.namespace, DOMAIN_NAME, BROKEN_REGO);
}

function withSpec(change: Readonly<Record<string, unknown>>): object {
  const domain = domainOfEdit(fleet.namespace, DOMAIN_NAME, 2);
  return { ...domain, spec: { ...domain.spec, ...change } };
}

test.each<[string, () => object, readonly RegExp[]]>([
  ['broken Rego', broken, [new RegExp(READER), /\b5\b/]],
  [
    'a role whose policy is nowhere',
    () => withSpec({ roles: [{ mrn: 'mrn:iam:role:reader', policy: 'mrn:iam:policy:nowhere' }] }),
    [/mrn:iam:role:reader/, /mrn:iam:policy:nowhere/],
  ],
  [
    'libraries that depend on each other',
    () =>
      withSpec({
        'policy-libraries': [
          { mrn: 'mrn:iam:library:a', rego: 'package a', dependencies: ['mrn:iam:library:b'] },
          { mrn: 'mrn:iam:library:b', rego: 'package b', dependencies: ['mrn:iam:library:a'] },
        ],
      }),
    [/mrn:iam:library:a/, /mrn:iam:library:b/, /circle/],
  ],
  ['a list where an object should be', () => withSpec({ roles: { mrn: 'one' } }), [/roles/]],
  [
    'a domain of two mebibytes',
    () =>
      withSpec({
        'policy-libraries': [0, 1].map((i) => ({
          mrn: `mrn:l:${i}`,
          rego: `package l${i}\n#${'x'.repeat(1_048_000)}`,
        })),
      }),
    [/large|limit|exceed|more than|at most/i],
  ],
])('the API server refuses %s, says where, and what served before serves on', async (_what, object, places) => {
  const committed = (await fleet.set())?.status?.committedRevision;
  // Not "kubectl apply", whose annotation would be what is too large.
  const said = await cluster.tryKubectl(['replace', '-f', '-'], JSON.stringify(object()));
  expect(said.code).not.toBe(0);
  for (const place of places) expect(said.stderr).toMatch(place);
  process.stderr.write(`    ${said.stderr.trim().slice(0, 300).replaceAll('\n', '\n    ')}\n`);
  expect((await fleet.set())?.status?.committedRevision).toBe(committed);
  expect(conditionOf(await fleet.domain(), 'Ready')).toBe('True/Converged');
});

test('with the webhook off, the status says what is wrong and the old revision serves', async () => {
  const pods = await fleet.waitForReadyPods(2);
  const committed = (await fleet.set())?.status?.committedRevision;
  const load = startLoad(pods.map(podTarget), 20, () => editQuestion(1));
  try {
    await cluster.kubectl('delete', 'validatingwebhookconfiguration', environment.release);
    const started = performance.now();
    // The apiserver goes by what it last heard of configurations.
    await waitFor('the webhook to be off', () => cluster.apply(broken()).then(() => true));
    const domain = await waitFor('the status to say what is wrong', async () => {
      const found = await fleet.domain();
      const seen = found?.status?.observedGeneration === found?.metadata.generation;
      return seen && conditionOf(found, 'Accepted').startsWith('False') ? found : undefined;
    });
    const toldAfter = performance.now() - started;
    const accepted = domain.status?.conditions?.find(({ type }) => type === 'Accepted');
    expect(accepted).toMatchObject({ status: 'False', reason: 'Invalid' });
    expect(accepted?.message).toContain(READER);
    expect(accepted?.message).toMatch(/\b5\b/);
    expect(conditionOf(domain, 'Ready').split('/')[0]).toBe('False');
    expect(conditionOf(domain, 'Stalled').split('/')[0]).toBe('True');
    process.stderr.write(`    ${accepted?.message ?? ''}\n`);

    // Repaired, it moves on, and what it moved on from never served.
    const repaired = await fleet.rollOutEdit(3);
    const answers = await load.stop();
    expect(failuresOf(answers)).toEqual([]);
    expect(new Set(answers.map(({ revision }) => revision))).toEqual(new Set([committed, repaired]));
    expect((await fleet.pods()).map(restartsOf)).toEqual([0, 0]);
    printFigures('webhook off', { 'apply to status': `${toldAfter.toFixed(0)} ms`, decisions: answers.length });
  } finally {
    await load.stop();
    await installChart(environment);
  }
});

test('reinstalled, the webhook refuses again: the operator has written its authority', async () => {
  await waitFor('the webhook to refuse broken Rego', async () => {
    const said = await cluster.tryKubectl(['apply', '--dry-run=server', '-f', '-'], JSON.stringify(broken()));
    if (said.code === 0) throw new Error('it was accepted');
    // A webhook that cannot be called refuses too, but says another thing.
    if (!said.stderr.includes('denied the request')) throw new Error(said.stderr);
    return true;
  });
});
