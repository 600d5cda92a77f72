import { formatProblem, isError, lintDomains } from '@edict/bundle';
import { locator, readDomainFiles } from '../domain-files.ts';
import { CommandError, counted, printJson, type Io, type OutputFormat } from '../io.ts';

export interface LintOptions {
  readonly file: readonly string[];
  readonly output: OutputFormat;
  readonly failOnWarning: boolean;
}

/** `edict lint`: every problem of every file, each with its place. Exit code 1 if there is an error. */
export async function lint(io: Io, { file: paths, output, failOnWarning }: LintOptions): Promise<void> {
  const { files, problems: unbuilt } = await readDomainFiles(paths);
  const problems = [...unbuilt, ...lintDomains(files).map(locator(files))];
  const errors = problems.filter(isError).length;
  const warnings = problems.length - errors;
  const summary = `${counted(paths.length, 'file')} checked: ${counted(errors, 'error')}, ${counted(warnings, 'warning')}`;
  if (output === 'json') printJson(io, { files: paths, errors, warnings, problems });
  else io.stdout([...problems.map(formatProblem), summary, ''].join('\n'));
  if (errors > 0 || (failOnWarning && warnings > 0)) throw new CommandError('');
}
