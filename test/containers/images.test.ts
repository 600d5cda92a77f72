import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { StartedTestContainer } from 'testcontainers';
import { containerLog, inspectContainer, signalContainer } from '../support/docker.ts';
import { printFigures } from '../support/figures.ts';
import { ask, failuresOf, startLoad, type Answer } from '../support/load-generator.ts';
import { domainOfEdit, editQuestion } from '../support/policy-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { OPERATOR_HEALTH_PORT, PDP_PORT, startStage, urlOf, type Stage } from './stage.ts';

const NAMESPACE = 'shop';
let stage: Stage;
let pdp: StartedTestContainer;

beforeAll(async () => {
  stage = await startStage();
  const metadata = { name: 'main', namespace: NAMESPACE };
  await stage.cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  // Every namespace has this account in a cluster with controllers.
  await stage.cluster.apply({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: NAMESPACE },
  });
  await stage.cluster.apply(
    { apiVersion: 'edict.dev/v1beta1', kind: 'PolicySet', metadata, spec: { domains: { selector: {} } } },
    { apiVersion: 'edict.dev/v1beta1', kind: 'PolicyDecisionPoint', metadata, spec: { replicas: 1 } },
  );
  pdp = await stage.startPdp(NAMESPACE, 'pdp-0');
  printFigures('PDP, container start to', { listening: await sinceStart('listening') });
});
afterAll(() => stage.stop());

/** From when the engine started the PDP's process to a line of its log. Nobody asks meanwhile: who asks would be late, or in the way. */
async function sinceStart(message: string): Promise<string> {
  const { StartedAt } = await inspectContainer(stage.dockerHost, pdp.getId());
  // A line is written after what it tells, and comes by way of the engine.
  const line = await waitFor(`the PDP to say ${message}`, async () =>
    (await containerLog(stage.dockerHost, pdp.getId())).find(({ text }) => text.includes(`"message":"${message}"`)),
  );
  return `${line.at - Date.parse(StartedAt)} ms`;
}

async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status;
}

function askPdp(edit: number): Promise<Answer> {
  return ask({ name: 'pdp', url: urlOf(pdp, PDP_PORT) }, editQuestion(edit));
}

async function rollOut(edit: number): Promise<Answer> {
  await stage.cluster.apply(domainOfEdit(NAMESPACE, 'notes', edit));
  return waitFor(`edit ${edit} to serve`, async () => {
    const answer = await askPdp(edit);
    return answer.allow === true ? answer : undefined;
  });
}

test('the operator runs as nobody on a root that cannot be written, healthy and ready', async () => {
  const url = urlOf(stage.operator, OPERATOR_HEALTH_PORT);
  expect(await statusOf(`${url}/healthz`)).toBe(200);
  expect(await statusOf(`${url}/readyz`)).toBe(200);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(/^process_cpu_seconds_total|^nodejs_version_info|^operator_/m);
  const probe = `const fs = require('node:fs');
    let wrote = 'wrote';
    try { fs.writeFileSync('/probe', 'x'); } catch (error) { wrote = error.code; }
    console.log(JSON.stringify({ uid: process.getuid(), gid: process.getgid(), wrote, tmp: fs.existsSync('/tmp') }));`;
  for (const container of [stage.operator, pdp]) {
    const { output, exitCode } = await container.exec(['/usr/bin/node', '-e', probe]);
    expect({ exitCode, ...(JSON.parse(output) as object) }).toEqual({
      exitCode: 0,
      uid: 65532,
      gid: 65532,
      wrote: 'EROFS',
      tmp: false,
    });
  }
});

test('a PDP without a policy lives, is not ready, and answers 503', async () => {
  const url = urlOf(pdp, PDP_PORT);
  expect(await statusOf(`${url}/healthz`)).toBe(200);
  expect(await statusOf(`${url}/readyz`)).toBe(503);
  const { status, allow, revision } = await askPdp(1);
  expect({ status, allow, revision }).toEqual({ status: 503, allow: undefined, revision: undefined });
});

test('an applied domain makes it ready, and its decisions carry the revision', async () => {
  const answer = await rollOut(1);
  expect(answer).toMatchObject({ status: 200, revision: 1 });
  expect(answer.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await statusOf(`${urlOf(pdp, PDP_PORT)}/readyz`)).toBe(200);
  expect((await askPdp(2)).allow).toBe(false);
});

test('it swaps to new revisions without a failed decision and without a restart', async () => {
  const load = startLoad([{ name: 'pdp', url: urlOf(pdp, PDP_PORT) }], 50, () => editQuestion(1));
  const times: number[] = [];
  let answer = await askPdp(1);
  const first = answer.revision ?? 0;
  for (const edit of [2, 3, 4]) {
    const started = performance.now();
    answer = await rollOut(edit);
    times.push(performance.now() - started);
  }
  const answers = await load.stop();
  expect(answer.revision).toBe(first + 3);
  expect(failuresOf(answers)).toEqual([]);
  expect(await inspectContainer(stage.dockerHost, pdp.getId())).toMatchObject({ Running: true });
  printFigures('swap', {
    'apply to serving, worst of 3': `${Math.max(...times).toFixed(0)} ms`,
    decisions: answers.length,
  });
});

test('a PDP that is started again answers by what it has on disk before it hears from anyone', async () => {
  const before = await askPdp(1);
  await pdp.restart({ timeout: 10_000 });
  const answer = await waitFor('the PDP to answer', async () => {
    const said = await askPdp(4);
    return said.status === 200 ? said : undefined;
  });
  expect(answer).toMatchObject({ allow: true, revision: before.revision, digest: before.digest });
  // It listens from when it can say that it is not ready; it is from when its policy is active.
  printFigures('PDP with policy on its disk, container start to', {
    listening: await sinceStart('listening'),
    ready: await sinceStart('revision active'),
  });
});

test('on SIGTERM it says that it is not ready, answers what is under way, and ends with code 0', async () => {
  const url = new URL(urlOf(pdp, PDP_PORT));
  const body = JSON.stringify(editQuestion(1));
  const underWay = new Promise<{ readonly status: number; readonly body: string }>((resolve, reject) => {
    const call = request(
      {
        host: url.hostname,
        port: url.port,
        path: '/decision',
        method: 'POST',
        agent: false,
        headers: { 'content-type': 'application/json', 'content-length': body.length },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('error', reject).on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    call.on('error', reject);
    call.write(body.slice(0, 10));
    void (async () => {
      await signalContainer(stage.dockerHost, pdp.getId(), 'SIGTERM');
      await waitFor(
        'the PDP to say that it is not ready',
        async () => (await statusOf(`${url.origin}/readyz`)) === 503,
      );
      call.end(body.slice(10));
    })().catch(reject);
  });
  const answer = await underWay;
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body)).toEqual({ allow: true });
  const ended = await waitFor('the PDP to end', async () => {
    const state = await inspectContainer(stage.dockerHost, pdp.getId());
    return state.Running ? undefined : state;
  });
  expect(ended).toMatchObject({ ExitCode: 0 });
});

test('the operator ends with code 0 on SIGTERM', async () => {
  await signalContainer(stage.dockerHost, stage.operator.getId(), 'SIGTERM');
  const ended = await waitFor('the operator to end', async () => {
    const state = await inspectContainer(stage.dockerHost, stage.operator.getId());
    return state.Running ? undefined : state;
  });
  expect(ended).toMatchObject({ ExitCode: 0 });
});
