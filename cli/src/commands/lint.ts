import { formatProblem, isError, lintDomains, type Problem } from '@edict/bundle';
import { readBytes } from '../bundle-files.ts';
import { CommandError, printJson, type Io, type OutputFormat } from '../io.ts';

export interface LintOptions {
  readonly file: readonly string[];
  readonly output: OutputFormat;
  readonly failOnWarning: boolean;
}

/** `edict lint`: every problem of every file, each with its place. Exit code 1 if there is an error. */
export async function lint(io: Io, { file: files, output, failOnWarning }: LintOptions): Promise<void> {
  const sources = await Promise.all(files.map(async (file) => ({ file, text: await readBytes(file) })));
  const problems = lintDomains(sources);
  const errors = problems.filter(isError).length;
  const warnings = problems.length - errors;
  if (output === 'json') printJson(io, { files, errors, warnings, problems });
  else printProblems(io, problems, files.length);
  if (errors > 0 || (failOnWarning && warnings > 0)) {
    throw new CommandError(output === 'json' ? '' : `${counted(errors, 'error')}, ${counted(warnings, 'warning')}`);
  }
}

function printProblems(io: Io, problems: readonly Problem[], files: number): void {
  for (const problem of problems) io.stdout(`${formatProblem(problem)}\n`);
  if (problems.length === 0) io.stdout(`${counted(files, 'file')} checked, no problems\n`);
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
