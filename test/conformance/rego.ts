/**
 * Runs OPA's conformance cases through our compiler.
 *
 *   node test/conformance/rego.ts [--cases DIR] [--category NAME] [--grep TEXT] [--list N] [--summary] [--known FILE]
 *
 * DIR holds files `<category>.json` of `{kind, rego_version, category, cases}`. A category may be given as
 * `NAME`, `v0.NAME` or `compile.NAME`. Prints `N passed, N failed`, the first failures, and with --summary how many each
 * category has; exits with 1 if anything failed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { judgeCase, type RegoCase } from './rego-judge.ts';
import { parseJson } from '../../pdp/rego/src/runtime/json.ts';
import { readArguments } from '../support/read-arguments.ts';

const options = readArguments(import.meta.filename, {
  cases: { type: 'string', default: join(import.meta.dirname, '../../../shared/conformance/rego/cases') },
  category: { type: 'string' },
  grep: { type: 'string', default: '' },
  list: { type: 'string', default: '20' },
  summary: { type: 'boolean', default: false },
  /** Ids of cases that still fail, one a line: they count for nothing, but one that passes fails until it is taken out. */
  known: { type: 'string' },
});
const dir = resolve(options.cases);
const limit = Number(options.list);

interface CaseFile {
  readonly cases: readonly RegoCase[];
}

if (existsSync(dir)) run();
else {
  console.error(`no cases in ${dir}: name the folder that holds <category>.json with --cases`);
  process.exitCode = 1;
}

function readKnown(file: string | undefined): ReadonlySet<string> {
  if (file === undefined) return new Set();
  return new Set(
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
}

function run(): void {
  const known = readKnown(options.known);
  let stillFailing = 0;
  let passed = 0;
  let failed = 0;
  const byCategory = new Map<string, number>();
  for (const file of readdirSync(dir).sort()) {
    if (!file.endsWith('.json')) continue;
    const category = file.slice(0, -'.json'.length);
    if (options.category !== undefined && category !== options.category) continue;
    for (const one of readCases(join(dir, file))) {
      if (!`${one.case_id} ${one.note}`.includes(options.grep)) continue;
      const found = judge(one);
      if (found !== undefined && known.has(one.case_id)) {
        stillFailing++;
        console.log(`known to fail: ${one.case_id} (${one.note})`);
        continue;
      }
      const problem =
        found === undefined && known.has(one.case_id) ? `passes now: take it out of ${options.known ?? ''}` : found;
      if (problem === undefined) passed++;
      else {
        failed++;
        byCategory.set(category, (byCategory.get(category) ?? 0) + 1);
        if (failed <= limit) console.log(`FAIL ${one.case_id} (${one.note})\n  ${problem}`);
      }
    }
  }
  if (options.summary) for (const [category, count] of byCategory) console.log(`${category}: ${String(count)}`);
  if (stillFailing > 0) console.log(`${String(stillFailing)} known to fail`);
  console.log(`${String(passed)} passed, ${String(failed)} failed`);
  if (failed > 0) process.exitCode = 1;
}

function judge(one: RegoCase): string | undefined {
  try {
    return judgeCase(one);
  } catch (error) {
    return `threw ${error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 4).join('\n') : String(error)}`;
  }
}

/** Reads with a parser that keeps the text of numbers. */
function readCases(file: string): readonly RegoCase[] {
  const parsed = parseJson(readFileSync(file, 'utf8'));
  if (!parsed.ok) throw new Error(`${file}: ${parsed.problem.message}`);
  return (parsed.value as CaseFile).cases;
}
