import { renderAccessRecord, type Decision } from '@edict/engine';
import { printJson, type Io, type OutputFormat } from '../io.ts';

/** Prints a decision: as text its outcome and each policy that had a say, as JSON with its access record. */
export function printDecision(io: Io, { allow, record }: Decision, output: OutputFormat): void {
  if (output === 'json') {
    printJson(io, {
      allow,
      record: record === undefined ? undefined : (JSON.parse(renderAccessRecord(record)) as unknown),
    });
    return;
  }
  io.stdout(`${allow ? 'GRANT' : 'DENY'}\n`);
  for (const { phase, id, policy, decision, reasonCode, reason } of record?.references ?? []) {
    const subject = [id, policy === undefined ? '' : `by ${policy.mrn}`].filter((part) => part !== '').join('  ');
    const why = reasonCode === 'POLICY_OUTCOME' ? '' : `  ${reasonCode}${reason === '' ? '' : `: ${reason}`}`;
    io.stdout(`${`  ${phase.padEnd(9)}${decision.padEnd(6)}${subject}${why}`.trimEnd()}\n`);
  }
}
