import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { digestOf, type Digest } from '@edict/bundle';
import { summarizeManifest, type DurableRecord } from '@edict/protocol';
import { useFolders } from '../testing/folders.ts';
import { craneDomain, publish, SET } from '../testing/revisions.ts';
import { RevisionFiles } from './revision-files.ts';

const newFolder = useFolders();

async function openIn(root: string): Promise<{ files: RevisionFiles; broken: [path: string, reason: string][] }> {
  const broken: [string, string][] = [];
  const files = await RevisionFiles.open(root, (path, reason) => broken.push([path.slice(root.length), reason]));
  return { files, broken };
}

function aRecord(n: number): DurableRecord {
  const { revision, manifest } = publish(n, [craneDomain(n)]);
  return { active: { revision, manifest: summarizeManifest(manifest) } };
}

const bytes = (text: string) => Buffer.from(text);
const a: Digest = digestOf('a');
const b: Digest = digestOf('b');

test('records and artifacts are found again after a restart, whatever the name of the set', async () => {
  const root = await newFolder();
  const { files } = await openIn(root);
  const names = [SET, 'a.b/c', '../escape', 'x/%zz'];
  for (const [index, name] of names.entries()) await files.writeRecord(name, aRecord(index + 1));
  await files.writeArtifact(a, bytes('a'));
  const again = (await openIn(root)).files;
  const records = await again.load();
  expect([...records.keys()].sort()).toStrictEqual([...names].sort());
  expect(records.get(SET)).toStrictEqual(aRecordOf(records, SET));
  expect(await again.readArtifact(a)).toStrictEqual(bytes('a'));
  expect([await again.hasArtifact(a), await again.hasArtifact(b)]).toStrictEqual([true, false]);
  expect((await readdir(root)).sort()).toStrictEqual(['artifacts', 'compiled', 'sets']);
});

function aRecordOf(records: ReadonlyMap<string, DurableRecord>, set: string): DurableRecord {
  const { revision, manifest } = publish(1, [craneDomain(1)]);
  expect(records.get(set)?.active?.revision.createdAt).toBe(revision.createdAt);
  return { active: { revision, manifest: summarizeManifest(manifest) } };
}

test('a canary is found again with its share, and what a set promises with it', async () => {
  const root = await newFolder();
  const { files } = await openIn(root);
  const slots = [1, 2].map((n) => aRecord(n).active);
  const [active, canary] = slots;
  if (active === undefined || canary === undefined) throw new Error('a record without a slot');
  const consistency = {
    mode: 'Strict',
    leaseMs: 10_000,
    onStale: 'NotReady',
    onBoot: 'AfterLease',
    onControlPlaneLoss: 'Stop',
  } as const;
  const promised = { ...active, manifest: { ...active.manifest, consistency } };
  const record: DurableRecord = { active: promised, canary: { ...canary, share: { salt: 'uid/1', upTo: 500 } } };
  await files.writeRecord(SET, record);
  expect((await (await openIn(root)).files.load()).get(SET)).toStrictEqual(record);
});

test('what an interrupted write left behind is neither read nor kept', async () => {
  const root = await newFolder();
  const { files } = await openIn(root);
  await files.writeRecord(SET, aRecord(1));
  const name = encodeURIComponent(SET);
  await writeFile(join(root, 'sets', `${name}.json.0.tmp`), JSON.stringify(aRecord(2)).slice(0, 100));
  await writeFile(join(root, 'artifacts', `sha256-${'0'.repeat(64)}.0.tmp`), 'half');
  const { files: again, broken } = await openIn(root);
  expect((await again.load()).get(SET)?.active?.revision.n).toBe(1);
  expect(await readdir(join(root, 'sets'))).toStrictEqual([`${name}.json`]);
  expect(await readdir(join(root, 'artifacts'))).toStrictEqual([]);
  expect(broken).toStrictEqual([]);
});

test.each([
  ['is cut off', (text: string) => text.slice(0, -20), 'JSON'],
  ['is empty', () => '', 'JSON'],
  ['is of another form', () => '{"active":{"revision":{}}}', 'active.revision'],
  ['has a digest that is none', (text: string) => text.replace(/sha256:[0-9a-f]{4}/, 'sha256:../'), 'digest'],
])('a record that %s counts as absent and is told, and the others are read', async (_name, damage, reason) => {
  const root = await newFolder();
  const { files } = await openIn(root);
  await files.writeRecord(SET, aRecord(1));
  await files.writeRecord('other/set', aRecord(2));
  const path = join(root, 'sets', `${encodeURIComponent(SET)}.json`);
  await writeFile(path, damage(await readFile(path, 'utf8')));
  const { files: again, broken } = await openIn(root);
  expect([...(await again.load()).keys()]).toStrictEqual(['other/set']);
  expect(broken).toStrictEqual([[path.slice(root.length), expect.stringContaining(reason)]]);
});

test('files that are no records of ours keep nothing from being read', async () => {
  const root = await newFolder();
  const { files } = await openIn(root);
  await files.writeRecord(SET, aRecord(1));
  await writeFile(join(root, 'sets', '%zz.json'), '{}');
  await writeFile(join(root, 'sets', 'notes.txt'), 'hello');
  await mkdir(join(root, 'sets', 'folder.json'));
  const { files: again, broken } = await openIn(root);
  expect([...(await again.load()).keys()]).toStrictEqual([SET]);
  expect(broken.map(([path]) => path).sort()).toStrictEqual(['/sets/%zz.json', '/sets/folder.json']);
});

test('a sweep deletes what is not kept', async () => {
  const { files } = await openIn(await newFolder());
  await files.writeArtifact(a, bytes('a'));
  await files.writeArtifact(b, bytes('b'));
  await files.sweep(new Set([b]));
  expect([await files.hasArtifact(a), await files.hasArtifact(b)]).toStrictEqual([false, true]);
});

test('what is stored or looked up while a sweep runs comes after it', async () => {
  const { files } = await openIn(await newFolder());
  await files.writeArtifact(a, bytes('a'));
  const swept = files.sweep(new Set());
  const [found, read] = [files.hasArtifact(a), files.readArtifact(a)];
  const written = files.writeArtifact(b, bytes('b'));
  await Promise.all([swept, written]);
  expect([await found, await read, await files.readArtifact(b)]).toStrictEqual([false, undefined, bytes('b')]);
});

test('two sets that fetch the same bundle at the same time both have it', async () => {
  const { files } = await openIn(await newFolder());
  await Promise.all(Array.from({ length: 10 }, () => files.writeArtifact(a, bytes('a'.repeat(50_000)))));
  expect(await files.readArtifact(a)).toStrictEqual(bytes('a'.repeat(50_000)));
});

test('text that is no digest never becomes a path', async () => {
  const { files } = await openIn(await newFolder());
  await expect(files.readArtifact('sha256:../../etc/passwd')).rejects.toThrow('not a digest');
});
