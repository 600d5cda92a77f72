import { mkdir, mkdtemp, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../clock.ts';
import { eventually } from '../../testing/fixtures.ts';
import { describeStoreContract } from '../store-contract.ts';
import { formatFolderProblem, type FolderProblem } from './folder-problem.ts';
import { openFolderStore, type FolderStore } from './folder-store.ts';

let folder: string;
let store: FolderStore;
let problems: readonly FolderProblem[] = [];

const open = (): Promise<FolderStore> =>
  openFolderStore({
    folder,
    clock: systemClock,
    onProblems: (found) => {
      problems = found;
    },
    rescanMs: 60_000,
  });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edict-folder-'));
  problems = [];
  store = await open();
});

afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

describe('the contract of stores', () => {
  describeStoreContract({ test, expect, eventually }, { store: () => store, namespace: () => 'contract' });
});

const domain = (name: string, rego = 'package authz', extra = ''): string =>
  `apiVersion: edict.dev/v1beta1
kind: PolicyDomain
metadata: {name: ${name}${extra}}
spec:
  policies:
    - mrn: mrn:policy:main
      rego: |
        ${rego}
`;

const put = async (file: string, text: string): Promise<void> => {
  await writeFile(join(folder, file), text);
  await store.rescan();
};

const names = async (): Promise<readonly string[]> =>
  (await store.list('PolicyDomain')).map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`);

test('files in folders below count, hidden ones and others do not', async () => {
  await mkdir(join(folder, 'team'));
  await writeFile(join(folder, 'team', 'a.yaml'), domain('a'));
  await writeFile(join(folder, '.hidden.yaml'), domain('b'));
  await writeFile(join(folder, 'notes.txt'), domain('c'));
  await put('many.yml', `${domain('d')}---\n${domain('e', 'package authz', ', namespace: other')}`);
  expect(await names()).toStrictEqual(['default/a', 'default/d', 'other/e']);
});

test('an edit is a new generation of the same object, a rewrite of the same is none', async () => {
  await put('a.yaml', domain('a'));
  const [before] = await store.list('PolicyDomain');
  await put('a.yaml', `# a comment\n${domain('a')}`);
  const [same] = await store.list('PolicyDomain');
  expect(same?.metadata).toStrictEqual(before?.metadata);
  await put('a.yaml', domain('a', 'package other'));
  const [after] = await store.list('PolicyDomain');
  expect(after?.metadata).toMatchObject({ uid: before?.metadata.uid, generation: 2 });
});

test.each([
  ['YAML that does not parse', domain('a').replace('spec:', 'spec: ['), /^a\.yaml:\d+:\d+: /],
  ['a wrong type', domain('a').replace('mrn: mrn:policy:main', 'mrn: {}'), /^a\.yaml:6:\d+: /],
  ['an unknown version', domain('a').replace('v1beta1', 'v9'), /^a\.yaml.*apiVersion.*v9/],
  ['an unknown kind', domain('a').replace('PolicyDomain', 'PolicyThing'), /^a\.yaml:2:1: kind: "PolicyThing"/],
  ['a kind that only the operator writes', domain('a').replace('PolicyDomain', 'PolicyRevision'), /^a\.yaml:2:1: kind/],
  ['no name', domain('a').replace('{name: a}', '{}'), /^a\.yaml:3:\d+: metadata\.name/],
  [
    'a second document that is broken',
    `${domain('a')}---\n${domain('b').replace('spec:', 'spec: 7')}`,
    /^a\.yaml:1[0-9]:/,
  ],
])('%s is told with its place, and the last good object stays', async (_name, text, place) => {
  await put('a.yaml', domain('a'));
  const before = await store.list('PolicyDomain');
  await put('a.yaml', text);
  expect(problems.map(formatFolderProblem).join('\n')).toMatch(place);
  expect(await store.list('PolicyDomain')).toStrictEqual(before);
  await put('a.yaml', domain('a', 'package healed'));
  expect(problems).toStrictEqual([]);
  expect((await store.list('PolicyDomain'))[0]?.metadata.generation).toBe(2);
});

test('of two files that define one object the first counts, and the other is named', async () => {
  await writeFile(join(folder, 'a.yaml'), domain('same'));
  await put('b.yaml', domain('same', 'package other'));
  expect(problems.map(formatFolderProblem)).toStrictEqual([
    'b.yaml: PolicyDomain default/same is defined in a.yaml already; this definition is not used',
  ]);
  expect((await store.list('PolicyDomain'))[0]?.spec.policies?.[0]?.rego).toContain('authz');
});

test('the defaults of a set are filled in, and a wrong one is told with its line', async () => {
  const text = 'apiVersion: edict.dev/v1beta1\nkind: PolicySet\nmetadata: {name: s}\nspec:\n  minReady: 2\n';
  await put('set.yaml', text);
  expect((await store.get('PolicySet', { namespace: 'default', name: 's' }))?.spec).toMatchObject({
    minReady: 2,
    history: { limit: 10 },
  });
  await put('set.yaml', text.replace('2', 'two'));
  expect(problems.map(formatFolderProblem).join()).toMatch(/^set\.yaml:5:\d+: spec\.minReady/);
});

