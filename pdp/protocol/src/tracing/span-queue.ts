import { ExportResultCode } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';

/** What became of spans. */
export type SpanOutcome = 'exported' | 'failed' | 'dropped';

/** Bounds of the queue, in spans, and how long a span waits for others. */
export const SPAN_QUEUE = { maxSpans: 2_048, batchSpans: 256, delayMs: 2_000 } as const;

export interface SpanQueueOptions {
  readonly exporter: SpanExporter;
  /** Counts spans by what became of them: each span exactly once. */
  readonly onOutcome: (outcome: SpanOutcome, spans: number) => void;
  /** Told of the first failure after a success, and not of each that follows. */
  readonly onError: (error: unknown) => void;
  readonly limits?: Partial<typeof SPAN_QUEUE>;
}

/**
 * Sends spans in batches, one at a time. Holds a bounded number and drops what comes when it is full, so that a collector
 * that is slow or gone costs memory up to that bound and nothing else.
 */
export class SpanQueue implements SpanProcessor {
  readonly #options: SpanQueueOptions;
  readonly #limits: { readonly maxSpans: number; readonly batchSpans: number; readonly delayMs: number };
  #waiting: ReadableSpan[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #failing = false;

  constructor(options: SpanQueueOptions) {
    this.#options = options;
    this.#limits = { ...SPAN_QUEUE, ...options.limits };
  }

  onStart(): void {
    // Only spans that have ended are of interest.
  }

  onEnd(span: ReadableSpan): void {
    if (this.#waiting.length >= this.#limits.maxSpans) {
      this.#options.onOutcome('dropped', 1);
      return;
    }
    this.#waiting.push(span);
    this.#arm();
  }

  /** Sends what waits now and resolves when it has been sent or has failed. Never rejects. */
  async forceFlush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#sending !== undefined) await (this.#sending ?? this.#send());
  }

  async shutdown(): Promise<void> {
    await this.forceFlush();
    clearTimeout(this.#timer);
    await this.#options.exporter.shutdown();
  }

  /** Sends at once if there is a batch, else a little later. */
  #arm(): void {
    if (this.#sending !== undefined) return;
    if (this.#waiting.length >= this.#limits.batchSpans) {
      void this.#send();
    } else if (this.#timer === undefined && this.#waiting.length > 0) {
      this.#timer = setTimeout(() => void this.#send(), this.#limits.delayMs);
      this.#timer.unref();
    }
  }

  #send(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting.slice(0, this.#limits.batchSpans);
    this.#waiting = this.#waiting.slice(batch.length);
    this.#sending = this.#export(batch).then(() => {
      this.#sending = undefined;
      this.#arm();
    });
    return this.#sending;
  }

  async #export(batch: ReadableSpan[]): Promise<void> {
    const error = await new Promise<unknown>((resolve) => {
      this.#options.exporter.export(batch, ({ code, error: cause }) => {
        resolve(code === ExportResultCode.SUCCESS ? undefined : (cause ?? new Error('the exporter gave no reason')));
      });
    });
    this.#options.onOutcome(error === undefined ? 'exported' : 'failed', batch.length);
    if (error !== undefined && !this.#failing) this.#options.onError(error);
    this.#failing = error !== undefined;
  }
}
