import { messageOf, type Clock, type Log, type RolloutProgress, type SetKey } from '@edict/protocol';
import type { DistributionBackend } from './backend.ts';
import type { DistributionMetrics } from './metrics.ts';

/** Least time between two writes of one set's progress while its phase stays the same. */
export const PROGRESS_INTERVAL_MS = 1_000;
/** Wait after a failed write; doubles up to the maximum. */
export const PROGRESS_RETRY_MS = 500;
export const PROGRESS_RETRY_MAX_MS = 30_000;

interface Entry {
  written: string;
  writtenPhase: string;
  wanted: RolloutProgress | undefined;
  writing: boolean;
  failures: number;
  notBefore: number;
  cancel: (() => void) | undefined;
}

/** Writes each set's progress: changes of phase at once, counts at most once a second, one write per set at a time. */
export class ProgressWriter {
  readonly #backend: Pick<DistributionBackend, 'writeProgress'>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #metrics: DistributionMetrics;
  readonly #entries = new Map<SetKey, Entry>();
  #closed = false;

  constructor(
    backend: Pick<DistributionBackend, 'writeProgress'>,
    clock: Clock,
    log: Log,
    metrics: DistributionMetrics,
  ) {
    this.#backend = backend;
    this.#clock = clock;
    this.#log = log;
    this.#metrics = metrics;
  }

  /** The newest progress of a set. Equal to what was written last: nothing happens. */
  offer(progress: RolloutProgress): void {
    if (this.#closed) return;
    let entry = this.#entries.get(progress.set);
    if (entry === undefined) {
      entry = {
        written: '',
        writtenPhase: '',
        wanted: undefined,
        writing: false,
        failures: 0,
        notBefore: 0,
        cancel: undefined,
      };
      this.#entries.set(progress.set, entry);
    }
    entry.wanted = progress;
    this.#pump(progress.set, entry);
  }

  /** The set is gone. */
  forget(set: SetKey): void {
    this.#entries.get(set)?.cancel?.();
    this.#entries.delete(set);
  }

  /** Writes nothing more. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#entries.values()) entry.cancel?.();
  }

  #pump(set: SetKey, entry: Entry): void {
    const { wanted } = entry;
    if (this.#closed || entry.writing || wanted === undefined) return;
    const text = JSON.stringify(wanted);
    if (text === entry.written) {
      entry.wanted = undefined;
      return;
    }
    const phase = `${wanted.revision}/${wanted.phase}/${wanted.ready.status}`;
    const wait = entry.notBefore - this.#clock.monotonic();
    if (wait > 0 && (phase === entry.writtenPhase || entry.failures > 0)) {
      entry.cancel ??= this.#clock.schedule(wait, () => {
        entry.cancel = undefined;
        this.#pump(set, entry);
      });
      return;
    }
    entry.wanted = undefined;
    entry.writing = true;
    this.#backend
      .writeProgress(set, wanted)
      .then(
        () => {
          this.#metrics.statusWrite('written');
          entry.written = text;
          entry.writtenPhase = phase;
          entry.failures = 0;
          entry.notBefore = this.#clock.monotonic() + PROGRESS_INTERVAL_MS;
        },
        (error: unknown) => {
          this.#metrics.statusWrite('failed');
          this.#log.warn('rollout progress could not be written', { set, error: messageOf(error) });
          entry.notBefore =
            this.#clock.monotonic() +
            Math.min(PROGRESS_RETRY_MAX_MS, PROGRESS_RETRY_MS * 2 ** Math.min(entry.failures, 16));
          entry.failures += 1;
          entry.wanted ??= wanted;
        },
      )
      .then(() => {
        entry.writing = false;
        this.#pump(set, entry);
      })
      .catch((error: unknown) => {
        this.#log.warn('rollout progress could not be handled', { set, error: messageOf(error) });
      });
  }
}
