import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { runCommand } from '../run-command.ts';
import { writeTar, type TarEntry } from './tar.ts';

const LONG = `${'directory/'.repeat(12)}file`;
const ENTRIES: readonly TarEntry[] = [
  { path: 'b', mode: 0o644, content: Buffer.from('bee') },
  { path: 'a', mode: 0o755 },
  { path: 'a/program', mode: 0o755, content: Buffer.alloc(1024, 7) },
  { path: 'link', mode: 0o777, linkTo: 'b' },
  { path: LONG, mode: 0o600, content: Buffer.alloc(0) },
];

test('tar lists what was written: types, modes, owners, sizes, times, long paths', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'edict-tar-'));
  try {
    const archive = path.join(directory, 'it.tar');
    await writeFile(archive, writeTar(ENTRIES));
    const listed = await runCommand('tar', ['--utc', '--numeric-owner', '--full-time', '-tvf', archive]);
    expect(
      listed
        .trim()
        .split('\n')
        .map((line) => line.replaceAll(/\s+/g, ' ')),
    ).toEqual([
      'drwxr-xr-x 0/0 0 1970-01-01 00:00:00 a/',
      '-rwxr-xr-x 0/0 1024 1970-01-01 00:00:00 a/program',
      '-rw-r--r-- 0/0 3 1970-01-01 00:00:00 b',
      `-rw------- 0/0 0 1970-01-01 00:00:00 ${LONG}`,
      'lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 link -> b',
    ]);
    expect(await runCommand('tar', ['-xOf', archive, 'b'])).toBe('bee');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('the order of the members does not matter', () => {
  expect(writeTar(ENTRIES.toReversed()).equals(writeTar(ENTRIES))).toBe(true);
});

test('a path that ustar cannot hold is refused by name', () => {
  expect(() => writeTar([{ path: 'x'.repeat(101), mode: 0o644, content: Buffer.alloc(0) }])).toThrow('xxx');
});
