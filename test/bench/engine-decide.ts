/**
 * Measures one decision, in nanoseconds of CPU-bound wall time on this thread:
 * `node test/bench/engine-decide.ts [--seconds N]`. Prints the best of several rounds for each way of deciding; nothing
 * is asserted, because machines differ.
 */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { readDomain } from '@edict/bundle';
import {
  compileSourcedSnapshot,
  decide,
  loadSnapshot,
  parsePorc,
  renderAccessRecord,
  systemClock,
} from '@edict/engine';
import type { DecideContext, Snapshot } from '@edict/engine';

const domain = `
apiVersion: edict.dev/v1beta1
kind: PolicyDomain
metadata: {name: harbour}
spec:
  policies:
    - mrn: gate
      rego: |
        package authz
        default allow = 0
        allow = -1 { not input.principal.sub }
    - mrn: crew
      rego: |
        package authz
        default allow = false
        allow { grants[_] == action }
        action = split(input.operation, ":")[1]
        grants = input.principal.mannotations.grants
    - mrn: berth
      rego: |
        package authz
        default allow = false
        allow { input.resource.annotations.tier <= input.principal.mannotations.tier }
    - mrn: anyone
      rego: |
        package authz
        default allow = true
  roles:
    - {mrn: sailor, policy: crew, annotations: [{name: grants, value: [read]}]}
    - {mrn: pilot, policy: crew, annotations: [{name: grants, value: [read, moor], merge: union}, {name: tier, value: 3}]}
    - {mrn: guest, policy: anyone}
  groups:
    - {mrn: watch, roles: [pilot], annotations: [{name: grants, value: [log]}]}
  scopes:
    - {mrn: deck, policy: anyone}
  resource-groups:
    - {mrn: piers, policy: berth, annotations: [{name: tier, value: 2}]}
    - {mrn: quay, default: true, policy: anyone}
  resources:
    - {name: pier, selector: ['mrn:pier:.*'], group: piers}
  operations:
    - {name: ship, selector: ['ship:.*'], policy: gate}
    - {name: rest, selector: ['.*'], policy: gate}
`;

const requests: Readonly<Record<string, object>> = {
  'one role, descriptor': {
    principal: { sub: 'ada', mroles: ['guest'] },
    operation: 'ship:read',
    resource: { id: 'mrn:quay:1', group: 'quay' },
  },
  'group, scope, merged annotations, MRN': {
    principal: { sub: 'ada', mrealm: 'north', mroles: ['sailor'], mgroups: ['watch'], scopes: ['deck'] },
    operation: 'ship:moor',
    resource: 'mrn:pier:7',
    context: { ip: '192.0.2.7', tls: true, headers: { accept: 'text/plain', host: 'harbour.example' } },
  },
  'denied without a principal': { operation: 'ship:read', resource: 'mrn:pier:7' },
};

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '0.4' } } });
const roundMs = Number(values.seconds) * 1000;

const snapshot = load();
const context: DecideContext = {
  clock: systemClock,
  newId: randomUUID,
  revision: { set: 's', revision: 1, digest: 'd' },
};
const probing: DecideContext = { ...context, probe: true };
const brief: DecideContext = { ...context, includeAll: false };

for (const [name, porc] of Object.entries(requests)) {
  const text = JSON.stringify(porc);
  const bytes = Buffer.from(text);
  console.log(`${name}: ${decide(snapshot, porc, probing).allow ? 'GRANT' : 'DENY'}`);
  report('parse', () => parsePorc(bytes).ok);
  report('probe', () => decide(snapshot, porc, probing).allow);
  report('decide, record of the deciding phases', () => decide(snapshot, porc, brief).allow);
  report('decide, record of all phases', () => decide(snapshot, porc, context).allow);
  report('decide and render', () => rendered(porc) > 0);
  report('parse, decide and render', () => {
    const parsed = parsePorc(bytes);
    return parsed.ok && rendered(parsed.porc) > 0;
  });
}

function rendered(porc: object): number {
  const { record } = decide(snapshot, porc, context);
  return record === undefined ? 0 : renderAccessRecord(record).length;
}

function report(name: string, action: () => boolean): void {
  let best = Infinity;
  for (let round = 0; round < 4; round++) best = Math.min(best, nanosecondsOf(action));
  const perSecond = Math.round(1e9 / best).toLocaleString('en');
  console.log(`  ${name.padEnd(40)} ${best.toFixed(0).padStart(8)} ns  ${perSecond.padStart(12)} /s`);
}

function nanosecondsOf(action: () => boolean): number {
  const batch = 1_000;
  let runs = 0;
  let sink = 0;
  const start = performance.now();
  let elapsed = 0;
  while (elapsed < roundMs) {
    for (let index = 0; index < batch; index++) sink += action() ? 1 : 2;
    runs += batch;
    elapsed = performance.now() - start;
  }
  if (sink === 0) throw new Error('nothing ran');
  return (elapsed * 1e6) / runs;
}

function load(): Snapshot {
  const read = readDomain(domain, 'harbour.yaml');
  if (!read.ok) throw new Error(read.problems.map(({ message }) => message).join('\n'));
  const result = compileSourcedSnapshot([read]);
  if (!result.ok) throw new Error(result.problems.map(({ mrn, message }) => `${mrn ?? ''}: ${message}`).join('\n'));
  return loadSnapshot(result.compiled);
}
