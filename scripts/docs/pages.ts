import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { createProgram } from '../../cli/src/program.ts';
import { cliPage } from './cli-page.ts';
import { conditionsPage } from './conditions-page.ts';
import { doctorPage } from './doctor-page.ts';
import { resourcesPage } from './resources-page.ts';
import { withValuesTable, type ValueSchema } from './values-table.ts';

/** Pages below docs/ that are made from the code, by file name. */
export function generatedPages(): ReadonlyMap<string, string> {
  return new Map([
    ['cli.md', cliPage(describedProgram())],
    ['conditions.md', conditionsPage()],
    ['api/resources.md', resourcesPage()],
    ['doctor.md', doctorPage()],
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

/** helm/README.md with the table of the chart's values as they are. */
export function chartPage(): string {
  const read = (file: string): string => readFileSync(new URL(`../../helm/${file}`, import.meta.url), 'utf8');
  return withValuesTable(
    read('README.md'),
    JSON.parse(read('values.schema.json')) as ValueSchema,
    load(read('values.yaml')),
  );
}
