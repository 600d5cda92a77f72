import { tryCommand } from '../../scripts/run-command.ts';
import path from 'node:path';
import type { Environment } from './environment.ts';

const MAIN = path.resolve(import.meta.dirname, '../../cli/src/main.ts');

/** What `edict doctor -o json` said. */
export interface Diagnosis {
  readonly code: number;
  readonly errors: number;
  readonly notChecked: number;
  readonly findings: readonly { readonly code: string; readonly where: string; readonly message: string }[];
}

/** Runs the doctor as a process, over the whole cluster. */
export async function runDoctor({ kubeconfig, operatorNamespace }: Environment): Promise<Diagnosis> {
  const where = ['--kubeconfig', kubeconfig, '--operator-namespace', operatorNamespace];
  const { code, stdout, stderr } = await tryCommand(process.execPath, [
    '--no-warnings',
    MAIN,
    'doctor',
    '-o',
    'json',
    ...where,
  ]);
  if (stdout === '') throw new Error(`the doctor said nothing but: ${stderr}`);
  return { code, ...(JSON.parse(stdout) as Omit<Diagnosis, 'code'>) };
}

/** Codes of the findings, each once, sorted. */
export function codesOf({ findings }: Diagnosis): readonly string[] {
  return [...new Set(findings.map(({ code }) => code))].sort();
}
