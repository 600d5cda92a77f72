import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { AuditContext } from '../core/audit-sink.ts';
import { stalledReader, useAudits } from '../testing/audits.ts';
import { until } from '../testing/conditions.ts';
import { aDecision, CONTEXT } from '../testing/decisions.ts';
import { fillableDisk } from '../testing/failing-files.ts';
import { useFolders } from '../testing/folders.ts';

const newFolder = useFolders();
const anAudit = useAudits();

const stdout = (over: object = {}): object => ({ sinks: [{ name: 'stdout', type: 'Stdout', ...over }] });
const idsOf = (lines: readonly string[]): string[] =>
  lines.map((line) => (JSON.parse(line) as { readonly decision_id: string }).decision_id);

/** A record of about 1,100 bytes. */
const large = (id: string) => aDecision({ id, input: 'x'.repeat(800) });

test('by default a stalled reader stops no decision: what does not fit is dropped and counted', async () => {
  const reader = stalledReader();
  const lost: number[] = [];
  const { audit, valueOf } = await anAudit(stdout({ queue: { maxBytes: 2048 } }), '', {
    writeStdout: reader.write,
    onLost: (records) => lost.push(records),
  });
  for (const id of ['1', '2', '3', '4']) {
    expect([audit.sink.room(CONTEXT), audit.sink.record(large(id), CONTEXT)]).toStrictEqual([true, undefined]);
  }
  expect(await valueOf('pdp_decisions_unlogged_total', { sink: 'stdout', reason: 'queue-full' })).toBe(2);
  expect(await valueOf('pdp_audit_queue_records')).toBe(2);
  expect(lost).toStrictEqual([1, 1]);
  reader.read();
  await until(() => reader.lines.length === 2);
  expect(idsOf(reader.lines)).toStrictEqual(['1', '2']);
  expect(await valueOf('pdp_audit_delivered_records_total')).toBe(2);
});

test('with Block no decision is given while there is no room, and again once there is', async () => {
  const reader = stalledReader();
  const { audit } = await anAudit(stdout({ queue: { maxRecords: 1, onFull: 'Block' } }), '', {
    writeStdout: reader.write,
  });
  expect(audit.sink.room(CONTEXT)).toBe(true);
  void audit.sink.record(large('1'), CONTEXT);
  expect(audit.sink.room(CONTEXT)).toBe(false);
  reader.read();
  await until(() => audit.sink.room(CONTEXT) === true);
});

test('with Block a decision may wait for room: it is let in when there is some, or refused when time is up', async () => {
  const reader = stalledReader();
  const { audit } = await anAudit(stdout({ queue: { maxRecords: 1, onFull: 'Block', maxWaitMs: 20 } }), '', {
    writeStdout: reader.write,
  });
  void audit.sink.record(large('1'), CONTEXT);
  expect(await audit.sink.room(CONTEXT)).toBe(false);
  const waiting = audit.sink.room(CONTEXT);
  reader.read();
  expect(await waiting).toBe(true);
});

test('with Spill everything arrives, in order, however long the reader stalls', async () => {
  const reader = stalledReader();
  const settings = stdout({ queue: { maxRecords: 2, onFull: 'Spill' }, journal: { segmentBytes: 4096 } });
  const { audit, valueOf } = await anAudit(settings, await newFolder(), { writeStdout: reader.write });
  const ids = Array.from({ length: 50 }, (_, index) => String(index));
  for (const id of ids) {
    expect([audit.sink.room(CONTEXT), audit.sink.record(large(id), CONTEXT)]).toStrictEqual([true, undefined]);
  }
  expect(await valueOf('pdp_audit_journal_bytes')).toBeGreaterThan(48_000);
  expect(await valueOf('pdp_audit_lag_seconds')).toBeGreaterThan(0);
  reader.read();
  await until(() => reader.lines.length === 50);
  expect(idsOf(reader.lines)).toStrictEqual(ids);
  expect(await valueOf('pdp_decisions_unlogged_total')).toBe(0);
  void audit.sink.record(large('last'), CONTEXT);
  await until(() => reader.lines.length === 51);
});

test('what is in memory at the end goes to the journal, and is delivered by the next process', async () => {
  const folder = await newFolder();
  const settings = stdout({ queue: { maxRecords: 2, onFull: 'Spill' }, journal: {} });
  const stalled = await anAudit(settings, folder, { writeStdout: stalledReader().write });
  for (const id of ['1', '2', '3']) void stalled.audit.sink.record(large(id), CONTEXT);
  expect(await stalled.audit.close(1)).toBe(0);
  const reader = stalledReader();
  reader.read();
  await anAudit(settings, folder, { writeStdout: reader.write });
  await until(() => reader.lines.length === 3);
  expect(idsOf(reader.lines).sort()).toStrictEqual(['1', '2', '3']);
});

test('what is in memory at the end and has no journal is lost, counted and told', async () => {
  const { audit, valueOf } = await anAudit(stdout(), '', { writeStdout: stalledReader().write });
  for (const id of ['1', '2', '3']) void audit.sink.record(large(id), CONTEXT);
  expect(await audit.close(1)).toBe(3);
  expect(await valueOf('pdp_decisions_unlogged_total', { reason: 'shutdown' })).toBe(3);
});

const small = { maxBytes: 4096, segmentBytes: 1024 };

