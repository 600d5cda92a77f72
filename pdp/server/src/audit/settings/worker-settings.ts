import { dirname, basename, extname, join } from 'node:path';
import type { AuditSettings, SinkSettings } from './audit-settings.ts';

/**
 * The settings of one of several processes that share a configuration: files and journals have one writer each, so those of
 * worker 2 are called `records-w2.jsonl` and so on.
 */
export function settingsOfWorker(settings: AuditSettings, worker: number): AuditSettings {
  return { ...settings, sinks: settings.sinks.map((sink) => ofWorker(sink, worker)) };
}

function ofWorker(sink: SinkSettings, worker: number): SinkSettings {
  const { journal } = sink;
  const own =
    journal?.folder === undefined
      ? sink
      : { ...sink, journal: { ...journal, folder: join(journal.folder, `w${worker}`) } };
  switch (own.type) {
    case 'Stdout':
      return own;
    case 'File':
      return { ...own, path: fileOfWorker(own.path, worker) };
    case 'Http':
      return own.deadLetterFile === undefined
        ? own
        : { ...own, deadLetterFile: fileOfWorker(own.deadLetterFile, worker) };
  }
}

function fileOfWorker(path: string, worker: number): string {
  const ending = extname(path);
  return join(dirname(path), `${basename(path, ending)}-w${worker}${ending}`);
}
