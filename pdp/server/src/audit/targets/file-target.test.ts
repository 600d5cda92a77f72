import { mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { systemClock } from '@edict/protocol';
import { until } from '../../testing/conditions.ts';
import { useFolders } from '../../testing/folders.ts';
import { fileTarget, type FileTargetOptions } from './file-target.ts';

const newFolder = useFolders();
const ROTATE = { maxBytes: 1_000_000, maxAgeMs: 3_600_000, keep: 2, compress: true };

interface Over extends Omit<Partial<FileTargetOptions>, 'rotate'> {
  readonly rotate?: Partial<FileTargetOptions['rotate']>;
}

function aTarget(path: string, { rotate, ...over }: Over = {}) {
  const errors: unknown[] = [];
  let now = systemClock.now();
  let monotonic = 0;
  const target = fileTarget({
    ...{ path, sync: 'Always', syncIntervalMs: 10 },
    rotate: { ...ROTATE, ...rotate },
    clock: { ...systemClock, now: () => now, monotonic: () => monotonic },
    onError: (error) => errors.push(error),
    ...over,
  });
  const advance = (ms: number): void => {
    now += ms;
    monotonic += ms;
  };
  return { target, errors, advance };
}

const read = (path: string): Promise<string> => readFile(path, 'utf8');

test.each(['Always', 'Interval', 'Never'] as const)('lines follow what is there, with sync %s', async (sync) => {
  const path = join(await newFolder(), 'deep/er/records.jsonl');
  for (const line of ['1', '2']) {
    const { target } = aTarget(path, { sync });
    await target.deliver([line, `${line}b`]);
    await target.close();
  }
  expect([await read(path), (await stat(path)).mode & 0o777]).toStrictEqual(['1\n1b\n2\n2b\n', 0o600]);
});

test('a file that is long enough is put aside and compressed, and only so many are kept', async () => {
  const folder = await newFolder();
  const path = join(folder, 'records.jsonl');
  const { target, advance, errors } = aTarget(path, { rotate: { maxBytes: 10 } });
  for (const line of ['aaaaaaaa', 'bbbbbbbb', 'cccccccc', 'dddddddd', 'eeeeeeee']) {
    await target.deliver([line]);
    advance(1000);
  }
  await target.close();
  const names = (await readdir(folder)).sort();
  expect(names).toHaveLength(3);
  for (const name of names.slice(0, 2)) expect(name).toMatch(/^records-\d{4}-.*Z-0\.jsonl\.gz$/);
  const texts = await Promise.all(
    names.slice(0, 2).map(async (name) => gunzipSync(await readFile(join(folder, name))).toString()),
  );
  expect([...texts, await read(path), errors]).toStrictEqual(['cccccccc\n', 'dddddddd\n', 'eeeeeeee\n', []]);
});

test('files that are put aside in the same moment keep apart', async () => {
  const folder = await newFolder();
  const { target } = aTarget(join(folder, 'r.log'), { rotate: { maxBytes: 2, keep: 9, compress: false } });
  for (const line of ['a', 'b', 'c']) await target.deliver([line]);
  await target.close();
  const names = (await readdir(folder)).sort();
  expect(await Promise.all(names.map((name) => read(join(folder, name))))).toStrictEqual(['a\n', 'b\n', 'c\n']);
});

test('a file that is old is put aside, also one that an earlier process began', async () => {
  const folder = await newFolder();
  const path = join(folder, 'records');
  const first = aTarget(path, { rotate: { maxAgeMs: 1000, compress: false } });
  await first.target.deliver(['a']);
  await first.target.close();
  const { target, advance } = aTarget(path, { rotate: { maxAgeMs: 60_000, compress: false } });
  await target.deliver(['b']);
  advance(60_000);
  await target.deliver(['c']);
  await target.close();
  const [, aside = ''] = (await readdir(folder)).sort();
  expect([await read(path), await read(join(folder, aside))]).toStrictEqual(['c\n', 'a\nb\n']);
});

test('a file that someone else rotated is begun anew within a second, or when told', async () => {
  const path = join(await newFolder(), 'records');
  const { target, advance } = aTarget(path);
  await target.deliver(['a']);
  await rename(path, `${path}.1`);
  await target.deliver(['b']); // not looked at yet
  advance(1000);
  await target.deliver(['c']);
  await rename(path, `${path}.2`);
  target.reopen();
  await target.deliver(['d']);
  await rm(path);
  advance(1000);
  await target.deliver(['e']);
  await target.close();
  expect([await read(`${path}.1`), await read(`${path}.2`), await read(path)]).toStrictEqual(['a\nb\n', 'c\n', 'e\n']);
});

test('a file that someone copied and cut off goes on at its start', async () => {
  const path = join(await newFolder(), 'records');
  const { target } = aTarget(path);
  await target.deliver(['a']);
  await truncate(path, 0);
  await target.deliver(['b']);
  await target.close();
  expect(await read(path)).toBe('b\n');
});

test('a line that a crash cut off gets an end, so that the next one is whole', async () => {
  const path = join(await newFolder(), 'records');
  await writeFile(path, '{"a":1}\n{"b"');
  const { target } = aTarget(path);
  await target.deliver(['{"c":3}']);
  await target.close();
  expect(await read(path)).toBe('{"a":1}\n{"b"\n{"c":3}\n');
});

test('a full disk is an error that passes', async () => {
  const { target } = aTarget('/dev/full', { sync: 'Never' });
  await expect(target.deliver(['a'])).rejects.toMatchObject({ code: 'ENOSPC' });
  await target.close();
});

test('a folder that cannot be is an error, and all is well when it can', async () => {
  const folder = await newFolder();
  await writeFile(join(folder, 'logs'), 'a file');
  const { target } = aTarget(join(folder, 'logs/records'));
  await expect(target.deliver(['a'])).rejects.toMatchObject({ code: 'EEXIST' });
  await rm(join(folder, 'logs'));
  await target.deliver(['b']);
  await target.close();
  expect(await read(join(folder, 'logs/records'))).toBe('b\n');
});

test('files of others are left alone, and what a crash left uncompressed is compressed', async () => {
  const folder = await newFolder();
  const mine = 'records-2026-01-02T03-04-05.678Z-0.jsonl';
  const others = ['records-old.jsonl', 'records.jsonl.1', `x${mine}`, `${mine}.bak`];
  for (const name of [...others, mine]) await writeFile(join(folder, name), name);
  await mkdir(join(folder, 'records-folder'));
  const { target } = aTarget(join(folder, 'records.jsonl'));
  await target.deliver(['a']);
  await until(async () => (await readdir(folder)).includes(`${mine}.gz`) && !(await readdir(folder)).includes(mine));
  await target.close();
  for (const name of others) expect(await read(join(folder, name))).toBe(name);
});
