import { systemClock } from '@edict/protocol';
import { afterEach } from '@jest/globals';
import { Registry } from 'prom-client';
import { createAuditMetrics } from '../audit/audit-metrics.ts';
import type { WriteBytes } from '../audit/line-writer.ts';
import { openAudit, type Audit, type AuditOptions } from '../audit/open-audit.ts';
import { parseAuditSettings } from '../audit/settings/read-audit-file.ts';
import { createLogger } from '../observability/logger.ts';

/** Opens audits with the machine's clock, which are closed after each test of the calling file. */
export function useAudits() {
  const open: Audit[] = [];
  afterEach(async () => {
    for (const audit of open.splice(0)) await audit.close(0);
  });
  return async (settings: object, folder: string, over: Partial<AuditOptions> = {}) => {
    const registry = new Registry();
    const logs: string[] = [];
    const audit = await openAudit({
      ...{ settings: parseAuditSettings(JSON.stringify(settings), 'test'), folder, clock: systemClock },
      ...{ writeStdout: (_bytes, done) => done(null), random: () => 0, metrics: createAuditMetrics(registry) },
      log: createLogger('info', (line) => logs.push(line)),
      ...over,
    });
    open.push(audit);
    /** The value of a metric, summed over those whose labels contain these. */
    const valueOf = async (name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> => {
      const metric = (await registry.getMetricsAsJSON()).find((one) => one.name === name);
      if (metric === undefined) throw new Error(`no metric ${name}`);
      return metric.values
        .filter((value) => Object.entries(labels).every(([key, text]) => value.labels[key] === text))
        .reduce((sum, { value }) => sum + value, 0);
    };
    return { audit, logs, valueOf };
  };
}

/** Standard output whose reader stalls until `read` is called; then all is read, for ever. */
export function stalledReader() {
  const lines: string[] = [];
  const waiting: (() => void)[] = [];
  let isReading = false;
  const write: WriteBytes = (bytes, done) => {
    const take = (): void => {
      lines.push(...bytes.toString().trimEnd().split('\n'));
      done(null);
    };
    if (isReading) take();
    else waiting.push(take);
  };
  return {
    write,
    lines,
    read: () => {
      isReading = true;
      for (const take of waiting.splice(0)) take();
    },
  };
}
