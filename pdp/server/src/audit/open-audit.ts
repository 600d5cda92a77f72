import { readFileSync } from 'node:fs';
import { appendFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FolderInUseError, lockFolder, messageOf, type Clock, type FolderLock } from '@edict/protocol';
import type { AuditSink } from '../core/audit-sink.ts';
import type { Logger } from '../observability/logger.ts';
import { asLines } from './as-lines.ts';
import type { AuditMetrics } from './audit-metrics.ts';
import { AuditRouter, type Route, type SetMask } from './audit-router.ts';
import { Journal } from './journal/journal.ts';
import { nodeFiles, type JournalFiles } from './journal/journal-files.ts';
import type { WriteBytes } from './line-writer.ts';
import { maskRule } from './mask/mask-rules.ts';
import type { AuditSettings, SinkSettings } from './settings/audit-settings.ts';
import { SinkPipeline, type DeliverySettings, type PipelineOptions } from './sink-pipeline.ts';
import { fileTarget } from './targets/file-target.ts';
import { httpTarget } from './targets/http-target.ts';
import { streamTarget } from './targets/stream-target.ts';
import type { Target } from './targets/target.ts';

export interface AuditOptions {
  readonly settings: AuditSettings;
  /** Where journals are whose settings name no folder: one folder per sink. One process only may use it. */
  readonly folder: string;
  readonly writeStdout: WriteBytes;
  readonly metrics: AuditMetrics;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly clock: Clock;
  readonly random: () => number;
  /** Labels of the process in events of decision logs, such as `id` and `version`; those of the settings go before them. */
  readonly processLabels?: Readonly<Record<string, string>> | undefined;
  /** Called for records that were lost. */
  readonly onLost?: (records: number) => void;
  /** The file system under journals. */
  readonly files?: JournalFiles;
}

/** Audit as a process has it. */
export interface Audit {
  readonly sink: AuditSink;
  /** Files were rotated by someone else: begins them anew. */
  readonly reopen: () => void;
  /** Delivers what waits, for so long at most. Tells how many records were lost by then. */
  readonly close: (timeoutMs: number) => Promise<number>;
}

/** Records go out together: each write costs many times what a line does. */
const WRITES: DeliverySettings = {
  batch: { maxBytes: 1_048_576, maxRecords: 100_000, maxDelayMs: 5, eagerBytes: 65_536 },
  retry: { minMs: 100, maxMs: 30_000 },
};

const MIN_KEY_BYTES = 16;
const SEGMENTS = 16;
const MAX_SEGMENT_BYTES = 67_108_864;

/**
 * Opens the sinks of the settings, and delivers what journals still hold. Rejects if a journal cannot be opened or a key
 * cannot be read.
 */
export async function openAudit(options: AuditOptions): Promise<Audit> {
  const { settings, log, metrics } = options;
  const { hashKeyFile } = settings;
  const key = hashKeyFile === undefined ? undefined : readFileSync(hashKeyFile);
  if (key !== undefined && key.length < MIN_KEY_BYTES) {
    throw new Error(`the key in ${String(hashKeyFile)} is shorter than ${MIN_KEY_BYTES} bytes`);
  }
  const masks = settings.masks.map((mask): SetMask => ({ rule: maskRule(mask, key), sets: mask.sets }));
  const pipelines = await Promise.all(settings.sinks.map((sink) => openPipeline(sink, options)));
  const routes = settings.sinks.flatMap(({ format, apis, sets }, index): readonly Route[] => {
    const pipeline = pipelines[index];
    return pipeline === undefined ? [] : [{ pipeline, format, apis, sets }];
  });
  const failedSets = new Set<string>();
  const failedDrops = new Set<string>();
  const router = new AuditRouter({
    routes,
    masks,
    labels: { ...options.processLabels, ...settings.labels },
    onDrop: (set, problem) => {
      metrics.droppedByPolicy.inc({ outcome: problem === undefined ? 'dropped' : 'failed' });
      if (problem === undefined || failedDrops.has(set)) return;
      failedDrops.add(set);
      log.error('a policy cannot say whether a record is wanted: it is kept', { set, problem });
    },
    onMaskFailure: (set, cause, detail) => {
      metrics.contentErased.inc({ cause });
      if (failedSets.has(set)) return;
      failedSets.add(set);
      log.error('records cannot be masked: their content is erased', { set, cause, detail });
    },
  });
  return {
    sink: router,
    reopen: () => {
      for (const pipeline of pipelines) pipeline.reopen();
    },
    close: async (timeoutMs) => {
      const lost = await Promise.all(pipelines.map((pipeline) => pipeline.close(timeoutMs)));
      return lost.reduce((sum, records) => sum + records, 0);
    },
  };
}