test('a reference takes its Rego from files, and follows them', async () => {
  await writeFile(join(folder, 'main.rego'), 'package authz\n');
  const text = domain('a')
    .replace('edict.dev/v1beta1', 'iamlite.manetu.io/v1beta1')
    .replace('kind: PolicyDomain', 'kind: PolicyDomainReference')
    .replace('rego: |\n        package authz', 'rego_filename: main.rego');
  await put('a.yaml', text);
  expect(problems).toStrictEqual([]);
  expect((await store.list('PolicyDomain'))[0]?.spec.policies?.[0]?.rego).toBe('package authz\n');
  await put('main.rego', 'package authz\n\nallow = true\n');
  expect((await store.list('PolicyDomain'))[0]?.spec.policies?.[0]?.rego).toContain('allow');
  await rm(join(folder, 'main.rego'));
  await store.rescan();
  expect(problems.map(formatFolderProblem).join()).toMatch(/^a\.yaml:\d+:\d+: .*main\.rego/);
});

test('a removed file removes its objects, once their finalizers allow it', async () => {
  await put('a.yaml', domain('a'));
  const [object] = await store.list('PolicyDomain');
  if (object === undefined) throw new Error('not there');
  await store.update<'PolicyDomain'>({
    ...object,
    metadata: { ...object.metadata, finalizers: ['edict.dev/withdraw'] },
  });
  await rm(join(folder, 'a.yaml'));
  await store.rescan();
  const [held] = await store.list('PolicyDomain');
  expect(typeof held?.metadata.deletionTimestamp).toBe('string');
  if (held === undefined) throw new Error('not there');
  await put('a.yaml', domain('a'));
  expect((await store.list('PolicyDomain'))[0]?.metadata.uid).toBe(object.metadata.uid);
  await store.update<'PolicyDomain'>({ ...held, metadata: { ...held.metadata, finalizers: [] } });
  expect(await store.list('PolicyDomain')).toStrictEqual([]);
  await store.rescan();
  const [again] = await store.list('PolicyDomain');
  expect(again?.metadata.uid).not.toBe(object.metadata.uid);
});

test('what comes from a file is changed in the file', async () => {
  await put('a.yaml', domain('a'));
  const [object] = await store.list('PolicyDomain');
  if (object === undefined) throw new Error('not there');
  await expect(store.update<'PolicyDomain'>({ ...object, spec: {} })).rejects.toMatchObject({ code: 'Invalid' });
  await expect(store.delete('PolicyDomain', { namespace: 'default', name: 'a' })).rejects.toMatchObject({
    code: 'Invalid',
  });
});

test('a new process finds everything as it was, and versions go on rising', async () => {
  await put('a.yaml', domain('a'));
  const [object] = await store.list('PolicyDomain');
  if (object === undefined) throw new Error('not there');
  const reported = await store.updateStatus<'PolicyDomain'>({ ...object, status: { observedGeneration: 1 } });
  await store.close();
  store = await open();
  const [after] = await store.list('PolicyDomain');
  expect(after).toStrictEqual(reported);
  const next = await store.updateStatus<'PolicyDomain'>({ ...reported, status: { observedGeneration: 2 } });
  expect(Number(next.metadata.resourceVersion)).toBeGreaterThan(Number(reported.metadata.resourceVersion));
});

test('an edit made while nobody ran is taken over at the start', async () => {
  await put('a.yaml', domain('a'));
  await store.close();
  await writeFile(join(folder, 'a.yaml'), domain('a', 'package later'));
  store = await open();
  expect((await store.list('PolicyDomain'))[0]?.metadata.generation).toBe(2);
});

test('an edit is noticed without being asked for', async () => {
  await store.close();
  store = await openFolderStore({ folder, clock: systemClock, onProblems: () => undefined, rescanMs: 50 });
  await writeFile(join(folder, 'a.yaml'), domain('a'));
  expect(await eventually('it is noticed', async () => (await names())[0])).toBe('default/a');
});

test('a second store of one folder is refused while the first is open', async () => {
  await expect(open()).rejects.toMatchObject({ code: 'Unavailable' });
});

test('a second store says which process uses the folder, and what a killed one left holds nobody up', async () => {
  await expect(open()).rejects.toMatchObject({ message: expect.stringContaining(`process ${process.pid} `) });
  await store.close();
  await writeFile(join(folder, '.edict', 'owner.pid'), '1');
  store = await open();
});

test('a start that fails gives the folder back', async () => {
  await store.close();
  const owner = join(folder, '.edict', 'owner.pid');
  await mkdir(owner);
  await expect(open()).rejects.toMatchObject({ code: 'EISDIR' });
  await rmdir(owner);
  store = await open();
});

test('state that was damaged from outside stops the start, by name', async () => {
  await put('a.yaml', domain('a'));
  await store.close();
  const state = join(folder, '.edict', 'PolicyDomain', 'default');
  expect(await readdir(state)).toStrictEqual(['a.json']);
  await writeFile(join(state, 'a.json'), '{"object":');
  await expect(open()).rejects.toMatchObject({ code: 'Invalid', message: expect.stringContaining('a.json') });
  await rm(join(state, 'a.json'));
  store = await open();
});
