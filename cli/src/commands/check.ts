import { CommandError, type Io } from '../io.ts';
import { openSources } from '../rego/evaluate.ts';
import { printProblems, ToolProblems } from '../rego/problems.ts';
import { printReport } from '../rego/report-json.ts';
import { problemsJson } from '../rego/results.ts';
import { loadSources, regoVersionOf, type SourceOptions } from '../rego/sources.ts';

export interface CheckOptions extends SourceOptions {
  readonly strict: boolean;
  readonly format: 'pretty' | 'json';
  readonly v0Compatible: boolean;
  readonly maxErrors: number;
}

/** `edict check`: everything that keeps policies from loading together. Exit code 1 if there is something. */
export async function checkRego(io: Io, options: CheckOptions): Promise<void> {
  const { strict, format, maxErrors } = options;
  try {
    const sources = await loadSources(options);
    openSources(sources, { strict, regoVersion: regoVersionOf(options) });
  } catch (error) {
    if (!(error instanceof ToolProblems)) throw error;
    const { problems } = error;
    if (format === 'pretty') io.stderr(printProblems(problems, maxErrors));
    else io.stderr(`${printReport({ errors: problemsJson(problems.slice(0, maxErrors)) })}\n`);
    throw new CommandError('');
  }
}
