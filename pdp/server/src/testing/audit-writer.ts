/**
 * A process that records decisions as fast as it can and says of each that it was given, until it is killed:
 * `node audit-writer.ts <settings> <folder> <first> <last>`.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '@edict/protocol';
import { Registry } from 'prom-client';
import { createAuditMetrics } from '../audit/audit-metrics.ts';
import { openAudit } from '../audit/open-audit.ts';
import { parseAuditSettings } from '../audit/settings/read-audit-file.ts';
import { aDecision, CONTEXT } from './decisions.ts';

const [settings = '', folder = '', first = '0', last = '0'] = process.argv.slice(2);
const complain = (message: string): void => void writeSync(2, `${message}\n`);
const audit = await openAudit({
  settings: parseAuditSettings(settings, 'argument'),
  folder,
  writeStdout: (_bytes, done) => done(null),
  metrics: createAuditMetrics(new Registry()),
  log: { info: complain, warn: complain, error: complain } as never,
  clock: systemClock,
  random: () => 0.5,
});
let next = Number(first);
const giveDecisions = async (): Promise<void> => {
  while (next < Number(last)) {
    const id = String(next++);
    // A decision that is not given for want of a record is asked for again.
    while ((await audit.sink.record(aDecision({ id, timestampMs: Date.now() }), CONTEXT)) === false) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    writeSync(1, `${id}\n`);
  }
};
await Promise.all(Array.from({ length: 16 }, giveDecisions));
await audit.close(60_000);
