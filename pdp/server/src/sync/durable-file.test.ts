import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { useFolders } from '../testing/folders.ts';
import { removeDurably, writeDurably } from './durable-file.ts';

const newFolder = useFolders();

test('a file is replaced as a whole, readable by its owner only, and nothing else is left', async () => {
  const folder = await newFolder();
  const path = join(folder, 'x');
  await writeDurably(path, 'a long first content');
  await writeDurably(path, 'second');
  expect(await readFile(path, 'utf8')).toBe('second');
  expect(await readdir(folder)).toStrictEqual(['x']);
});

test('writers of one path at the same time leave one of their contents, whole', async () => {
  const folder = await newFolder();
  const contents = Array.from({ length: 20 }, (_, index) => String(index % 10).repeat(100_000 + index));
  await Promise.all(contents.map((content) => writeDurably(join(folder, 'x'), content)));
  expect(contents).toContain(await readFile(join(folder, 'x'), 'utf8'));
  expect(await readdir(folder)).toStrictEqual(['x']);
});

test('a write that fails leaves the old file and no temporary one', async () => {
  const folder = await newFolder();
  await mkdir(join(folder, 'x'));
  await writeFile(join(folder, 'x', 'in'), 'the path is a folder that is not empty');
  await expect(writeDurably(join(folder, 'x'), 'new')).rejects.toMatchObject({ code: 'EISDIR' });
  expect(await readdir(folder)).toStrictEqual(['x']);
});

test('removing what is not there is no error', async () => {
  const folder = await newFolder();
  await writeDurably(join(folder, 'x'), 'a');
  await removeDurably(join(folder, 'x'));
  await removeDurably(join(folder, 'x'));
  expect(await readdir(folder)).toStrictEqual([]);
});
