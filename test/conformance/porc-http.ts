import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runHttpCases } from './contract-http.ts';
import { reporter } from './report.ts';
import { readArguments } from '../support/read-arguments.ts';

/**
 * Runs the HTTP contract alone: `node test/conformance/porc-http.ts [--cases DIR] [--filter TEXT]`. Prints each failure and at
 * last `N passed, N failed`; exits with 1 if anything failed.
 */
const options = readArguments(import.meta.filename, {
  cases: { type: 'string', default: join(import.meta.dirname, '../../../shared/conformance/porc') },
  filter: { type: 'string', default: '' },
});
const dir = resolve(options.cases);

if (existsSync(join(dir, 'contract', 'http.jsonl'))) {
  const { report, finish } = reporter();
  await runHttpCases(dir, options.filter, report);
  finish();
} else {
  console.error(`no HTTP cases in ${dir}: name the folder that holds contract/http.jsonl and domains/ with --cases`);
  process.exitCode = 1;
}
