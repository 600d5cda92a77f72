// npm test: installs what is missing, then runs every suite that needs no cluster node and prints one tally.
// Suites that fail do not stop the others. With EDICT_TALLY_FILE set, "<passed> <failed> <suite>" is added to that file.
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { install, pinnedEnvironment, root } from './bootstrap.mjs';

const USAGE = `npm test -- [--only NAME]... [--list]
  Suites: unit (with properties and simulation), conformance-porc,
  conformance-contract, conformance-opa, conformance-envoy, conformance-authzen,
  conformance-rego, conformance-verdicts, fuzz-http, integration.
  Conformance cases are read from ../shared/conformance or EDICT_CONFORMANCE_DIR.`;

const args = process.argv.slice(2);
if (args.includes('--help')) {
  console.log(USAGE);
  process.exit(0);
}
const only = args.flatMap((arg, i) => (args[i - 1] === '--only' ? [arg] : []));
const conformance = resolve(root, process.env.EDICT_CONFORMANCE_DIR ?? '../shared/conformance');

install();
const scratch = mkdtempSync(join(tmpdir(), 'edict-test-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const jest = (name, ...rest) => ({
  name,
  command: ['node', '--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', ...rest],
  jest: true,
});
const suites = [
  jest('unit'),
  {
    name: 'conformance-porc',
    needs: join(conformance, 'porc'),
    command: ['node', 'test/conformance/porc.ts', '--records', '--cases', join(conformance, 'porc')],
  },
  {
    name: 'conformance-contract',
    needs: join(conformance, 'porc'),
    command: ['node', 'test/conformance/contract.ts', '--cases', join(conformance, 'porc')],
  },
  { name: 'conformance-opa', command: ['node', 'test/conformance/opa-api.ts'] },
  {
    name: 'conformance-envoy',
    needs: join(conformance, 'envoy'),
    command: ['node', 'test/conformance/envoy.ts', '--cases', join(conformance, 'envoy')],
  },
  {
    name: 'conformance-authzen',
    needs: join(conformance, 'authzen'),
    command: ['node', 'test/conformance/authzen.ts', '--cases', join(conformance, 'authzen')],
  },
  {
    name: 'conformance-rego',
    needs: join(conformance, 'rego'),
    command: [
      'node',
      'test/conformance/rego.ts',
      '--known',
      'test/conformance/rego-known-failures.txt',
      '--cases',
      join(conformance, 'rego', 'cases'),
    ],
  },
  {
    name: 'conformance-verdicts',
    needs: join(conformance, 'rego'),
    command: ['node', 'test/conformance/rego-verdicts.ts', '--cases', join(conformance, 'rego', 'verdicts.json')],
  },
  // One seed: a tree that passed passes again. Another one each time is for whoever looks for faults, by hand.
  { name: 'fuzz-http', command: ['node', 'test/fuzz/http.ts', '--seed', '1'] },
  jest('integration', '-c', 'test/integration/jest.config.js'),
];
const names = suites.map((suite) => suite.name);
if (args.includes('--list')) {
  console.log(names.join('\n'));
  process.exit(0);
}
for (const name of only) {
  if (!names.includes(name)) {
    console.error(`no suite named ${name}; there are: ${names.join(', ')}`);
    process.exit(2);
  }
}

let passed = 0;
let failed = 0;
const report = (name, good, bad) => {
  passed += good;
  failed += bad;
  if (process.env.EDICT_TALLY_FILE) appendFileSync(process.env.EDICT_TALLY_FILE, `${good} ${bad} ${name}\n`);
};

for (const suite of suites) {
  if (only.length > 0 && !only.includes(suite.name)) continue;
  console.log(`\n=== ${suite.name}`);
  if (suite.needs !== undefined && !existsSync(suite.needs)) {
    console.error(
      `${suite.name}: no cases at ${suite.needs}. Set EDICT_CONFORMANCE_DIR to the folder that holds them.`,
    );
    if (process.env.CI) report(suite.name, 0, 1);
    continue;
  }
  const output = join(scratch, `${suite.name}.json`);
  const [command, ...rest] = suite.command;
  const run = spawnSync(command, suite.jest ? [...rest, '--json', `--outputFile=${output}`] : rest, {
    cwd: root,
    env: pinnedEnvironment(),
    // Jest reports on stderr; its JSON on stdout is in the file already.
    stdio: suite.jest ? ['ignore', 'ignore', 'inherit'] : ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const counts = suite.jest ? jestCounts(output) : lastTally(run.stdout ?? '');
  if (!suite.jest) process.stdout.write(run.stdout ?? '');
  const bad = counts.failed === 0 && run.status !== 0 ? 1 : counts.failed;
  console.log(`${suite.name}: ${counts.passed} passed, ${bad} failed`);
  report(suite.name, counts.passed, bad);
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** A suite whose file cannot even be loaded has no failed test of its own: it counts as one. */
function jestCounts(file) {
  if (!existsSync(file)) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(readFileSync(file, 'utf8'));
  return { passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites };
}

function lastTally(text) {
  const match = [...text.matchAll(/^(\d+) passed, (\d+) failed/gm)].at(-1);
  return match === undefined ? { passed: 0, failed: 1 } : { passed: Number(match[1]), failed: Number(match[2]) };
}
