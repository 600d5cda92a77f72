import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { afterEach, expect, test } from '@jest/globals';
import { Serving } from '@edict/crds';
import { RefusalError, rolloutTraceOf, type RevisionId } from '@edict/protocol';
import type { Logger } from 'winston';
import { ActiveSets } from '../active-sets.ts';
import { createDecisionCore } from '../core/decision-core.ts';
import type { DecisionTracer } from '../core/decision-tracer.ts';
import type { Session } from '../core/session.ts';
import { craneDomain, liftRequest } from '../testing/revisions.ts';
import { snapshotOf } from '../testing/snapshots.ts';
import { createMetrics, type PdpMetrics } from './metrics.ts';
import { openTracing, type Tracing, type TracingSettings } from './tracing.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status?: { readonly code?: number };
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}

const open: { readonly server: Server; readonly tracing: Tracing }[] = [];
afterEach(async () => {
  for (const { server, tracing } of open.splice(0)) {
    await tracing.close(1_000);
    server.closeAllConnections();
    server.close();
  }
});

/** A collector over a socket, and tracing that sends to it. */
async function collect(settings: Partial<TracingSettings> = {}, status = 200) {
  const spans: Span[] = [];
  const resources: unknown[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const { resourceSpans } = JSON.parse(text) as {
        readonly resourceSpans: readonly {
          readonly resource: unknown;
          readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
        }[];
      };
      resources.push(...resourceSpans.map(({ resource }) => resource));
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
  const metrics = createMetrics();
  const warnings: unknown[] = [];
  const logger = { warn: (message: string) => warnings.push(message) } as unknown as Pick<Logger, 'warn'>;
  const tracing = await openTracing(
    { url, sampler: 'parentbased_always_on', samplerArg: 1, ...settings },
    { metrics, logger },
  );
  if (tracing === undefined) throw new Error('tracing is off');
  open.push({ server, tracing });
  return { spans, resources, tracing, metrics, logger, warnings };
}

function coreOf(tracer: DecisionTracer, metrics: PdpMetrics) {
  const sets = new ActiveSets();
  const audit = { room: () => true, record: () => undefined };
  const core = createDecisionCore({ sets, audit, metrics, tracer, newId: () => 'record-1' });
  const serve = () =>
    sets.swap({
      ...{ set: 'harbour/cranes', setUid: 'uid', n: 7, digest: 'sha256:7', activatedAtMs: 0 },
      snapshot: snapshotOf([craneDomain(5)], {
        serving: Serving.parse({ documents: {}, instance: { labels: { quay: 'north' } } }),
      }),
    });
  const enter = (traceparent?: string): Session => {
    const entry = core.enter({ api: 'manetu', instance: undefined, traceparent });
    if (entry instanceof Promise || entry.kind === 'refused') throw new Error('not entered');
    return entry.session;
  };
  return { core, serve, enter };
}

const attributesOf = (span: Span | undefined): Readonly<Record<string, unknown>> =>
  Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]));

test('a decision is a span below that of its caller, with what decided and the time of each phase', async () => {
  const { spans, resources, tracing, metrics } = await collect();
  const { serve, enter } = coreOf(tracing.tracer, metrics);
  serve();
  await enter(`00-${TRACE}-${PARENT}-01`).decide(liftRequest(3), { probe: false });
  await tracing.close(10_000);
  expect(spans).toMatchObject([{ name: 'decide', traceId: TRACE, parentSpanId: PARENT }]);
  const attributes = attributesOf(spans[0]);
  expect(attributes).toMatchObject({
    'edict.api': 'manetu',
    'edict.set': 'harbour/cranes',
    'edict.revision': 7,
    'edict.digest': 'sha256:7',
    'edict.decision': 'permit',
    'edict.decision_id': 'record-1',
    'edict.operation': 'crane:lift',
    'edict.label.quay': 'north',
  });
  for (const phase of ['operation', 'identity', 'resource']) {
    expect(attributes[`edict.phase.${phase}.duration_us`]).toBeGreaterThanOrEqual(0);
  }
  expect(BigInt(spans[0]?.endTimeUnixNano ?? 0)).toBeGreaterThanOrEqual(BigInt(spans[0]?.startTimeUnixNano ?? 1));
  expect(JSON.stringify(resources[0])).toContain('"edict-pdp"');
  expect((await metrics.spans.get()).values).toStrictEqual([{ labels: { outcome: 'exported' }, value: 1 }]);
});

