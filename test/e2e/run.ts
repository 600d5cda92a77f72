import { readdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runJest } from '../support/run-jest.ts';

const USAGE = `npm run test:e2e -- [--only NAME]... [--list] [-- JEST-ARGUMENTS]
  Installs the chart with the images of this tree on a real one-node cluster and tries it, scenario by scenario; needs root.
  --only NAME  only the scenarios whose name contains it; may be given several times
  --list       prints the names of all scenarios`;
const WRONG_USAGE = 2;
const SUFFIX = '.test.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const scenarios = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(SUFFIX))
  .map((name) => name.slice(0, -SUFFIX.length))
  .sort();
const unknown = values.only.filter((name) => !scenarios.some((scenario) => scenario.includes(name)));

if (values.help) console.log(USAGE);
else if (values.list) console.log(scenarios.join('\n'));
else if (unknown.length > 0) {
  console.error(`no scenario is named ${unknown.join(' or ')}; there are:\n  ${scenarios.join('\n  ')}`);
  process.exitCode = WRONG_USAGE;
} else {
  const chosen = scenarios.filter((scenario) => values.only.some((name) => scenario.includes(name)));
  const patterns = chosen.flatMap((scenario) => ['--testPathPatterns', `/${scenario}[.]test[.]ts$`]);
  process.exitCode = await runJest(path.join(import.meta.dirname, 'jest.config.js'), [...patterns, ...positionals]);
}
