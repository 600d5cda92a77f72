import { isStoreError } from '@edict/operator';
import { countOf, examine, type Examination } from '../doctor/examine.ts';
import type { Finding, Severity } from '../doctor/finding.ts';
import type { Installation } from '../doctor/installation.ts';
import { CommandError, counted, EXIT_CODES, type FleetOutput, type Io } from '../io.ts';
import { printObject } from '../render/print-object.ts';

export interface DoctorOptions {
  readonly output: FleetOutput;
  /** Warnings fail, too. */
  readonly failOnWarning: boolean;
}

const WORDS: Readonly<Record<Severity, string>> = { Error: 'error', Warning: 'warning', NotChecked: 'not checked' };

/**
 * `edict doctor`: what is wrong with an installation, where, and what to do. Throws `CommandError` when something is, after it was
 * printed, and when the cluster does not answer.
 */
export async function doctor(
  io: Io,
  gather: () => Promise<Installation>,
  { output, failOnWarning }: DoctorOptions,
): Promise<void> {
  const examinations = examine(await gathered(gather));
  const [errors, warnings, unseen] = (['Error', 'Warning', 'NotChecked'] as const).map((one) =>
    countOf(examinations, one),
  );
  if (output === 'text') printText(io, examinations);
  else {
    const findings = examinations.flatMap(({ part, findings: all }) => all.map((finding) => ({ part, ...finding })));
    printObject(
      io,
      { errors, warnings, notChecked: unseen, parts: examinations.map(({ part }) => part), findings },
      output,
    );
  }
  if ((errors ?? 0) > 0 || (failOnWarning && (warnings ?? 0) > 0)) throw new CommandError('', EXIT_CODES.failed);
}

async function gathered(gather: () => Promise<Installation>): Promise<Installation> {
  try {
    return await gather();
  } catch (error) {
    if (isStoreError(error)) throw new CommandError(`cannot ask the cluster: ${error.message}`);
    throw error;
  }
}

function printText(io: Io, examinations: readonly Examination[]): void {
  const width = Math.max(...examinations.map(({ part }) => part.length));
  for (const { part, findings } of examinations) {
    io.stdout(`${part.padEnd(width)}   ${findings.length === 0 ? 'ok' : summaryOf(findings)}\n`);
  }
  for (const { severity, code, where, message, remedy } of examinations.flatMap(({ findings }) => findings)) {
    io.stdout(
      `\n${WORDS[severity]} ${severity === 'NotChecked' ? '' : `${code} `}${where}\n  ${message.replaceAll('\n', '\n  ')}\n`,
    );
    io.stdout(`  to do: ${remedy}\n`);
  }
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (severity: Severity): number => findings.filter((finding) => finding.severity === severity).length;
  const [errors, warnings, unseen] = [count('Error'), count('Warning'), count('NotChecked')];
  return [
    ...(errors === 0 ? [] : [counted(errors, 'error')]),
    ...(warnings === 0 ? [] : [counted(warnings, 'warning')]),
    ...(unseen === 0 ? [] : [`${unseen} not checked`]),
  ].join(', ');
}
