import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClusterClient, type ClusterClient } from '../support/cluster-client.ts';
import { printFigures } from '../support/figures.ts';
import { ask } from '../support/load-generator.ts';
import { editQuestion } from '../support/policy-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { readEnvironment } from './environment.ts';
import { createFleet, DOMAIN_NAME, podTarget, type Fleet } from './fleet.ts';
import { isPodReady, type Pod } from './objects.ts';

let cluster: ClusterClient;
let fleet: Fleet;

beforeAll(async () => {
  cluster = await createClusterClient(readEnvironment().kubeconfig);
  fleet = await createFleet(cluster, 'first-policy', 3);
});
afterAll(() => fleet.leave());

/** The cells of a table that kubectl printed, by column and by the object's name. */
function readTable(text: string): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const [head = '', ...rows] = text.trimEnd().split('\n');
  // A column starts where its heading does: cells may be empty.
  const starts = [...head.matchAll(/\S+/g)].map((match) => ({ name: match[0], at: match.index }));
  return new Map(
    rows.map((row) => {
      const cells = starts.map(({ name, at }, i) => [name, row.slice(at, starts[i + 1]?.at).trim()] as const);
      return [cells[0]?.[1] ?? '', Object.fromEntries(cells)];
    }),
  );
}

async function isConnected(pod: Pod): Promise<boolean> {
  const response = await fetch(`http://${pod.status?.podIP ?? ''}:8282/v1/status`);
  return ((await response.json()) as { readonly connected: boolean }).connected;
}

test('PDPs without a policy are not ready and give no decision', async () => {
  const pods = await waitFor('three running PDPs', async () => {
    const all = await fleet.pods();
    return all.length === 3 && all.every(({ status }) => status?.podIP !== undefined) ? all : undefined;
  });
  const answers = await waitFor('the PDPs to listen', async () => {
    const all = await Promise.all(pods.map((pod) => ask(podTarget(pod), editQuestion(1))));
    return all.every(({ status }) => status !== 0) ? all : undefined;
  });
  expect(answers.map(({ status, allow, revision }) => ({ status, allow, revision }))).toEqual(
    pods.map(() => ({ status: 503, allow: undefined, revision: undefined })),
  );
  expect((await fleet.pods()).filter(isPodReady)).toEqual([]);
});

test('kubectl wait returns when every PDP serves the domain, and a decision over the Service carries the revision', async () => {
  // Who has no stream yet when a rollout begins is not waited for by it.
  await waitFor('every PDP to have a stream', async () => {
    const connected = await Promise.all((await fleet.pods()).map(isConnected));
    return connected.length === 3 && connected.every(Boolean);
  });
  const started = performance.now();
  await fleet.applyEdit(1);
  const condition = ['--for=condition=Ready', `policydomain/${DOMAIN_NAME}`, '--timeout=180s'];
  await cluster.kubectl('-n', fleet.namespace, 'wait', ...condition);
  const waited = performance.now() - started;

  // Ready means active on all: no pod may still answer without the policy.
  const pods = await fleet.pods();
  const direct = await Promise.all(pods.map((pod) => ask(podTarget(pod), editQuestion(1))));
  const committed = (await fleet.set())?.status?.committedRevision;
  expect(committed).toBeGreaterThanOrEqual(1);
  expect(direct.map(({ status, allow, revision }) => ({ status, allow, revision }))).toEqual(
    pods.map(() => ({ status: 200, allow: true, revision: committed })),
  );

  await fleet.waitForReadyPods(3);
  const service = await fleet.serviceTarget();
  const answer = await waitFor('the Service to answer', async () => {
    const said = await ask(service, editQuestion(1));
    return said.status === 200 ? said : undefined;
  });
  expect(answer).toMatchObject({ allow: true, revision: committed });
  expect(answer.digest).toBe((await fleet.set())?.status?.committedDigest);
  expect((await ask(service, editQuestion(2))).allow).toBe(false);
  printFigures('first policy', { 'apply to kubectl wait': `${waited.toFixed(0)} ms`, revision: committed ?? 0 });
});

test('kubectl get reads well', async () => {
  const table = async (kind: string): Promise<ReturnType<typeof readTable>> => {
    const text = await cluster.kubectl('-n', fleet.namespace, 'get', kind);
    process.stderr.write(text.replaceAll(/^/gm, '    ').trimEnd() + '\n');
    return readTable(text);
  };
  const committed = (await fleet.set())?.status?.committedRevision ?? 0;
  expect((await table('policydomains')).get(DOMAIN_NAME)).toMatchObject({
    SET: 'main',
    REVISION: `main@${committed}`,
    READY: 'True',
    REASON: 'Converged',
  });
  expect((await table('policysets')).get('main')).toMatchObject({
    MODE: 'Standard',
    DESIRED: String(committed),
    COMMITTED: String(committed),
    PDPS: '3/3',
    READY: 'True',
  });
  expect((await table('policyrevisions')).get(`main-${committed}`)).toMatchObject({
    SET: 'main',
    REV: String(committed),
    PHASE: 'Completed',
    PREPARED: '3/3',
    ACTIVE: '3/3',
  });
  const pdp = await waitFor('the PolicyDecisionPoint to show its pods', async () => {
    const row = (await table('policydecisionpoints')).get('main');
    return row?.['READY'] === '3/3' ? row : undefined;
  });
  expect(pdp).toMatchObject({ FORM: 'Deployment' });
});
