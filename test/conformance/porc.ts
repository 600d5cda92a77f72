import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parsePorc } from '@edict/engine';
import { readDecisionCases, readMapperCases } from './porc-cases.ts';
import { differences } from './porc-compare.ts';
import { CaseEngines } from './porc-engine.ts';
import { runInvalid } from './porc-invalid.ts';
import { decideAndPrint, mapperDifferences } from './porc-mapper.ts';
import type { DecisionCase } from './porc-cases.ts';
import { readArguments } from '../support/read-arguments.ts';

/**
 * Runs the reference engine's cases through ours: decisions, mappers, and verdicts on invalid domains (`--filter invalid`
 * runs just those): `node test/conformance/porc.ts [--cases DIR] [--records] [--filter TEXT]`. `--records` also compares
 * the access records.
 * Prints each failure with its difference and at last `N passed, N failed`; exits with 1 if anything failed.
 */
const options = readArguments(import.meta.filename, {
  cases: { type: 'string', default: join(import.meta.dirname, '../../../shared/conformance/porc') },
  records: { type: 'boolean', default: false },
  filter: { type: 'string', default: '' },
});
const dir = resolve(options.cases);
const tally = { passed: 0, failed: 0 };

if (existsSync(join(dir, 'cases'))) await run();
else {
  console.error(`no cases in ${dir}: name the folder that holds cases/ and domains/ with --cases`);
  process.exitCode = 1;
}

async function run(): Promise<void> {
  const engines = new CaseEngines(dir);
  for (const one of readDecisionCases(dir)) judge(one.id, () => decisionDifferences(engines, one));
  for (const one of readMapperCases(dir)) judge(one.id, () => mapperDifferences(engines, one, options.records));
  if (existsSync(join(dir, 'invalid.jsonl'))) await judgeInvalid();
  console.log(`${String(tally.passed)} passed, ${String(tally.failed)} failed`);
  if (tally.failed > 0) process.exitCode = 1;
}

/** The linter's and loader's verdicts come as a whole; a filter leaves them out unless it asks for them. */
async function judgeInvalid(): Promise<void> {
  if (options.filter !== '' && !options.filter.startsWith('invalid')) return;
  const { passed, failed } = await runInvalid(dir);
  tally.passed += passed;
  tally.failed += failed.length;
  for (const { id, why } of failed) console.log(`FAIL invalid/${id}\n  ${why}`);
}

function judge(id: string, differ: () => readonly string[]): void {
  if (!id.includes(options.filter)) return;
  let found: readonly string[];
  try {
    found = differ();
  } catch (error) {
    found = [`threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
  }
  if (found.length === 0) tally.passed++;
  else {
    tally.failed++;
    console.log(`FAIL ${id}\n  ${found.join('\n  ')}`);
  }
}

function decisionDifferences(engines: CaseEngines, { porcText, expect, ...setup }: DecisionCase): readonly string[] {
  const parsed = parsePorc(porcText);
  if (!parsed.ok) return [`PORC refused: ${parsed.message}`];
  return differences(expect, decideAndPrint(engines.engineFor(setup), parsed.porc), options.records);
}
