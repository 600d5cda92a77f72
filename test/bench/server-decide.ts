/**
 * Measures decisions over HTTP against a whole PDP process on this machine, which serves a revision from its disk:
 * `node test/bench/server-decide.ts [--seconds N] [--connections N] [--probe] [--cpu-prof DIR]`. Prints requests per second,
 * latencies as the clients see them, and the PDP's CPU per request; nothing is asserted, because machines differ.
 */
import { quantile } from '../support/figures.ts';
import { domainOf, startPdpFromDisk } from '../support/pdp-from-disk.ts';
import { loadWith, type Question } from './server/http-load.ts';
import { cpuSecondsOf } from './server/process-figures.ts';
import { readArguments } from '../support/read-arguments.ts';

const DOMAIN = `
apiVersion: edict.dev/v1beta1
kind: PolicyDomain
metadata: {name: library}
spec:
  policies:
    - {mrn: door, rego: "package authz\\ndefault allow = 0\\nallow = -1 { not input.principal.sub }"}
    - mrn: reader
      rego: |
        package authz
        default allow = false
        allow { input.principal.mannotations.shelves[_] == input.resource.annotations.shelf }
    - {mrn: anyone, rego: "package authz\\ndefault allow = true"}
  roles:
    - {mrn: member, policy: reader, annotations: [{name: shelves, value: [history, maps]}]}
  resource-groups:
    - {mrn: books, default: true, policy: anyone, annotations: [{name: shelf, value: maps}]}
  operations:
    - {name: all, selector: ['book:.*'], policy: door}
`;
const options = readArguments(import.meta.filename, {
  seconds: { type: 'string', default: '5' },
  connections: { type: 'string', default: '16' },
  probe: { type: 'boolean', default: false },
  'cpu-prof': { type: 'string' },
});

const question: Question = {
  path: `/decision${options.probe ? '?probe=true' : ''}`,
  body: JSON.stringify({
    principal: { sub: 'ada', mroles: ['member'] },
    operation: 'book:open',
    resource: 'mrn:book:1',
  }),
  check: (answer) => {
    if (answer !== '{"allow":true}\n') throw new Error(`unexpected answer: ${answer}`);
  },
};
const profile = options['cpu-prof'];
const pdp = await startPdpFromDisk([{ set: 'bench/library', domains: [domainOf(DOMAIN)] }], {
  // A file, as a container's log would be read: records are rendered and written, and nobody is slow.
  outputFile: '/dev/null',
  nodeArgs: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`],
});
try {
  const { pid = 0 } = pdp.process;
  const load = { url: pdp.url, connections: Number(options.connections) };
  await loadWith([question], { ...load, seconds: 1 }); // lets the PDP compile what it runs often
  const before = cpuSecondsOf(pid);
  const { requests, seconds, latencies, wrong } = await loadWith([question], {
    ...load,
    seconds: Number(options.seconds),
  });
  const cpu = cpuSecondsOf(pid) - before;
  if (wrong !== undefined) throw new Error(wrong);
  const micros = (share: number): string => `${(quantile(latencies, share) * 1000).toFixed(0)} µs`;
  console.log(
    [
      `${Math.round(requests / seconds).toLocaleString('en')} requests/s over ${options.connections} connections`,
      `p50 ${micros(0.5)}, p99 ${micros(0.99)}`,
      `${((cpu / requests) * 1e6).toFixed(1)} µs CPU per request`,
    ].join('; '),
  );
} finally {
  await pdp.stop();
}
