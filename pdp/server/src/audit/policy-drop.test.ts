import { expect, test } from '@jest/globals';
import { ActiveSets } from '../active-sets.ts';
import { createDecisionCore } from '../core/decision-core.ts';
import type { ApiName } from '../core/session.ts';
import { stalledReader, useAudits } from '../testing/audits.ts';
import { until } from '../testing/conditions.ts';
import { craneDomain, liftRequest, SET } from '../testing/revisions.ts';
import { snapshotOf } from '../testing/snapshots.ts';

const anAudit = useAudits();

/** A core whose set has documents with this package `system.log`, and the records of what is decided with it. */
async function start(rego: string) {
  const reader = stalledReader();
  reader.read();
  const { audit, valueOf, logs } = await anAudit({ sinks: [{ name: 'out', type: 'Stdout' }] }, '', {
    writeStdout: reader.write,
  });
  const libraries = [
    { mrn: 'lib:log', name: '', description: '', dependencies: [], rego: `package system.log\n\n${rego}\n` },
  ];
  const sets = new ActiveSets();
  sets.swap({
    ...{ set: SET, setUid: 'uid', n: 1, digest: `sha256:${'ab'.repeat(32)}`, activatedAtMs: 0 },
    snapshot: snapshotOf([craneDomain(5, { libraries })], { serving: { documents: { policies: [] } } }),
  });
  const core = createDecisionCore({ sets, audit: audit.sink });
  const session = (api: ApiName) => {
    const entry = core.enter({ api, instance: undefined });
    if (entry instanceof Promise || entry.kind !== 'entered') throw new Error('not entered');
    return entry.session;
  };
  const decide = async (tons: number): Promise<void> => {
    const one = session('manetu');
    expect(await one.decide(liftRequest(tons), { probe: false })).toMatchObject({ kind: 'decided', allow: tons <= 5 });
    one.end();
  };
  const ask = async (input: unknown): Promise<void> => {
    const one = session('opa');
    expect(await one.query({ path: ['system', 'log', 'drop'], input })).toMatchObject({ kind: 'evaluated' });
    one.end();
  };
  const drops = (outcome: string): Promise<number> => valueOf('pdp_audit_policy_drops_total', { outcome });
  return { decide, ask, drops, logs, lines: reader.lines };
}

test('a set says in data.system.log.drop which records are not wanted, as in OPA', async () => {
  const { decide, ask, drops, lines } = await start(`drop { input.result == true; input.path == "porc/decision" }
drop { input.input.quiet }`);
  await decide(5);
  await decide(6);
  await ask({ quiet: true });
  await ask({ quiet: false });
  await until(() => lines.length === 2);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { decision: 'DENY' },
    { path: 'system/log/drop', input: { quiet: false } },
  ]);
  expect(await drops('dropped')).toBe(2);
});

test.each([
  ['fails', 'drop = true { input.result }\ndrop = 1 { input.result }', 1],
  ['is something else than true', 'drop = "yes" { true }', 0],
  ['is false', 'drop = false { true }', 0],
])('where it %s the record is kept', async (_name, rego, failures) => {
  const { decide, drops, logs, lines } = await start(rego);
  await decide(5);
  await decide(5);
  await until(() => lines.length === 2);
  expect([await drops('dropped'), await drops('failed')].map(Number)).toStrictEqual([0, 2 * failures]);
  expect(logs.filter((line) => line.includes('it is kept'))).toHaveLength(failures);
});
