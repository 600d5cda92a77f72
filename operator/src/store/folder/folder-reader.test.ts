import { mkdtemp, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { FolderReader, type FolderContents } from './folder-reader.ts';

const BOTH = ['a', 'b']
  .map((name) => `apiVersion: edict.dev/v1beta1\nkind: PolicyDomain\nmetadata: {name: ${name}}\nspec: {}\n`)
  .join('---\n');
const [FIRST = ''] = BOTH.split('---\n');

let folder: string;
let file: string;
let reader: FolderReader;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edict-reader-'));
  file = join(folder, 'policy.yaml');
  reader = new FolderReader(folder, 'default');
  await writeFile(file, BOTH);
  await written('long ago');
  expect(namesIn(await reader.read())).toStrictEqual(['a', 'b']);
});
afterEach(() => rm(folder, { recursive: true }));

/** Says when the file was written, so that no test depends on how fast it is itself. */
async function written(when: 'just now' | 'long ago'): Promise<void> {
  const time = Date.now() / 1000 + (when === 'just now' ? 60 : -60);
  await utimes(file, time, time);
}

const namesIn = ({ contents }: FolderContents): readonly string[] =>
  contents.flatMap(({ objects }) => objects.map(({ metadata }) => metadata.name));

test.each([
  ['empty', () => truncate(file), []],
  ['half written', () => writeFile(file, FIRST), ['a']],
])('a file that is %s a moment after it was whole is waited for, and believed later', async (_what, write, left) => {
  await write();
  await written('just now');
  const meanwhile = await reader.read('Settled');
  expect([namesIn(meanwhile), meanwhile.isUnsettled]).toStrictEqual([['a', 'b'], true]);
  await written('long ago');
  const later = await reader.read('Settled');
  expect([namesIn(later), later.isUnsettled]).toStrictEqual([left, false]);
});

test('a file that is whole again is as it is now, without a trace of what it was in between', async () => {
  await truncate(file);
  await written('just now');
  await reader.read('Settled');
  await writeFile(file, BOTH.replace('spec: {}', 'spec: {data: {x: 1}}'));
  await written('just now');
  const again = await reader.read('Settled');
  expect([namesIn(again), again.isUnsettled]).toStrictEqual([['a', 'b'], false]);
  expect(again.contents[0]?.objects[0]?.spec).toMatchObject({ data: { x: 1 } });
});

test('who wants it as it is now does not wait', async () => {
  await truncate(file);
  await written('just now');
  expect(namesIn(await reader.read('Now'))).toStrictEqual([]);
});

test('a file that is gone is gone at once', async () => {
  await rm(file);
  const { contents, isUnsettled } = await reader.read('Settled');
  expect([contents, isUnsettled]).toStrictEqual([[], false]);
});
