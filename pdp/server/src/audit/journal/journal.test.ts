import { appendFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { systemClock } from '@edict/protocol';
import { until } from '../../testing/conditions.ts';
import { fillableDisk } from '../../testing/failing-files.ts';
import { useFolders } from '../../testing/folders.ts';
import { Journal, type JournalOptions } from './journal.ts';
import { nodeFiles } from './journal-files.ts';

const newFolder = useFolders();
const LIMITS = { maxBytes: 1_000_000, maxRecords: 1000 };

async function aJournal(folder: string, over: Partial<JournalOptions> = {}) {
  const damaged: [path: string, offset: number][] = [];
  const errors: unknown[] = [];
  const journal = await Journal.open({
    ...{ folder, maxBytes: 1_000_000, segmentBytes: 100_000, sync: 'Always', syncIntervalMs: 10, retryMs: 5 },
    ...{ files: nodeFiles, clock: systemClock },
    onError: (error) => errors.push(error),
    onDamage: (path, offset) => damaged.push([path, offset]),
    onChange: () => undefined,
    ...over,
  });
  return { journal, damaged, errors };
}

const put = (journal: Journal, text: string): Promise<boolean> => new Promise((told) => journal.append(text, 1, told));

async function putAll(journal: Journal, texts: readonly string[]): Promise<void> {
  expect(new Set(await Promise.all(texts.map((text) => put(journal, text))))).toStrictEqual(new Set([true]));
}

async function texts(journal: Journal, limits = LIMITS): Promise<readonly string[]> {
  return (await journal.read(limits))?.records.map(({ text }) => text) ?? [];
}

const segmentsOf = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder)).filter((name) => name.endsWith('.segment')).sort();

test.each(['Always', 'Interval', 'Never'] as const)(
  'with sync %s, what was not delivered is there after a restart, in order, and what was is not',
  async (sync) => {
    const folder = await newFolder();
    const first = await aJournal(folder, { sync });
    await putAll(first.journal, ['a', 'b', 'c', 'd']);
    const batch = await first.journal.read({ ...LIMITS, maxRecords: 2 });
    if (batch === undefined) throw new Error('nothing to read');
    await first.journal.delivered(batch);
    expect(await texts(first.journal, { ...LIMITS, maxRecords: 1 })).toStrictEqual(['c']);
    await first.journal.close();
    const { journal } = await aJournal(folder, { sync });
    expect(journal.isRead).toBe(false);
    expect([await texts(journal), await texts(journal), journal.isRead]).toStrictEqual([['c', 'd'], [], true]);
    await journal.close();
  },
);

test('a tail that a crash left half written is cut, and new records follow', async () => {
  const folder = await newFolder();
  const first = await aJournal(folder);
  await putAll(first.journal, ['a', 'b']);
  await first.journal.close();
  const [segment = ''] = await segmentsOf(folder);
  const path = join(folder, segment);
  const whole = (await stat(path)).size;
  await truncate(path, whole - 1); // within b
  const { journal, damaged } = await aJournal(folder);
  expect((await stat(path)).size).toBe(whole / 2);
  await putAll(journal, ['c']);
  expect([await texts(journal), await texts(journal)]).toStrictEqual([['a'], ['c']]);
  expect(damaged).toStrictEqual([]);
  await journal.close();
});

test('zeros and rubbish at the end are cut too', async () => {
  const folder = await newFolder();
  const first = await aJournal(folder);
  await putAll(first.journal, ['a']);
  await first.journal.close();
  const path = join(folder, (await segmentsOf(folder))[0] ?? '');
  await appendFile(path, Buffer.concat([Buffer.alloc(100), Buffer.from('rubbish')]));
  const { journal } = await aJournal(folder);
  expect([await texts(journal), journal.isRead]).toStrictEqual([['a'], true]);
  await journal.close();
});

test('damage in the middle is told, and what comes behind that file is read', async () => {
  const folder = await newFolder();
  const first = await aJournal(folder, { segmentBytes: 30 });
  for (const text of ['aaaaaaaaaaaaaaaaaaaa', 'b', 'c']) await putAll(first.journal, [text]);
  await first.journal.close();
  const [segment = ''] = await segmentsOf(folder);
  const bytes = await readFile(join(folder, segment));
  bytes[20] = 0;
  await writeFile(join(folder, segment), bytes);
  const { journal, damaged } = await aJournal(folder);
  expect(await texts(journal)).toStrictEqual(['b', 'c']);
  expect(damaged).toStrictEqual([[join(folder, segment), 0]]);
  await journal.close();
});

