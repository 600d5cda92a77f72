import { ExportResultCode } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { expect, test } from '@jest/globals';
import { SPAN_QUEUE, SpanQueue, type SpanOutcome } from './span-queue.ts';

type Callback = Parameters<SpanExporter['export']>[1];

/** An exporter that answers when it is told to. */
function slowExporter() {
  const batches: { readonly size: number; readonly answer: Callback }[] = [];
  const exporter: SpanExporter = {
    export: (spans, answer) => void batches.push({ size: spans.length, answer }),
    shutdown: () => Promise.resolve(),
  };
  return { batches, exporter };
}

const SPAN = {} as ReadableSpan;
const turn = () => new Promise((resolve) => setImmediate(resolve));

function queueOf(exporter: SpanExporter, limits = {}) {
  const counts: Record<SpanOutcome, number> = { exported: 0, failed: 0, dropped: 0 };
  const queue = new SpanQueue({
    exporter,
    onOutcome: (outcome, spans) => (counts[outcome] += spans),
    onError: () => undefined,
    limits,
  });
  const end = (count: number): void => {
    for (let index = 0; index < count; index++) queue.onEnd(SPAN);
  };
  return { queue, counts, end };
}

test('a collector that does not answer costs a bounded number of spans, and the rest is dropped and counted', async () => {
  const { batches, exporter } = slowExporter();
  const { counts, end } = queueOf(exporter);
  const { maxSpans, batchSpans } = SPAN_QUEUE;
  end(batchSpans + maxSpans + 5);
  expect(batches.map(({ size }) => size)).toStrictEqual([batchSpans]);
  expect(counts).toStrictEqual({ exported: 0, failed: 0, dropped: 5 });
  batches[0]?.answer({ code: ExportResultCode.SUCCESS });
  await turn();
  expect(batches.map(({ size }) => size)).toStrictEqual([batchSpans, batchSpans]);
  expect(counts.exported).toBe(batchSpans);
});

test('a flush sends all that waits, batch after batch, failures too', async () => {
  const { batches, exporter } = slowExporter();
  const { queue, counts, end } = queueOf(exporter, { batchSpans: 2 });
  end(5);
  const flushed = queue.shutdown();
  for (const [index, code] of [ExportResultCode.SUCCESS, ExportResultCode.FAILED, ExportResultCode.SUCCESS].entries()) {
    await turn();
    batches[index]?.answer({ code });
  }
  await flushed;
  expect(batches.map(({ size }) => size)).toStrictEqual([2, 2, 1]);
  expect(counts).toStrictEqual({ exported: 3, failed: 2, dropped: 0 });
});

test('a few spans are sent after a while', async () => {
  const { batches, exporter } = slowExporter();
  const { end } = queueOf(exporter, { delayMs: 1 });
  end(3);
  while (batches.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(batches[0]?.size).toBe(3);
});