test('a document is a span of its own kind, and so is a refusal, which is an error', async () => {
  const { spans, tracing, metrics } = await collect();
  const { core, serve, enter } = coreOf(tracing.tracer, metrics);
  await core.enter({ api: 'opa', instance: undefined });
  serve();
  await enter().query({ path: ['harbour', 'gate'], input: undefined });
  await tracing.close(10_000);
  expect(spans.map(({ name, status }) => [name, status?.code])).toStrictEqual([
    ['refuse', 2],
    ['evaluate', 0],
  ]);
  expect(attributesOf(spans[0])).toStrictEqual({ 'edict.api': 'opa', 'edict.problem': 'no-policy' });
  expect(attributesOf(spans[1])).toMatchObject({ 'edict.document': 'harbour/gate', 'edict.decision': 'answer' });
});

test.each<readonly [string, string | undefined, Partial<TracingSettings>, number]>([
  ['a caller that does not sample', `00-${TRACE}-${PARENT}-00`, {}, 0],
  [
    'a caller that samples, whatever the ratio here',
    `00-${TRACE}-${PARENT}-01`,
    { sampler: 'parentbased_traceidratio', samplerArg: 0 },
    1,
  ],
  ['no caller, ratio 0', undefined, { sampler: 'parentbased_traceidratio', samplerArg: 0 }, 0],
  ['no caller, ratio 1', undefined, { sampler: 'traceidratio', samplerArg: 1 }, 1],
  ['a caller that samples, but traces are off', `00-${TRACE}-${PARENT}-01`, { sampler: 'always_off' }, 0],
  ['a caller that does not sample, but all are wanted', `00-${TRACE}-${PARENT}-00`, { sampler: 'always_on' }, 1],
  ['no caller, only those of callers', undefined, { sampler: 'parentbased_always_off' }, 0],
])('sampling: %s', async (_what, traceparent, settings, expected) => {
  const { spans, tracing, metrics } = await collect(settings);
  const { serve, enter } = coreOf(tracing.tracer, metrics);
  serve();
  await enter(traceparent).decide(liftRequest(3), { probe: true });
  await tracing.close(10_000);
  expect(spans).toHaveLength(expected);
});

test('spans that a collector refuses are counted, and the failure is told once', async () => {
  const { tracing, metrics, warnings } = await collect({}, 400);
  const { serve, enter } = coreOf(tracing.tracer, metrics);
  serve();
  const session = enter();
  for (let turn = 0; turn < 300; turn++) await session.decide(liftRequest(3), { probe: true });
  await tracing.close(10_000);
  expect(warnings).toStrictEqual(['spans cannot be sent']);
  expect((await metrics.spans.get()).values).toStrictEqual([{ labels: { outcome: 'failed' }, value: 300 }]);
});

test('without settings nothing is traced', async () => {
  const { metrics, logger } = await collect();
  await expect(openTracing(undefined, { metrics, logger })).resolves.toBeUndefined();
});

test('work for a revision is a span in the trace of its rollout, wherever it is done, and a refusal is an error', async () => {
  const { spans, resources, tracing } = await collect();
  const revision: RevisionId = { setUid: 'uid', n: 7, digest: `sha256:${'7'.repeat(64)}` };
  const { measure } = tracing.rollouts;
  expect(await measure('compile', 'harbour/cranes', revision, () => Promise.resolve('compiled'))).toBe('compiled');
  measure('swap', 'harbour/cranes', revision, () => undefined);
  const refusal = new RefusalError('Test', 'TESTS_FAILED', true, { message: 'two tests failed' });
  const refused = measure('run tests', 'harbour/cranes', revision, () => Promise.reject(refusal));
  await expect(refused).rejects.toBe(refusal);
  const broken = new Error('gone');
  const swap = () =>
    measure('swap', 'harbour/cranes', revision, () => {
      throw broken;
    });
  expect(swap).toThrow(broken);
  await tracing.close(10_000);
  const { traceId, spanId: parentSpanId } = rolloutTraceOf(revision);
  expect(spans).toMatchObject([
    { name: 'compile', traceId, parentSpanId },
    { name: 'swap', traceId, parentSpanId },
    { name: 'run tests', traceId, parentSpanId, status: { code: 2, message: 'two tests failed' } },
    { name: 'swap', traceId, parentSpanId, status: { code: 2, message: 'gone' } },
  ]);
  expect(attributesOf(spans[0])).toEqual({
    'edict.set': 'harbour/cranes',
    'edict.revision': 7,
    'edict.digest': revision.digest,
  });
  expect(attributesOf(spans[2])).toMatchObject({ 'edict.phase': 'Test', 'edict.code': 'TESTS_FAILED' });
  expect(JSON.stringify(resources[0])).toContain(hostname());
});
