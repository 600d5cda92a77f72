import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * The part of `.ci/run` that follows `npm test`: the static checks, the browser tests, the container tests and the end-to-end tests, all of them
 * whatever the earlier ones said. Prints the tally of both parts as its last line, from the lines "passed failed suite" that
 * each suite adds to `EDICT_TALLY_FILE`.
 */
const root = path.resolve(import.meta.dirname, '..');
const scratch = mkdtempSync(path.join(tmpdir(), 'edict-ci-'));
const tallyFile = process.env['EDICT_TALLY_FILE'] ?? path.join(scratch, 'tally');

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** One thing that either holds or does not. */
function runCheck(name: string, command: readonly string[]): void {
  const status = run(name, command);
  record(name, status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });
}

/** A jest configuration. A run that ends badly without a failed test counts as one failure. */
function runJest(name: string, config: string): void {
  const output = path.join(scratch, `${name}.json`);
  const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js'];
  const status = run(name, [process.execPath, ...jest, '-c', config, '--ci', '--json', `--outputFile=${output}`]);
  const counts = readCounts(output);
  record(name, status !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts);
}

function run(name: string, command: readonly string[]): number {
  process.stdout.write(`\n=== ${name}\n`);
  const started = performance.now();
  const [program = '', ...args] = command;
  // Jest's report and the figures go to stderr; the JSON on its stdout is in the file already.
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    stdio: ['ignore', args.includes('--json') ? 'ignore' : 'inherit', 'inherit'],
  });
  if (error !== undefined) process.stderr.write(`${program}: ${error.message}\n`);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  process.stdout.write(`${name}: exit code ${status ?? 'none'} after ${seconds} s\n`);
  return status ?? 1;
}

/** Tests that were skipped count as failures: nothing is left out here. */
function readCounts(file: string): Counts {
  if (!existsSync(file)) return { passed: 0, failed: 1 };
  const result = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly numPassedTests: number;
    readonly numFailedTests: number;
    readonly numPendingTests: number;
    readonly numRuntimeErrorTestSuites: number;
  };
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites + result.numPendingTests;
  return { passed: result.numPassedTests, failed };
}

function record(name: string, counts: Counts): void {
  appendFileSync(tallyFile, `${counts.passed} ${counts.failed} ${name}\n`);
}

runCheck('check', ['npm', 'run', '-s', 'check']);
runJest('browser', 'test/browser/jest.config.js');
runJest('containers', 'test/containers/jest.config.js');
runJest('e2e', 'test/e2e/jest.config.js');

process.stdout.write('\n');
let total: Counts = { passed: 0, failed: 0 };
const seen = new Set<string>();
for (const line of readFileSync(tallyFile, 'utf8').trim().split('\n')) {
  const [passed, failed, name = ''] = line.split(' ');
  process.stdout.write(`${name}: ${passed ?? 0} passed, ${failed ?? 0} failed\n`);
  total = { passed: total.passed + Number(passed), failed: total.failed + Number(failed) };
  seen.add(name);
}
// Without its line, `npm test` did not get as far as its first suite.
if (!seen.has('unit')) total = { ...total, failed: total.failed + 1 };
rmSync(scratch, { recursive: true, force: true });
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
