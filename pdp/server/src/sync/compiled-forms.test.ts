import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, test } from '@jest/globals';
import { digestOf } from '@edict/bundle';
import { decide, loadSnapshot, systemClock } from '@edict/engine';
import { useFolders } from '../testing/folders.ts';
import { craneDomain, liftRequest } from '../testing/revisions.ts';
import { snapshotOf } from '../testing/snapshots.ts';
import { CompiledForms } from './compiled-forms.ts';
import { RevisionFiles } from './revision-files.ts';

const newFolder = useFolders();
const digest = digestOf(Buffer.from('a manifest'));
const other = digestOf(Buffer.from('another manifest'));
const MADE_BY = ['edict', '1.2.3', ['http.send']];

async function start() {
  const files = await RevisionFiles.open(await newFolder(), () => undefined);
  const forms = new CompiledForms(files, MADE_BY);
  const domain = craneDomain(5, {});
  const annotations = [
    { name: 'large', value: 2n ** 70n },
    { name: 'none', value: NaN },
  ];
  const { compiled } = snapshotOf([domain]);
  const [role, ...roles] = compiled.roles;
  if (role === undefined) throw new Error('no role');
  const rich = {
    ...compiled,
    roles: [{ ...role, annotations: annotations.map((one) => ({ ...one, merge: '' })) }, ...roles],
  };
  return { files, forms, compiled, rich };
}

test('what is kept is read as it was, values that JSON does not know included', async () => {
  const { forms, rich } = await start();
  expect([await forms.has(digest), await forms.read(digest)]).toStrictEqual([false, undefined]);
  await forms.write(digest, rich);
  const form = await forms.read(digest);
  expect([await forms.has(digest), form?.compiled]).toStrictEqual([true, rich]);
});

test('what is read decides as what was kept', async () => {
  const { forms, compiled } = await start();
  await forms.write(digest, compiled);
  const form = await forms.read(digest);
  if (form === undefined) throw new Error('no form');
  const context = { clock: systemClock, newId: () => 'x' };
  const decisions = [5, 6].map((tons) => decide(loadSnapshot(form.compiled), liftRequest(tons), context).allow);
  expect(decisions).toStrictEqual([true, false]);
});

test('a form of another engine, version or setting is none', async () => {
  const { files, forms, compiled } = await start();
  await forms.write(digest, compiled);
  for (const madeBy of [
    ['edict', '1.2.4', ['http.send']],
    ['edict', '1.2.3', []],
    ['else', '1.2.3', ['http.send']],
  ]) {
    expect(await new CompiledForms(files, madeBy).read(digest)).toBeUndefined();
  }
  expect(await new CompiledForms(files, MADE_BY).read(digest)).toBeDefined();
});

test.each<readonly [string, (path: string, bytes: Buffer) => Promise<void>]>([
  ['cut short', (path, bytes) => writeFile(path, bytes.subarray(0, -1))],
  ['cut within its hash', (path, bytes) => writeFile(path, bytes.subarray(0, 20))],
  ['empty', (path) => writeFile(path, '')],
  [
    'changed by a bit',
    (path, bytes) => {
      bytes.writeUInt8(bytes.readUInt8(100) ^ 4, 100);
      return writeFile(path, bytes);
    },
  ],
  ['writable by others', (path) => chmod(path, 0o622)],
])('a form that is %s counts as absent', async (_name, harm) => {
  const { files, forms, compiled } = await start();
  await forms.write(digest, compiled);
  await forms.write(other, compiled);
  const path = await pathOf(files);
  await harm(path, await readFile(path));
  expect([await forms.read(digest), await forms.read(other)]).toStrictEqual([undefined, expect.anything()]);
});

test('a form under the name of another manifest counts as absent', async () => {
  const { files, forms, compiled } = await start();
  await forms.write(digest, compiled);
  await forms.write(other, compiled);
  await writeFile(await pathOf(files), await readFile(await pathOf(files, other)));
  expect(await forms.read(digest)).toBeUndefined();
});

test('a sweep deletes the forms of manifests that are not kept', async () => {
  const { files, forms, compiled } = await start();
  await forms.write(digest, compiled);
  await forms.write(other, compiled);
  await files.sweep(new Set([other]));
  expect([await forms.has(digest), await forms.has(other)]).toStrictEqual([false, true]);
});

async function pathOf(files: RevisionFiles, manifest = digest): Promise<string> {
  const [some] = await readdir(dirname(files.formPath(manifest, 'x')));
  const madeBy = some?.split('.').at(-1) ?? '';
  return files.formPath(manifest, madeBy);
}
