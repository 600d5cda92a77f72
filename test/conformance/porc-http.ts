import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runHttpCases } from './contract-http.ts';
import { reporter } from './report.ts';

/**
 * Runs the HTTP contract alone: `node test/conformance/porc-http.ts [--cases DIR] [--filter TEXT]`. Prints each failure and at
 * last `N passed, N failed`; exits with 1 if anything failed.
 */
const { values: options } = parseArgs({
  options: {
    cases: { type: 'string', default: join(import.meta.dirname, '../../../shared/conformance/porc') },
    filter: { type: 'string', default: '' },
  },
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
