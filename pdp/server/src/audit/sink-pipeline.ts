import { messageOf, type Clock } from '@edict/protocol';
import type { Logger } from '../observability/logger.ts';
import type { AuditMetrics, SinkGauges, UnloggedReason } from './audit-metrics.ts';
import type { Journal } from './journal/journal.ts';
import type { JournalBatch } from './journal/journal-reader.ts';
import { RecordQueue, type QueueLimits, type RecordBatch } from './record-queue.ts';
import { RoomWaiters } from './room-waiters.ts';
import { DeliveryError, type Delivery, type Target } from './targets/target.ts';

/** What happens to records that do not fit: the decision waits and is not given, they go to disk, or they are lost. */
export type OnFull = 'Block' | 'Spill' | 'Drop';

/** How records go out of a queue. */
export interface DeliverySettings {
  /** Bounds of one delivery. */
  readonly batch: QueueLimits & {
    /** Records wait this long for others to go with, */
    readonly maxDelayMs: number;
    /** unless there are so many bytes of them. */
    readonly eagerBytes: number;
  };
  /** Time between tries, doubled from the one to the other, with jitter. */
  readonly retry: { readonly minMs: number; readonly maxMs: number };
}

export interface PipelineOptions extends DeliverySettings {
  readonly name: string;
  readonly queue: QueueLimits & { readonly onFull: OnFull; /** For `Block`. */ readonly maxWaitMs: number };
  readonly target: Target;
  /** `writeAhead`: every record is in the journal before its decision is given; else what does not fit in the queue. */
  readonly journal:
    { readonly store: Journal; readonly writeAhead: boolean; readonly onFull: 'Block' | 'Drop' } | undefined;
  readonly metrics: AuditMetrics;
  readonly onLost: (records: number) => void;
  /** Takes records that the receiver refuses for good; false if it cannot. Without it they are lost. */
  readonly deadLetter: ((texts: readonly string[]) => Promise<boolean>) | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Pick<Logger, 'warn' | 'error' | 'info'>;
}

/** A batch, and how to say that it has arrived. */
interface Outgoing extends RecordBatch {
  /** Those that have not been settled. */
  texts: readonly string[];
  readonly arrived: () => Promise<void> | void;
}

/** The way of records to one sink: bounded queue, journal if there is one, deliveries with tries until they succeed. */
export class SinkPipeline {
  readonly name: string;
  readonly #options: PipelineOptions;
  readonly #queue: RecordQueue;
  readonly #room: RoomWaiters;
  readonly #hide: () => void;
  /** Records went to the journal because the queue was full, and more follow them there until all are delivered. */
  #spilling = false;
  #stopDelay: (() => void) | undefined;
  #running: Promise<void> | undefined;
  /** Something came while deliveries were under way, which may have looked before. */
  #lookAgain = false;
  #outgoing: Outgoing | undefined;
  /** When the oldest record in the journal that was not read was made, as far as known. */
  #journalOldestMs: number | undefined;
  #stopRetry: (() => void) | undefined;
  #closing = false;
  #abandoned = false;
  #failing = false;

  constructor(options: PipelineOptions) {
    this.name = options.name;
    this.#options = options;
    this.#queue = new RecordQueue(options.queue);
    this.#room = new RoomWaiters(options.clock);
    this.#hide = options.metrics.show(options.name, () => this.gauges());
    if (options.journal !== undefined && !options.journal.store.isRead) {
      this.#spilling = true; // what the last process left goes first
      this.#wake();
    }
  }

