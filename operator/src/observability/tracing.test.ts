import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { afterEach, expect, test } from '@jest/globals';
import { generateSigningKey } from '@edict/bundle';
import { rolloutTraceOf, systemClock } from '@edict/protocol';
import { Registry } from 'prom-client';
import { createDistributor } from '../distribution/distributor.ts';
import { MemoryBackend } from '../distribution/memory-backend.ts';
import { createDistributionMetrics } from '../distribution/metrics.ts';
import { openTracing } from './tracing.ts';

const SET = 'default/payments';

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status?: { readonly code?: number; readonly message?: string };
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A collector over a socket, which answers with `status`. */
async function collect(
  status: number,
): Promise<{ readonly url: string; readonly spans: Span[]; readonly texts: string[] }> {
  const spans: Span[] = [];
  const texts: string[] = [];
  const server: Server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      texts.push(text);
      const { resourceSpans } = JSON.parse(text) as {
        readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
      };
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`, spans, texts };
}

/** A distributor whose rollouts are traced; revisions that are published in it come to their end without any PDP. */
async function trace(url: string) {
  const registry = new Registry();
  const errors: unknown[] = [];
  const tracing = await openTracing({ url }, { registry, now: Date.now, onError: (error) => errors.push(error) });
  if (tracing === undefined) throw new Error('tracing is off');
  closing.push(() => tracing.close(1_000));
  const backend = new MemoryBackend(SET, 'uid-1', generateSigningKey());
  const distributor = createDistributor({
    ...{ backend, replica: 'operator-0', artifactsUrl: '', ticketKey: new Uint8Array(32) },
    ...{ clock: systemClock, random: Math.random, log: { info: () => undefined, warn: () => undefined } },
    metrics: createDistributionMetrics(new Registry()),
    observer: tracing.observer,
    tuning: { settleMs: 0, resendMs: 200 },
  });
  closing.push(() => distributor.close());
  const publish = async (text: string): Promise<void> => {
    backend.publish([new TextEncoder().encode(text)], (bytes) => bytes, new Date().toISOString());
    while (backend.written.at(-1)?.phase !== 'Completed') await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const outcomes = async () => (await registry.getSingleMetricAsString('operator_spans_total')).split('\n').slice(2);
  return { tracing, backend, publish, errors, outcomes };
}

test('a rollout is one trace, whose ids everyone knows who knows the revision', async () => {
  const { url, spans, texts } = await collect(200);
  const { tracing, backend, publish, errors, outcomes } = await trace(url);
  await publish('a');
  await tracing.close(10_000);
  const revision = backend.revision(1);
  if (revision === undefined) throw new Error('there is no revision');
  const { traceId, spanId } = rolloutTraceOf(revision);
  expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
  const whole = spans.filter(({ name }) => name === 'rollout');
  expect(whole).toMatchObject([{ spanId }]);
  expect(whole[0]?.parentSpanId ?? '').toBe('');
  const parts = spans.filter(({ name }) => name !== 'rollout');
  expect(parts.map(({ name }) => name)).toContain('commit');
  expect(parts.map(({ parentSpanId }) => parentSpanId)).toEqual(parts.map(() => spanId));
  expect(new Set(spans.map((span) => span.spanId)).size).toBe(spans.length);
  expect(texts[0]).toContain('"edict-operator"');
  expect(texts[0]).toContain(hostname());
  expect(errors).toEqual([]);
  expect(await outcomes()).toEqual([`operator_spans_total{outcome="exported"} ${spans.length}`]);
});

test('a collector that refuses is told of once, and its spans are counted', async () => {
  const { url, spans } = await collect(400);
  const { tracing, publish, errors, outcomes } = await trace(url);
  await publish('a');
  await tracing.close(10_000);
  expect(errors).toHaveLength(1);
  expect(await outcomes()).toEqual([`operator_spans_total{outcome="failed"} ${spans.length}`]);
});

test('without settings nothing is traced', async () => {
  const deps = { registry: new Registry(), now: Date.now, onError: () => undefined };
  expect(await openTracing(undefined, deps)).toBeUndefined();
});
