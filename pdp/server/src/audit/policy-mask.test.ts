import { expect, test } from '@jest/globals';
import type { Serving } from '@edict/bundle';
import { numberFromText } from '@edict/rego/values';
import { ActiveSets } from '../active-sets.ts';
import { createDecisionCore } from '../core/decision-core.ts';
import type { ApiName } from '../core/session.ts';
import { stalledReader, useAudits } from '../testing/audits.ts';
import { until } from '../testing/conditions.ts';
import { craneDomain, liftRequest, SET } from '../testing/revisions.ts';
import { snapshotOf } from '../testing/snapshots.ts';

const anAudit = useAudits();
const SERVING: Serving = { documents: { policies: [] } };
const FORMATS = ['AccessRecord', 'DecisionLog'] as const;

const library = (mrn: string, rego: string) => ({ mrn, name: '', description: '', rego, dependencies: [] });

/** A core whose set has documents with this package `system.log`, and the records of what is decided with it. */
async function start(rego: string, settings: object = {}, format: (typeof FORMATS)[number] = 'DecisionLog') {
  const reader = stalledReader();
  reader.read();
  const { audit, valueOf, logs } = await anAudit(
    { sinks: [{ name: 'out', type: 'Stdout', format }], ...settings },
    '',
    { writeStdout: reader.write },
  );
  const sets = new ActiveSets();
  const libraries = [
    library('lib:loads', 'package loads\n\nfine { input.tons <= 5 }\n'),
    ...(rego === '' ? [] : [library('lib:log', `package system.log\n\n${rego}\n`)]),
  ];
  sets.swap({
    ...{ set: SET, setUid: 'uid', n: 1, digest: `sha256:${'ab'.repeat(32)}`, activatedAtMs: 0 },
    snapshot: snapshotOf([craneDomain(5, { libraries })], { serving: SERVING, unsafeBuiltins: [] }),
  });
  const core = createDecisionCore({ sets, audit: audit.sink });
  const session = (api: ApiName) => {
    const entry = core.enter({ api, instance: undefined });
    if (entry instanceof Promise || entry.kind !== 'entered') throw new Error('not entered');
    return entry.session;
  };
  const ask = async (input: unknown): Promise<Readonly<Record<string, unknown>>> => {
    const before = reader.lines.length;
    const one = session('opa');
    expect(await one.query({ path: ['loads', 'fine'], input })).toMatchObject({ kind: 'evaluated' });
    one.end();
    return await line(before);
  };
  const decide = async (tons: number): Promise<Readonly<Record<string, unknown>>> => {
    const before = reader.lines.length;
    const one = session('manetu');
    expect(await one.decide(liftRequest(tons), { probe: false })).toMatchObject({ allow: tons <= 5 });
    one.end();
    return await line(before);
  };
  const line = async (index: number): Promise<Readonly<Record<string, unknown>>> =>
    JSON.parse(await until(() => reader.lines[index])) as Readonly<Record<string, unknown>>;
  return { ask, decide, valueOf, logs };
}

test('a set says in data.system.log.mask what of its records is masked, as in OPA', async () => {
  const { ask } = await start(`
mask["/input/password"]
mask[{"op": "upsert", "path": "/input/card", "value": "****"}] { input.input.card }
mask["/result"] { input.path == "loads/fine"; input.input.tons > 5 }`);
  expect(await ask({ tons: 1, password: 'p', card: '1234' })).toMatchObject({
    input: { tons: 1, card: '****' },
    result: true,
    erased: ['/input/password'],
    masked: ['/input/card'],
  });
  const plain = await ask({ tons: 2 });
  expect(plain).toMatchObject({ input: { tons: 2 }, result: true });
  expect([plain['erased'], plain['masked']]).toStrictEqual([undefined, undefined]);
});

test.each(FORMATS)('it holds for PORCs too, in the form %s', async (format) => {
  const { decide } = await start('mask["/input/principal/sub"]', {}, format);
  const record = await decide(5);
  expect(record).toMatchObject({ erased: ['/input/principal/sub'] });
  expect(JSON.stringify(record)).not.toContain('"ada"');
});

test('masks of the settings come first, for the sets that they name', async () => {
  const masks = [
    { path: '/input/tons', sets: ['other/*'] },
    { path: '/input/secret', sets: ['harbour/*'] },
    { path: '/requested_by' },
  ];
  const { ask } = await start('', { masks });
  expect(await ask({ tons: 1, secret: 2 })).toMatchObject({ input: { tons: 1 }, erased: ['/input/secret'] });
});

test.each([
  ['that fails', 'mask = {"/input/a"} { input.input.tons }\nmask = {"/input/b"} { input.input.tons }'],
  ['that is no set of masks', 'mask = 7 { true }'],
  ['with a mask that is none', 'mask["/labels"] { true }'],
])('with a mask policy %s a record goes out without its content, and that is counted and logged', async (_n, rego) => {
  const { ask, valueOf, logs } = await start(rego);
  const record = await ask({ tons: 1, secret: 'secret' });
  expect(JSON.stringify(record)).not.toContain('secret');
  expect(record).not.toHaveProperty('input');
  expect(record).not.toHaveProperty('result');
  expect(record['erased']).toStrictEqual(expect.arrayContaining(['/input', '/result']));
  expect(await valueOf('pdp_audit_content_erased_total', { cause: 'policy' })).toBe(1);
  await ask({ tons: 1 });
  expect(logs.filter((line) => line.includes('cannot be masked'))).toHaveLength(1);
});

test.each([
  ['to be taken apart', 2_100],
  ['to be written', 500_000],
])('a record that is too deep %s goes out without its content', async (_name, levels) => {
  const { ask, valueOf } = await start('', { masks: [{ path: '/input/secret' }] });
  let deep: unknown = 'secret';
  for (let depth = 0; depth < levels; depth++) deep = [deep];
  // A number that a double does not hold makes the reader go through the text itself, with its bound on depth.
  const record = await ask({ tons: 1, deep, exact: numberFromText('1.50') });
  expect(JSON.stringify(record)).not.toContain('secret');
  expect(record).toMatchObject({ path: 'loads/fine', erased: expect.arrayContaining(['/input']) });
  expect(await valueOf('pdp_audit_content_erased_total', { cause: 'record' })).toBe(1);
});