async function openPipeline(sink: SinkSettings, options: AuditOptions): Promise<SinkPipeline> {
  const { metrics, log, clock, random, onLost = () => undefined } = options;
  const { name, queue, retry } = sink;
  // The journal tells the pipeline, which is made with it.
  const told = { onChange: (): void => undefined };
  const store = sink.journal === undefined ? undefined : await openJournal(sink, sink.journal, options, told);
  const pipeline = new SinkPipeline({
    name,
    queue,
    batch: sink.type === 'Http' ? { ...sink.batch, eagerBytes: sink.batch.maxBytes } : WRITES.batch,
    retry,
    target: targetOf(sink, options),
    journal:
      store === undefined || sink.journal === undefined
        ? undefined
        : { store, writeAhead: sink.journal.writeAhead, onFull: sink.journal.onFull },
    deadLetter: deadLetterOf(sink, options),
    ...{ metrics, log, clock, random, onLost },
  });
  told.onChange = pipeline.journalChanged;
  return pipeline;
}

async function openJournal(
  { name }: SinkSettings,
  settings: NonNullable<SinkSettings['journal']>,
  { folder, metrics, log, clock, onLost, files = nodeFiles }: AuditOptions,
  told: { onChange: () => void },
): Promise<Journal> {
  const { maxBytes, segmentBytes, sync, syncIntervalMs, retryMs } = settings;
  const own = settings.folder ?? join(folder, name);
  await files.makeFolder(own);
  const lock = await lockJournal(own);
  if (lock === undefined) {
    log.warn('the folder of the audit journal cannot be locked: no other process may use it', {
      sink: name,
      folder: own,
    });
  }
  return await Journal.open({
    folder: own,
    lock,
    segmentBytes: segmentBytes ?? Math.min(MAX_SEGMENT_BYTES, Math.ceil(maxBytes / SEGMENTS)),
    ...{ maxBytes, sync, syncIntervalMs, retryMs, files, clock },
    onError: (error) => log.error('the audit journal cannot be written', { sink: name, error: messageOf(error) }),
    onDamage: (path, offset) => {
      metrics.unlogged.inc({ sink: name, reason: 'damaged' });
      onLost?.(1);
      log.error('the audit journal is damaged: the rest of a file is passed over', { sink: name, path, offset });
    },
    onChange: () => told.onChange(),
  });
}

async function lockJournal(folder: string): Promise<FolderLock | undefined> {
  try {
    return await lockFolder(folder);
  } catch (error) {
    if (!(error instanceof FolderInUseError)) throw error;
    throw new Error(`the audit journal in ${folder} is in use: give every process and every sink a folder of its own`, {
      cause: error,
    });
  }
}

function targetOf(sink: SinkSettings, { writeStdout, clock, log }: AuditOptions): Target {
  switch (sink.type) {
    case 'Stdout':
      return streamTarget(writeStdout);
    case 'File': {
      const { path, sync, syncIntervalMs, rotate, name } = sink;
      return fileTarget({
        ...{ path, sync, syncIntervalMs, clock },
        rotate: { ...rotate, maxAgeMs: rotate.maxAgeSeconds * 1000 },
        onError: (error) => log.error('audit files cannot be tidied', { sink: name, error: messageOf(error) }),
      });
    }
    case 'Http': {
      const { url, body, compress, timeoutMs, headers, tokenFile, caFile } = sink;
      return httpTarget({ url, body, compress, timeoutMs, headers, tokenFile, caFile, clock });
    }
  }
}

function deadLetterOf(sink: SinkSettings, { log }: AuditOptions): PipelineOptions['deadLetter'] {
  if (sink.type !== 'Http' || sink.deadLetterFile === undefined) return undefined;
  const { deadLetterFile, name } = sink;
  return async (texts) => {
    try {
      await mkdir(dirname(deadLetterFile), { recursive: true });
      await appendFile(deadLetterFile, asLines(texts), { mode: 0o600, flush: true });
      return true;
    } catch (error) {
      log.error('the dead-letter file cannot be written', { sink: name, error: messageOf(error) });
      return false;
    }
  };
}