test('files that were delivered go, and the journal is bounded', async () => {
  const folder = await newFolder();
  const { journal } = await aJournal(folder, { maxBytes: 1000, segmentBytes: 100 });
  const text = 'x'.repeat(84); // one frame fills a segment
  for (let n = 0; n < 10; n++) {
    expect(journal.hasRoom).toBe(true);
    await putAll(journal, [text]);
  }
  expect([journal.hasRoom, journal.bytes, (await segmentsOf(folder)).length]).toStrictEqual([false, 1000, 10]);
  for (let batch = await journal.read(LIMITS); batch !== undefined; batch = await journal.read(LIMITS)) {
    await journal.delivered(batch);
  }
  expect([journal.hasRoom, journal.bytes, (await segmentsOf(folder)).length]).toStrictEqual([true, 0, 0]);
  await journal.close();
});

test('numbers of files never come again, so that a checkpoint means what it meant', async () => {
  const folder = await newFolder();
  const { journal } = await aJournal(folder, { segmentBytes: 10 });
  await putAll(journal, ['a']);
  const batch = await journal.read(LIMITS);
  if (batch === undefined) throw new Error('nothing to read');
  await journal.delivered(batch);
  await journal.close();
  const again = await aJournal(folder, { segmentBytes: 10 });
  await putAll(again.journal, ['b']);
  await again.journal.close();
  const last = await aJournal(folder, { segmentBytes: 10 });
  expect(await texts(last.journal)).toStrictEqual(['b']);
  await last.journal.close();
});

test('a checkpoint that was cut short leaves the one before', async () => {
  const folder = await newFolder();
  const first = await aJournal(folder);
  await putAll(first.journal, ['a', 'b', 'c']);
  for (let n = 0; n < 2; n++) {
    const batch = await first.journal.read({ ...LIMITS, maxRecords: 1 });
    if (batch !== undefined) await first.journal.delivered(batch);
  }
  await first.journal.close();
  const bytes = await readFile(join(folder, 'checkpoint'));
  bytes[8] = 0xff; // the second write went to the first slot
  await writeFile(join(folder, 'checkpoint'), bytes);
  const { journal } = await aJournal(folder);
  expect(await texts(journal)).toStrictEqual(['b', 'c']);
  await journal.close();
});

test.each([
  ['what was written in part is cut off', {}],
  ['what cannot be cut off stays behind in its file', { cannotTruncate: true }],
])('a full disk refuses records and recovers by itself: %s', async (_name, how) => {
  const folder = await newFolder();
  const disk = fillableDisk();
  const { journal, errors, damaged } = await aJournal(folder, { files: disk.files });
  await putAll(journal, ['a']);
  disk.fill(how);
  expect(await put(journal, 'lost')).toBe(false);
  expect([journal.hasRoom, journal.isFailing]).toStrictEqual([false, true]);
  await until(() => journal.hasRoom);
  expect(await put(journal, 'lost too')).toBe(false); // the try after a while
  expect(errors).toHaveLength(1);
  disk.free();
  await until(() => journal.hasRoom);
  await putAll(journal, ['b']);
  const first = await texts(journal);
  const all = [...first, ...(await texts(journal))];
  expect([all, damaged]).toStrictEqual([['a', 'b'], []]);
  await journal.close();
});

test('records that come while a write is under way are written together', async () => {
  const folder = await newFolder();
  let writes = 0;
  const files = {
    ...nodeFiles,
    open: async (path: string, flags: 'r' | 'r+' | 'wx+') => {
      const file = await nodeFiles.open(path, flags);
      const write: typeof file.write = (...args) => {
        if (path.endsWith('.segment')) writes++;
        return file.write(...args);
      };
      return {
        write,
        read: file.read.bind(file),
        stat: file.stat.bind(file),
        truncate: file.truncate.bind(file),
        datasync: file.datasync.bind(file),
        close: file.close.bind(file),
      };
    },
  };
  const { journal } = await aJournal(folder, { files });
  await putAll(
    journal,
    Array.from({ length: 500 }, (_, index) => `record ${index}`),
  );
  expect(writes).toBe(1);
  await journal.close();
});

test('a record that is longer than what is read at once is read', async () => {
  const { journal } = await aJournal(await newFolder(), { maxBytes: 100_000_000 });
  const long = 'ö'.repeat(3_000_000);
  await putAll(journal, ['a', long, 'b']);
  const read = [...(await texts(journal)), ...(await texts(journal)), ...(await texts(journal))];
  expect(read.map((text) => text.length)).toStrictEqual([1, 3_000_000, 1]);
  await journal.close();
});
