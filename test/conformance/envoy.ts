import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { libraryDomain, startPdpFromDisk } from '../support/pdp-from-disk.ts';
import { GrpcClient } from '../support/envoy-client.ts';
import { runEnvoyCases } from './contract-envoy.ts';
import { runPluginCases } from './envoy/plugin-cases.ts';
import { runSkipperCases } from './envoy/skipper-cases.ts';
import { reporter } from './report.ts';
import { readArguments } from '../support/read-arguments.ts';

/**
 * Asks a whole PDP process over gRPC what recorded programs were asked, and compares the answers:
 * `node test/conformance/envoy.ts [--cases DIR] [--porc DIR] [--filter TEXT]`. DIR holds the cases of the OPA-Envoy plugin and
 * of Skipper's filter and the policy that both were recorded with; --porc names the reference engine's contract. Where we mean to
 * differ, the runners say so and why. Prints each failure and at last `N passed, N failed`; exits with 1 if anything failed.
 */
const options = readArguments(import.meta.filename, {
  cases: { type: 'string', default: join(import.meta.dirname, '../../../shared/conformance/envoy') },
  porc: { type: 'string' },
  filter: { type: 'string', default: '' },
});
const dir = resolve(options.cases);
const porc = resolve(options.porc ?? join(dir, '../porc'));
const { filter } = options;

if (!existsSync(join(dir, 'opa-envoy-check-cases.json'))) {
  console.error(`no Envoy cases in ${dir}: name their folder with --cases`);
  process.exit(1);
}

const { report, finish } = reporter();
const policy = libraryDomain('cases', { cases: readFileSync(join(dir, 'opa-envoy-policy.rego'), 'utf8') });
const pdp = await startPdpFromDisk([
  { set: 'conformance/safe', domains: [policy], serving: { documents: {}, envoy: { result: 'Rule' } } },
  {
    set: 'conformance/plugin',
    domains: [policy],
    serving: { documents: {}, envoy: { result: 'Rule', unreadable: 'Error' } },
  },
]);
const client = new GrpcClient(`127.0.0.1:${pdp.grpcPort}`);
try {
  await runPluginCases(join(dir, 'opa-envoy-check-cases.json'), client, filter, report);
  await runSkipperCases(join(dir, 'skipper-opa-cases.json'), client, filter, report);
} finally {
  client.close();
  await pdp.stop();
}
await runEnvoyCases(porc, filter, report);
finish();
