import { createProgram } from '../../cli/src/program.ts';
import { cliPage } from './cli-page.ts';
import { conditionsPage } from './conditions-page.ts';

/** Pages below docs/ that are made from the code, by file name. */
export function generatedPages(): ReadonlyMap<string, string> {
  return new Map([
    ['cli.md', cliPage(describedProgram())],
    ['conditions.md', conditionsPage()],
  ]);
}

/** The command tree, of which nothing is run. */
function describedProgram(): ReturnType<typeof createProgram> {
  const io = {
    stdout: () => undefined,
    stderr: () => undefined,
    stdin: () => Promise.resolve(Buffer.alloc(0)),
    isTerminal: false,
    columns: 100,
    interrupted: () => new AbortController().signal,
  };
  return createProgram(io, {}, 'edict');
}