  /** Whether a decision may be made now whose record comes here; a promise where it is to wait for that. */
  room(): boolean | Promise<boolean> {
    if (this.#hasRoom()) return true;
    const { maxWaitMs } = this.#options.queue;
    return maxWaitMs === 0 ? false : this.#room.wait(maxWaitMs, () => this.#hasRoom());
  }

  /** Takes a record; a promise only where its decision has to wait for it to be safe. Never throws. */
  take(text: string, atMs: number): Promise<boolean> | undefined {
    const { journal, queue } = this.#options;
    if (journal?.writeAhead === true) return this.#writeAhead(journal.store, journal.onFull, text, atMs);
    if (journal !== undefined && (this.#spilling || (queue.onFull === 'Spill' && !this.#queue.hasRoom))) {
      this.#spill(journal.store, journal.onFull, text, atMs);
    } else if (this.#queue.hasRoom || queue.onFull === 'Block') {
      this.#queue.push(text, atMs);
      this.#schedule();
    } else this.#lose('queue-full', 1);
    return undefined;
  }

  gauges(): SinkGauges {
    const oldest = Math.min(
      this.#outgoing?.oldestMs ?? Infinity,
      this.#queue.oldestMs ?? Infinity,
      this.#journalOldestMs ?? Infinity,
    );
    return {
      queueRecords: this.#queue.records,
      queueBytes: this.#queue.bytes,
      journalBytes: this.#options.journal?.store.bytes ?? 0,
      lagSeconds: oldest === Infinity ? 0 : Math.max(0, (this.#options.clock.now() - oldest) / 1000),
    };
  }

  /** To be called when the journal has changed. */
  readonly journalChanged = (): void => {
    this.#room.look();
    this.#wake();
  };

  /** The target's files were moved away by someone. */
  reopen(): void {
    this.#options.target.reopen();
  }

  /**
   * Delivers what is left, for `timeoutMs` at most. What is then left stays in the journal if there is one, and is else
   * lost, counted and told by the answer.
   */
  async close(timeoutMs: number): Promise<number> {
    this.#closing = true;
    this.#stopRetry?.(); // one more try at once
    this.#wake();
    const { journal, target } = this.#options;
    await new Promise<void>((resolve) => {
      // Unlike those of the clock this timer keeps the process alive.
      const timer = setTimeout(resolve, timeoutMs);
      void this.#whenIdle().then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.#abandoned = true;
    this.#stopRetry?.();
    const left = this.#left();
    let lost = 0;
    if (journal === undefined) lost = left.length;
    else {
      const kept = await Promise.all(
        left.map(({ text, atMs }) => new Promise<boolean>((told) => journal.store.append(text, atMs, told))),
      );
      lost = kept.filter((one) => !one).length;
      await journal.store.close();
    }
    if (lost > 0) this.#lose('shutdown', lost);
    this.#hide();
    await target.close();
    return lost;
  }

  #hasRoom(): boolean {
    const { journal, queue } = this.#options;
    if (journal?.writeAhead === true) return journal.onFull === 'Drop' || journal.store.hasRoom;
    switch (queue.onFull) {
      case 'Drop':
        return true;
      case 'Block':
        return this.#queue.hasRoom;
      case 'Spill':
        return (
          journal?.onFull === 'Drop' || (!this.#spilling && this.#queue.hasRoom) || journal?.store.hasRoom === true
        );
    }
  }

  #writeAhead(store: Journal, onFull: 'Block' | 'Drop', text: string, atMs: number): Promise<boolean> | undefined {
    if (!store.hasRoom) {
      if (onFull === 'Block') return Promise.resolve(false);
      this.#lose(store.isFailing ? 'disk' : 'journal-full', 1);
      return undefined;
    }
    this.#journalOldestMs ??= atMs;
    return new Promise((resolve) => {
      store.append(text, atMs, (kept) => {
        if (!kept && onFull === 'Drop') this.#lose('disk', 1);
        resolve(kept || onFull === 'Drop');
      });
    });
  }

  #spill(store: Journal, onFull: 'Block' | 'Drop', text: string, atMs: number): void {
    if (onFull === 'Drop' && !store.hasRoom) {
      this.#lose(store.isFailing ? 'disk' : 'journal-full', 1);
      return;
    }
    this.#spilling = true;
    this.#journalOldestMs ??= atMs;
    store.append(text, atMs, (kept) => {
      if (kept) return;
      // The decision has been given. Beyond its bound the queue takes what was let in before the disk failed.
      if (onFull === 'Drop') this.#lose('disk', 1);
      else {
        this.#queue.push(text, atMs);
        this.#schedule();
      }
    });
  }

  #lose(reason: UnloggedReason, records: number): void {
    this.#options.metrics.unlogged.inc({ sink: this.name, reason }, records);
    this.#options.onLost(records);
  }

  #isMuch(): boolean {
    const { eagerBytes, maxRecords } = this.#options.batch;
    return this.#queue.waitingBytes >= eagerBytes || this.#queue.waiting >= maxRecords;
  }

  /** Delivers at once if there is enough for a batch, else soon. */
  #schedule(): void {
    if (this.#running !== undefined) return;
    const { batch, clock } = this.#options;
    if (this.#isMuch()) this.#wake();
    else this.#stopDelay ??= clock.schedule(this.#closing ? 0 : batch.maxDelayMs, () => this.#wake());
  }

  #wake(): void {
    this.#stopDelay?.();
    this.#stopDelay = undefined;
    this.#lookAgain = this.#running !== undefined;
    if (this.#lookAgain || this.#abandoned) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#lookAgain) this.#wake();
      else if (this.#queue.waiting > 0) this.#schedule();
    });
  }

  /** Read behind an `await`, which the compiler does not expect to change fields. */
  #isAbandoned(): boolean {
    return this.#abandoned;
  }

  async #whenIdle(): Promise<void> {
    while (!this.#abandoned && (this.#running !== undefined || this.#queue.waiting > 0)) {
      if (this.#running === undefined) this.#wake();
      await this.#running;
    }
  }

  /** Delivers until there is less than a batch left in the queue and nothing in the journal. */
  async #run(): Promise<void> {
    for (let isFirst = true; !this.#abandoned; isFirst = false) {
      const isWorth = isFirst || this.#closing || this.#isMuch();
      this.#outgoing = (isWorth || this.#spilling ? this.#fromQueue() : undefined) ?? (await this.#fromJournal());
      if (this.#outgoing === undefined) return;
      if (!(await this.#deliver(this.#outgoing)) || this.#isAbandoned()) return;
      await this.#outgoing.arrived();
      this.#outgoing = undefined;
      this.#room.look();
    }
  }

  #fromQueue(): Outgoing | undefined {
    const batch = this.#queue.take(this.#options.batch);
    return batch === undefined ? undefined : { ...batch, arrived: () => this.#queue.release() };
  }

  async #fromJournal(): Promise<Outgoing | undefined> {
    const store = this.#options.journal?.store;
    if (store === undefined) return undefined;
    let batch: JournalBatch | undefined;
    try {
      batch = await store.read(this.#options.batch);
    } catch (error) {
      this.#options.log.error('the audit journal cannot be read', { sink: this.name, error: messageOf(error) });
      this.#options.clock.schedule(this.#options.retry.maxMs, () => this.#wake());
      return undefined;
    }
    if (batch === undefined) {
      if (store.isRead) {
        this.#spilling = false;
        this.#journalOldestMs = undefined;
      }
      return undefined;
    }
    const { records } = batch;
    const oldestMs = records[0]?.atMs ?? 0;
    const newestMs = records.at(-1)?.atMs ?? 0;
    this.#journalOldestMs = newestMs;
    return {
      texts: records.map(({ text }) => text),
      oldestMs,
      newestMs,
      arrived: () => this.#checkpoint(store, batch),
    };
  }

  async #checkpoint(store: Journal, batch: JournalBatch): Promise<void> {
    try {
      await store.delivered(batch);
    } catch (error) {
      // A restart would deliver these again; the next checkpoint that succeeds heals it.
      this.#options.log.error('the audit checkpoint cannot be written', { sink: this.name, error: messageOf(error) });
    }
  }

  /** True when the batch needs no further try; false if the pipeline is being left with it. */
  async #deliver(outgoing: Outgoing): Promise<boolean> {
    const { target, metrics, retry, random } = this.#options;
    for (let tries = 0; !this.#abandoned; tries++) {
      const { texts } = outgoing;
      const {
        rejected,
        cause,
        left = [],
        error,
      } = await target.deliver(texts).catch((thrown: unknown): Delivery => ({
        rejected: [],
        left: texts,
        error: thrown instanceof DeliveryError ? thrown : new DeliveryError(messageOf(thrown)),
      }));
      const delivered = texts.length - left.length - rejected.length;
      if (delivered > 0) metrics.delivered.inc({ sink: this.name }, delivered);
      if (rejected.length > 0) await this.#reject(rejected, cause ?? '');
      outgoing.texts = left;
      this.#told(error);
      if (error === undefined) return true;
      const backoffMs = Math.min(retry.maxMs, retry.minMs * 2 ** Math.min(tries, 30)) * (0.5 + random() / 2);
      await this.#pause(Math.max(backoffMs, error.retryAfterMs ?? 0));
    }
    return false;
  }

  /** Counts a failed delivery. The log has the first of a row, and its end. */
  #told(error: DeliveryError | undefined): void {
    const { metrics, log } = this.#options;
    if (error === undefined) {
      if (this.#failing) log.info('audit records are delivered again', { sink: this.name });
    } else {
      metrics.failures.inc({ sink: this.name });
      if (!this.#failing) log.error('audit records cannot be delivered', { sink: this.name, error: error.message });
    }
    this.#failing = error !== undefined;
  }

  async #reject(texts: readonly string[], cause: string): Promise<void> {
    const { deadLetter, metrics, log } = this.#options;
    const kept = await deadLetter?.(texts);
    log.error('audit records were refused', { sink: this.name, records: texts.length, cause, kept: kept === true });
    if (kept === true) metrics.deadLetters.inc({ sink: this.name }, texts.length);
    else this.#lose('rejected', texts.length);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#options.clock.schedule(ms, resolve);
      this.#stopRetry = () => {
        stop();
        resolve();
      };
    });
  }

  /** What is in memory only. */
  #left(): readonly { readonly text: string; readonly atMs: number }[] {
    const left: { text: string; atMs: number }[] = [];
    const outgoing = this.#outgoing;
    const add = ({ texts, oldestMs }: RecordBatch): void => {
      for (const text of texts) left.push({ text, atMs: oldestMs });
    };
    if (outgoing !== undefined && this.#queue.records > this.#queue.waiting) add(outgoing);
    for (let batch = this.#queue.take(ALL); batch !== undefined; batch = this.#queue.take(ALL)) add(batch);
    return left;
  }
}

const ALL: QueueLimits = { maxBytes: Infinity, maxRecords: Infinity };
