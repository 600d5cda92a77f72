import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { useFolders } from '../testing/folders.ts';
import { mountFiles } from '../testing/policy-files.ts';
import { fingerprintOf, readPolicyFolder } from './policy-folder.ts';

const newFolder = useFolders();

async function texts(folder: string): Promise<readonly (readonly [string, string])[]> {
  const { files } = await readPolicyFolder(folder);
  return files.map(({ path, bytes }) => [path, Buffer.from(bytes).toString()]);
}

test('policy is read with the folders below, in order; other files and hidden ones are not', async () => {
  const folder = await newFolder();
  await mkdir(join(folder, 'more', '.hidden'), { recursive: true });
  for (const name of ['b.yaml', 'a.yml', 'more/c.json', 'more/d.rego', 'readme.md', '.e.yaml', 'more/.hidden/f.yaml']) {
    await writeFile(join(folder, name), name);
  }
  expect(await texts(folder)).toStrictEqual(
    ['a.yml', 'b.yaml', 'more/c.json', 'more/d.rego'].map((name) => [name, name]),
  );
});

test('a single file is read as it is', async () => {
  const file = join(await newFolder(), 'policy.yaml');
  await writeFile(file, 'x');
  expect(await texts(file)).toStrictEqual([[file, 'x']]);
});

test('what Kubernetes mounts is read through one link, and another state of it has another fingerprint', async () => {
  const folder = await newFolder();
  await mountFiles(folder, 1, { 'a.yaml': 'old a', 'b.yaml': 'old b' });
  const before = await fingerprintOf(folder);
  expect(await fingerprintOf(folder)).toBe(before);
  expect(await texts(folder)).toStrictEqual([
    ['a.yaml', 'old a'],
    ['b.yaml', 'old b'],
  ]);
  await mountFiles(folder, 2, { 'a.yaml': 'new a', 'b.yaml': 'new b' });
  expect(await fingerprintOf(folder)).not.toBe(before);
  expect(await texts(folder)).toStrictEqual([
    ['a.yaml', 'new a'],
    ['b.yaml', 'new b'],
  ]);
});

test('an edit in place has another fingerprint', async () => {
  const folder = await newFolder();
  await writeFile(join(folder, 'a.yaml'), 'one');
  const before = await fingerprintOf(folder);
  await writeFile(join(folder, 'a.yaml'), 'three');
  expect(await fingerprintOf(folder)).not.toBe(before);
});

test('a folder that is not there is named', async () => {
  const folder = join(await newFolder(), 'gone');
  await expect(readPolicyFolder(folder)).rejects.toMatchObject({ code: 'Unreadable' });
  await mkdir(folder);
  await rm(folder, { recursive: true });
  await expect(fingerprintOf(folder)).rejects.toThrow(`${folder} cannot be read (ENOENT)`);
});
