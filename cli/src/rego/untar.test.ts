import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../testing/run-edict.ts';
import { TarError, untar } from './untar.ts';

const LONG = `${'long/'.repeat(40)}name.json`;

test.each(['ustar', 'gnu', 'pax'])('reads what tar writes in the format %s', async (format) => {
  const files = {
    'b/a.rego': 'package a\n',
    'b/deep/data.json': '{}',
    ...(format === 'ustar' ? {} : { [`b/${LONG}`]: '1' }),
  };
  await using folder = await temporaryFolder(files);
  execFileSync('tar', ['-c', `--format=${format}`, '-f', folder.path('b.tar'), '-C', folder.path('b'), '.']);
  const read = untar(await readFile(folder.path('b.tar')));
  const texts = Object.fromEntries(
    [...read].map(([name, bytes]) => [`b/${name}`, Buffer.from(bytes).toString('utf8')]),
  );
  expect(texts).toEqual(files);
});

test('refuses what is cut off, changed, or leads out of the archive', async () => {
  await using folder = await temporaryFolder({ 'b/a.rego': 'package a\n' });
  execFileSync('tar', ['-c', '--format=ustar', '-f', folder.path('b.tar'), '-C', folder.path('b'), 'a.rego']);
  const archive = await readFile(folder.path('b.tar'));
  expect(() => untar(archive.subarray(0, 300))).toThrow(new TarError('it ends within a header'));
  expect(() => untar(archive.subarray(0, 515))).toThrow(new TarError('it ends within a file'));
  const changed = Buffer.from(archive);
  changed[0] = 0x7a;
  expect(() => untar(changed)).toThrow(new TarError('a header has a wrong checksum'));
  execFileSync('tar', [
    '-c',
    '-P',
    '--format=ustar',
    '-f',
    folder.path('up.tar'),
    '-C',
    folder.path('b'),
    '../b/a.rego',
  ]);
  await expect(readFile(folder.path('up.tar')).then(untar)).rejects.toThrow(
    "the path '../b/a.rego' leaves the archive",
  );
});
