import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { decide, parsePorc, renderAccessRecord, systemClock } from '@edict/engine';
import { runCliCases } from './contract-cli.ts';
import { runEnvoyCases } from './contract-envoy.ts';
import { runHttpCases } from './contract-http.ts';
import { rawMember, readMapperCases } from './porc-cases.ts';
import { CaseEngines } from './porc-engine.ts';
import { mapperDifferences } from './porc-mapper.ts';
import { reporter } from './report.ts';
import { readArguments } from '../support/read-arguments.ts';

/**
 * Runs the reference engine's contract: HTTP, Envoy, command line, mappers, and access records as they are printed:
 * `node test/conformance/contract.ts [--cases DIR] [--filter TEXT]`. Where we mean to differ, the runners say so and why.
 * Prints each failure and at last `N passed, N failed`; exits with 1 if anything failed.
 */
const options = readArguments(import.meta.filename, {
  cases: { type: 'string', default: join(import.meta.dirname, '../../../shared/conformance/porc') },
  filter: { type: 'string', default: '' },
});
// The folder of the contract itself is taken for the one around it, which holds the domains too.
const named = resolve(options.cases);
const dir = basename(named) === 'contract' && existsSync(join(named, 'http.jsonl')) ? dirname(named) : named;
const { filter } = options;
const { report, finish } = reporter();

if (existsSync(join(dir, 'contract'))) {
  await runHttpCases(dir, filter, report);
  await runEnvoyCases(dir, filter, report);
  await runCliCases(dir, filter, report);
  runMapperCases();
  runRecordSamples();
  finish();
} else {
  console.error(`no contract in ${dir}: name the folder that holds contract/ and domains/ with --cases`);
  process.exitCode = 1;
}

function runMapperCases(): void {
  const engines = new CaseEngines(dir);
  for (const one of readMapperCases(dir)) {
    if (one.id.includes(filter)) report(one.id, mapperDifferences(engines, one, true));
  }
}

/** Compares access records byte for byte, but for what differs from run to run. */
function runRecordSamples(): void {
  const engines = new CaseEngines(dir);
  for (const line of readFileSync(join(dir, 'contract', 'access-record-samples.jsonl'), 'utf8')
    .trim()
    .split('\n')) {
    const sample = JSON.parse(line) as {
      readonly id: string;
      readonly domains: readonly string[];
      readonly stdoutLine: string;
    };
    if (!sample.id.includes(filter)) continue;
    const { snapshot } = engines.engineFor({ domains: sample.domains, args: [], env: {}, config: undefined });
    const parsed = parsePorc(rawMember(line, 'porc'));
    if (!parsed.ok) {
      report(sample.id, [`PORC refused: ${parsed.message}`]);
      continue;
    }
    const { record } = decide(snapshot, parsed.porc, { clock: systemClock, newId: () => 'id' });
    const ours = withoutVariables(record === undefined ? '' : renderAccessRecord(record));
    const theirs = withoutVariables(sample.stdoutLine);
    report(sample.id, ours === theirs ? [] : [`printed ${ours}`, `expected ${theirs}`]);
  }
}

/** A printed record without times and its id. */
function withoutVariables(line: string): string {
  return line
    .replaceAll(/"duration":"\d+",/g, '')
    .replace(/"duration":\{.*?\}\}/, '"duration":{}')
    .replace(/"id":"[^"]*","timestamp":"[^"]*"/, '"id":"","timestamp":""');
}