test('a full journal drops and counts, or blocks, as was chosen', async () => {
  const journal = { ...small, onFull: 'Drop' };
  const spill = { queue: { maxRecords: 1, onFull: 'Spill' }, journal };
  const dropping = await anAudit(stdout(spill), await newFolder(), { writeStdout: stalledReader().write });
  for (let n = 0; n < 10; n++) {
    expect(dropping.audit.sink.room(CONTEXT)).toBe(true);
    void dropping.audit.sink.record(large(String(n)), CONTEXT);
  }
  expect(await dropping.valueOf('pdp_decisions_unlogged_total', { reason: 'journal-full' })).toBe(5);

  const reader = stalledReader();
  const blocking = await anAudit(stdout({ ...spill, journal: { ...small, onFull: 'Block' } }), await newFolder(), {
    writeStdout: reader.write,
  });
  let given = 0;
  for (; blocking.audit.sink.room(CONTEXT) === true; given++) void blocking.audit.sink.record(large('x'), CONTEXT);
  expect(given).toBe(5);
  reader.read();
  await until(() => blocking.audit.sink.room(CONTEXT) === true);
  await until(() => reader.lines.length === given);
});

test('with a write-ahead journal and Block, a disk that is full stops decisions, and they go on by themselves', async () => {
  const disk = fillableDisk();
  const reader = stalledReader();
  reader.read();
  const journal = { writeAhead: true, onFull: 'Block', sync: 'Always', retryMs: 5 };
  const { audit, valueOf } = await anAudit(stdout({ journal }), await newFolder(), {
    writeStdout: reader.write,
    files: disk.files,
  });
  expect(await audit.sink.record(large('1'), CONTEXT)).toBe(true);
  disk.fill();
  expect(await audit.sink.record(large('2'), CONTEXT)).toBe(false);
  expect(audit.sink.room(CONTEXT)).toBe(false);
  disk.free();
  await until(() => audit.sink.room(CONTEXT) === true);
  expect(await audit.sink.record(large('3'), CONTEXT)).toBe(true);
  await until(() => reader.lines.length === 2);
  expect(idsOf(reader.lines)).toStrictEqual(['1', '3']); // no decision was given for 2
  expect(await valueOf('pdp_decisions_unlogged_total')).toBe(0);
});

test('with Drop a disk that is full stops nothing, and what is lost is counted', async () => {
  const disk = fillableDisk();
  const reader = stalledReader();
  reader.read();
  const journal = { writeAhead: true, onFull: 'Drop', retryMs: 60_000 };
  const { audit, valueOf } = await anAudit(stdout({ journal }), await newFolder(), {
    writeStdout: reader.write,
    files: disk.files,
  });
  disk.fill();
  expect(await audit.sink.record(large('1'), CONTEXT)).toBe(true);
  expect([audit.sink.room(CONTEXT), audit.sink.record(large('2'), CONTEXT)]).toStrictEqual([true, undefined]);
  expect(await valueOf('pdp_decisions_unlogged_total', { reason: 'disk' })).toBe(2);
});

test('with Spill and Block, what was let in when the disk failed is kept in memory', async () => {
  const disk = fillableDisk();
  const reader = stalledReader();
  const journal = { onFull: 'Block', retryMs: 60_000 };
  const { audit, valueOf } = await anAudit(
    stdout({ queue: { maxRecords: 1, onFull: 'Spill' }, journal }),
    await newFolder(),
    { writeStdout: reader.write, files: disk.files },
  );
  disk.fill();
  for (const id of ['1', '2', '3']) void audit.sink.record(large(id), CONTEXT);
  await until(() => audit.sink.room(CONTEXT) === false);
  reader.read();
  await until(() => reader.lines.length === 3);
  expect(await valueOf('pdp_decisions_unlogged_total')).toBe(0);
});

test('each sink takes the APIs and sets that it wants, in its form, and one that is stuck harms no other', async () => {
  const folder = await newFolder();
  const [all, some] = [join(folder, 'all.jsonl'), join(folder, 'some.jsonl')];
  const { audit } = await anAudit(
    {
      labels: { cluster: 'c1' },
      sinks: [
        { name: 'stuck', type: 'Stdout', sets: ['harbour/*'], queue: { maxRecords: 1, onFull: 'Block' } },
        { name: 'all', type: 'File', path: all, format: 'DecisionLog' },
        { name: 'some', type: 'File', path: some, apis: ['authzen'], sets: ['harbour/cranes', 'a/*'] },
      ],
    },
    folder,
    { writeStdout: stalledReader().write },
  );
  const asked = (id: string, over: Partial<AuditContext>): void =>
    void audit.sink.record(aDecision({ id }), { ...CONTEXT, ...over });
  const other = { ...CONTEXT.revision, set: 'b/b' };
  asked('1', { api: 'authzen' });
  asked('2', { api: 'opa' });
  asked('3', { api: 'authzen', revision: other });
  expect([audit.sink.room(CONTEXT), audit.sink.room({ ...CONTEXT, revision: other })]).toStrictEqual([false, true]);
  const linesOf = async (path: string): Promise<readonly string[]> =>
    (await readFile(path, 'utf8').catch(() => '')).split('\n').slice(0, -1);
  await until(async () => (await linesOf(all)).length === 3 && (await linesOf(some)).length === 1);
  expect([idsOf(await linesOf(all)), idsOf(await linesOf(some))]).toStrictEqual([['1', '2', '3'], ['1']]);
  expect((await linesOf(all))[0]).toContain('"cluster":"c1"');
});

test('a key that is too short is refused', async () => {
  const folder = await newFolder();
  const hashKeyFile = join(folder, 'key');
  await writeFile(hashKeyFile, 'short');
  await expect(anAudit({ ...stdout(), hashKeyFile }, folder)).rejects.toThrow('shorter than 16 bytes');
});
