import { gunzipSync, gzipSync } from 'node:zlib';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { digestOf, generateSigningKey, type Digest, type SignedRevision } from '@edict/bundle';
import { decide, systemClock } from '@edict/engine';
import type { RefusalError } from '@edict/protocol';
import { useFolders } from '../testing/folders.ts';
import {
  craneDomain,
  craneDomainWithRego,
  liftRequest,
  publish,
  SET,
  SIGNING_KEY,
  TRUSTED_KEYS,
  type Published,
} from '../testing/revisions.ts';
import { CompiledForms } from './compiled-forms.ts';
import { RevisionFiles } from './revision-files.ts';
import { FETCH_CONCURRENCY, RevisionLoader, type RevisionLoaderDeps } from './revision-loader.ts';
import { SnapshotCompiler } from './snapshot-compiler.ts';

const newFolder = useFolders();
const compiler = new SnapshotCompiler();
afterAll(() => compiler.close());

const source = { artifactsUrl: '', ticket: 'ticket' };
const signal = new AbortController().signal;

/** A loader over a real folder and a real compiler thread; what it fetches is changeable. */
async function start(published: Published, over: Partial<RevisionLoaderDeps> = {}) {
  const root = await newFolder();
  const files = await RevisionFiles.open(root, () => undefined);
  const served = new Map<Digest, Uint8Array>(published.artifacts);
  const fetched: Digest[] = [];
  const loader = new RevisionLoader({
    files,
    fetch: (_source, digest) => {
      fetched.push(digest);
      const bytes = served.get(digest);
      return bytes === undefined ? Promise.reject(new Error(`no ${digest}`)) : Promise.resolve(bytes);
    },
    trustedKeys: () => Promise.resolve(TRUSTED_KEYS),
    compile: compiler.compile,
    ...over,
  });
  const prepare = async (revision: SignedRevision): Promise<void> => {
    const { bundles } = await loader.manifest(revision, source, signal);
    await loader.bundles(bundles, source, signal);
    await loader.compile(revision, signal);
  };
  const allows = (digest: Digest, tons: number): boolean | undefined => {
    const snapshot = loader.snapshot(digest);
    return snapshot && decide(snapshot, liftRequest(tons), { clock: systemClock, newId: () => 'x' }).allow;
  };
  return { root, files, loader, served, fetched, prepare, allows };
}

/** Prepares and tells how that was refused. */
async function refusalOf(work: Promise<unknown>) {
  const error = (await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )) as RefusalError | undefined;
  return error && { phase: error.phase, code: error.code, deterministic: error.deterministic, detail: error.detail };
}

test('a genuine revision becomes a snapshot that decides as its domains say', async () => {
  const published = publish(1, [craneDomain(5)]);
  const { prepare, allows, fetched } = await start(published);
  await prepare(published.revision);
  const { digest } = published.revision;
  expect([allows(digest, 5), allows(digest, 6)]).toStrictEqual([true, false]);
  expect(fetched).toStrictEqual([digest, ...published.manifest.domains.map((domain) => domain.digest)]);
});

test('what the manifest says of serving reaches the snapshot', async () => {
  const serving = { documents: { policies: ['mrn:harbour:policy:anyone'] } };
  const domain = craneDomain(5, { data: '{"berths":{"north":7.50}}' });
  const published = publish(1, [domain], { manifest: { serving } });
  const { prepare, loader } = await start(published);
  await prepare(published.revision);
  const snapshot = loader.snapshot(published.revision.digest);
  expect(snapshot?.serving).toStrictEqual(serving);
  expect(snapshot?.documents?.evaluate(['authz', 'allow'], {})).toStrictEqual({ kind: 'value', value: true });
  const berths = snapshot?.documents?.evaluate(['berths'], {});
  expect(JSON.stringify(berths)).toBe('{"kind":"value","value":{"north":7.50}}');
});

test('a revision of no domains denies everything', async () => {
  const published = publish(1, [], { revision: { reason: 'Withdraw' } });
  const { prepare, allows } = await start(published);
  await prepare(published.revision);
  expect(allows(published.revision.digest, 1)).toBe(false);
});

test('what is on disk is not fetched again, and unchanged programs are taken over', async () => {
  const first = publish(1, [craneDomain(5)]);
  const { prepare, fetched, served, loader, allows } = await start(first);
  await prepare(first.revision);
  const second = publish(2, [craneDomain(5), craneDomain(9, { name: 'second', operations: [], resourceGroups: [] })]);
  for (const [digest, bytes] of second.artifacts) served.set(digest, bytes);
  fetched.length = 0;
  await prepare(second.revision);
  expect(fetched).toStrictEqual([second.revision.digest, second.manifest.domains[1]?.digest]);
  const before = loader.snapshot(first.revision.digest)?.programs;
  const after = loader.snapshot(second.revision.digest)?.programs;
  const shared = [...(before ?? [])].filter(([key, program]) => after?.get(key) === program);
  expect([shared.length, before?.size]).toStrictEqual([3, 3]);
  expect(allows(second.revision.digest, 5)).toBe(true);
});

test('after a restart it compiles from disk without fetching', async () => {
  const published = publish(1, [craneDomain(5)]);
  const { prepare, root } = await start(published);
  await prepare(published.revision);
  const loader = new RevisionLoader({
    files: await RevisionFiles.open(root, () => undefined),
    fetch: () => Promise.reject(new Error('nothing is to be fetched')),
    trustedKeys: () => Promise.resolve(TRUSTED_KEYS),
    compile: compiler.compile,
  });
  await loader.compile(published.revision, signal);
  expect(loader.snapshot(published.revision.digest)).toBeDefined();
});

test('only what is to be retained stays compiled', async () => {
  const published = publish(1, [craneDomain(5)]);
  const { prepare, loader } = await start(published);
  await prepare(published.revision);
  loader.retain(new Set([published.revision.digest]));
  expect(loader.snapshot(published.revision.digest)).toBeDefined();
  loader.retain(new Set());
  expect(loader.snapshot(published.revision.digest)).toBeUndefined();
});

const good = publish(1, [craneDomain(5)]);
const stranger = generateSigningKey();
const other = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
test.each<[string, SignedRevision, string, boolean]>([
  ['an altered number', { ...good.revision, n: 2 }, 'bad-signature', true],
  ['an altered parent', { ...good.revision, parent: 7 }, 'bad-signature', true],
  ['an altered digest', { ...good.revision, digest: other('a') }, 'bad-signature', true],
  ['an altered set', { ...good.revision, setUid: 'other' }, 'bad-signature', true],
  ['an altered reason', { ...good.revision, reason: 'Withdraw' }, 'bad-signature', true],
  ['an altered time', { ...good.revision, createdAt: '2030-01-01T00:00:00.000Z' }, 'bad-signature', true],
  ['a signature of something else', { ...good.revision, signature: 'AAAA' }, 'bad-signature', true],
  ['no signature', { ...good.revision, signature: '' }, 'unsigned', true],
  ['an unknown key', publish(1, [], { key: stranger }).revision, 'unknown-key', false],
  [
    'a known key id under a strange signature',
    { ...publish(1, [], { key: stranger }).revision, keyId: SIGNING_KEY.keyId },
    'bad-signature',
    true,
  ],
])('a revision with %s is refused before anything is fetched', async (_name, revision, code, deterministic) => {
  const { loader, fetched } = await start(good);
  const refusal = await refusalOf(loader.manifest(revision, source, signal));
  expect(refusal).toMatchObject({ phase: 'Verify', code, deterministic });
  expect(fetched).toStrictEqual([]);
});

test('with no trusted keys nothing is taken, and nothing is remembered as bad', async () => {
  const { loader } = await start(good, { trustedKeys: () => Promise.resolve(new Map()) });
  const refusal = await refusalOf(loader.manifest(good.revision, source, signal));
  expect(refusal).toMatchObject({ phase: 'Verify', code: 'no-trusted-keys', deterministic: false });
});

test('manifest bytes that are not those of the digest are refused and not stored', async () => {
  const { loader, served, files } = await start(good);
  served.set(good.revision.digest, new TextEncoder().encode('{}'));
  const refusal = await refusalOf(loader.manifest(good.revision, source, signal));
  expect(refusal).toMatchObject({ phase: 'Verify', code: 'DigestMismatch', deterministic: false });
  expect(await files.hasArtifact(good.revision.digest)).toBe(false);
});

test('a stored manifest that was damaged is fetched again', async () => {
  const { loader, root, fetched, prepare } = await start(good);
  await prepare(good.revision);
  const [name] = (await readdir(join(root, 'artifacts'))).filter((file) =>
    file.endsWith(good.revision.digest.slice(7)),
  );
  await writeFile(join(root, 'artifacts', name ?? ''), '{"damaged":true}');
  expect(await refusalOf(loader.compile(good.revision, signal))).toMatchObject({
    phase: 'Verify',
    code: 'DigestMismatch',
    deterministic: false,
  });
  fetched.length = 0;
  await prepare(good.revision);
  expect(fetched).toStrictEqual([good.revision.digest]);
});

test.each([
  ['of another set', publish(1, [craneDomain(1)], { manifest: { setUid: 'other' } }), 'Verify', 'altered-set'],
  [
    'that carries tests',
    publish(1, [craneDomain(1)], { manifest: { tests: [other('b')] } }),
    'Test',
    'TestsUnsupported',
  ],
])('a genuine manifest %s is refused for good', async (_name, published, phase, code) => {
  const { loader } = await start(published);
  const refusal = await refusalOf(loader.manifest(published.revision, source, signal));
  expect(refusal).toMatchObject({ phase, code, deterministic: true });
});

test('a signed digest of bytes that are no manifest is refused for good', async () => {
  const bytes = new TextEncoder().encode('{"setUid":1}');
  const { revision } = publish(1, [], { revision: { digest: digestOf(bytes) } });
  const { loader, served } = await start(good);
  served.set(revision.digest, bytes);
  const refusal = await refusalOf(loader.manifest(revision, source, signal));
  expect(refusal).toMatchObject({ phase: 'Verify', code: 'bad-field', deterministic: true });
});

test('a manifest of a newer format is refused for good, and says that this PDP is behind', async () => {
  const newer = publish(1, [craneDomain(1)], { manifest: { wings: 2 } as object });
  const { loader } = await start(newer);
  const refusal = await refusalOf(loader.manifest(newer.revision, source, signal));
  expect(refusal).toMatchObject({ phase: 'Verify', code: 'unsupported-format', deterministic: true });
  expect(refusal?.detail.message).toContain("a member 'wings'");
});

test('a bundle of a newer format is refused for good, and what serves goes on', async () => {
  const { prepare, served, allows } = await start(good);
  await prepare(good.revision);
  const next = publish(2, [craneDomain(6)]);
  const [domain] = next.manifest.domains;
  if (domain === undefined) throw new Error('the revision has no domain');
  const tar = Buffer.from(gunzipSync(next.artifacts.get(domain.digest) ?? new Uint8Array()));
  const at = tar.indexOf('"rendererVersion":1');
  expect(at).toBeGreaterThan(0);
  tar.write('9', at + '"rendererVersion":'.length);
  const digest = digestOf(tar);
  const newer = publish(2, [], { manifest: { domains: [{ ...domain, digest }] } });
  for (const [name, bytes] of newer.artifacts) served.set(name, bytes);
  served.set(digest, gzipSync(tar));
  const refusal = await refusalOf(prepare(newer.revision));
  expect(refusal).toMatchObject({ phase: 'Verify', code: 'unsupported-format', deterministic: true });
  expect(refusal?.detail.message).toContain('format 9; this reader knows up to 1');
  expect(allows(good.revision.digest, 5)).toBe(true);
});

test('a key that comes with a rotation is trusted from the next try on, and one that is gone no more', async () => {
  const rotated = publish(2, [craneDomain(6)], { key: stranger });
  let trusted = TRUSTED_KEYS;
  const { prepare, allows } = await start(rotated, { trustedKeys: () => Promise.resolve(trusted) });
  expect(await refusalOf(prepare(rotated.revision))).toMatchObject({ code: 'unknown-key', deterministic: false });
  trusted = new Map([...TRUSTED_KEYS, [stranger.keyId, stranger.publicKey]]);
  await prepare(rotated.revision);
  expect(allows(rotated.revision.digest, 6)).toBe(true);
  trusted = TRUSTED_KEYS;
  expect(await refusalOf(prepare(rotated.revision))).toMatchObject({ code: 'unknown-key', deterministic: false });
});

const bundleOf = ({ manifest }: Published): Digest => manifest.domains[0]?.digest ?? other('0');
const zeros = gzipSync(Buffer.alloc(80 * 1024 * 1024), { level: 9 });
const another = publish(1, [craneDomain(6)]);
test.each<[string, (bytes: Uint8Array) => Uint8Array, string]>([
  ['is cut off', (bytes) => bytes.subarray(0, bytes.length - 40), 'bad-gzip'],
  ['is empty', () => new Uint8Array(), 'bad-gzip'],
  ['is no gzip', () => new TextEncoder().encode('hello'), 'bad-gzip'],
  ['is that of another digest', () => another.artifacts.get(bundleOf(another)) ?? new Uint8Array(), 'digest-mismatch'],
  ['inflates without end', () => zeros, 'too-large'],
  ['is larger than any bundle', () => new Uint8Array(1_048_577), 'too-large'],
])('a bundle that %s is refused, forgotten, and right the next time', async (_name, damage, code) => {
  const { prepare, served, files, allows } = await start(good);
  const digest = bundleOf(good);
  const right = served.get(digest) ?? new Uint8Array();
  served.set(digest, damage(right));
  const refusal = await refusalOf(prepare(good.revision));
  expect(refusal).toMatchObject({ phase: 'Verify', code, deterministic: false });
  expect(refusal?.detail.message).toContain(digest);
  expect(await files.hasArtifact(digest)).toBe(false);
  expect(allows(good.revision.digest, 1)).toBeUndefined();
  served.set(digest, right);
  await prepare(good.revision);
  expect(allows(good.revision.digest, 5)).toBe(true);
});

test('a bundle that has the right digest and a wrong content is refused for good', async () => {
  const tar = Buffer.alloc(1024);
  const published = publish(1, [craneDomain(1)]);
  const digest = digestOf(tar);
  const domains = published.manifest.domains.map((domain) => ({ ...domain, digest }));
  const wrong = publish(1, [craneDomain(1)], { manifest: { domains } });
  const { prepare, served, files } = await start(wrong);
  served.set(digest, gzipSync(tar));
  expect(await refusalOf(prepare(wrong.revision))).toMatchObject({
    phase: 'Verify',
    code: 'missing-file',
    deterministic: true,
  });
  expect(await files.hasArtifact(digest)).toBe(true);
});

test('Rego that does not compile is refused for good with domain, MRN, line, column and how much more there is', async () => {
  const rego = 'package authz\n\ndefault allow = false\n\nallow { x := y }\n\nallow { z := w }\n';
  const bad = publish(2, [craneDomainWithRego(rego)]);
  const { prepare, served, allows } = await start(good);
  await prepare(good.revision);
  for (const [digest, bytes] of bad.artifacts) served.set(digest, bytes);
  const refusal = await refusalOf(prepare(bad.revision));
  expect(refusal).toStrictEqual({
    phase: 'Compile',
    code: 'rego_unsafe_var_error',
    deterministic: true,
    detail: {
      domain: 'cranes',
      mrn: 'mrn:harbour:policy:lift',
      line: 5,
      column: 9,
      message: expect.stringContaining('and 1 more'),
    },
  });
  expect([allows(bad.revision.digest, 1), allows(good.revision.digest, 5)]).toStrictEqual([undefined, true]);
});

test('a reference that leads nowhere is refused with the entity that has it', async () => {
  const domain = craneDomain(1, { roles: [] });
  const broken = {
    ...domain,
    scopes: [{ mrn: 'mrn:s', name: '', description: '', policy: 'mrn:gone', annotations: [] }],
  };
  const published = publish(1, [broken]);
  const { prepare } = await start(published);
  expect(await refusalOf(prepare(published.revision))).toMatchObject({
    phase: 'Compile',
    code: 'reference',
    deterministic: true,
    detail: { mrn: 'mrn:s' },
  });
});

test('bundles are fetched a few at a time', async () => {
  const domains = Array.from({ length: 9 }, (_, index) => craneDomain(index, { name: `d${index}` }));
  const published = publish(1, domains);
  let running = 0;
  let most = 0;
  const { prepare } = await start(published, {
    fetch: async (_source, digest) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 20));
      running--;
      return published.artifacts.get(digest) ?? new Uint8Array();
    },
    compile: () =>
      Promise.resolve({ ok: false, phase: 'Compile', code: 'x', deterministic: true, detail: { message: SET } }),
  });
  expect(await refusalOf(prepare(published.revision))).toMatchObject({ code: 'x' });
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(FETCH_CONCURRENCY);
});

test('a revision that is not wanted in memory is proved, and brought there when it is', async () => {
  const published = publish(1, [craneDomain(5)]);
  const { loader, prepare, root, allows } = await start(published);
  await prepare(published.revision);
  const { digest } = published.revision;
  loader.release(SET);
  expect([loader.snapshot(digest), loader.proved(digest)?.set]).toStrictEqual([undefined, SET]);
  await loader.load(digest, signal);
  expect([allows(digest, 5), allows(digest, 6)]).toStrictEqual([true, false]);
  loader.retain(new Set());
  expect(loader.proved(digest)).toBeUndefined();
  await expect(loader.load(digest, signal)).rejects.toThrow('is gone');
  expect(await readdir(root)).toContain('compiled');
});

test('with forms nothing is compiled twice, by this process or the next; what cannot be kept is told and compiled again', async () => {
  const published = publish(1, [craneDomain(5)], { revision: { set: 'harbour/cold' } });
  const { digest } = published.revision;
  let compiled = 0;
  const failures: Digest[] = [];
  const counting: RevisionLoaderDeps['compile'] = (request, gone) => {
    compiled++;
    return compiler.compile(request, gone);
  };
  const { files, loader, prepare, root } = await start(published, { compile: counting });
  await prepare(published.revision);
  const forms = new CompiledForms(files, ['test']);
  const over = { files, compile: counting, forms, onFormFailure: (failed: Digest) => failures.push(failed) };
  const deps = {
    fetch: () => Promise.reject(new Error('no operator')),
    trustedKeys: () => Promise.resolve(TRUSTED_KEYS),
  };
  const cold = new RevisionLoader({ ...deps, ...over });
  await cold.compile(published.revision, signal, () => false);
  expect([compiled, cold.snapshot(digest)]).toStrictEqual([2, undefined]);
  const next = new RevisionLoader({ ...deps, ...over });
  await next.compile(published.revision, signal, () => false);
  expect([compiled, next.snapshot(digest), next.proved(digest)?.set]).toStrictEqual([2, undefined, 'harbour/cold']);
  const snapshot = await next.load(digest, signal);
  expect(decide(snapshot, liftRequest(5), { clock: systemClock, newId: () => 'x' }).allow).toBe(true);
  await new RevisionLoader({ ...deps, ...over }).compile(published.revision, signal);
  expect([compiled, failures]).toStrictEqual([2, []]);
  await rm(join(root, 'compiled'), { recursive: true });
  await new RevisionLoader({ ...deps, ...over }).compile(published.revision, signal);
  expect([compiled, failures]).toStrictEqual([3, [digest]]);
  expect(loader.snapshot(digest)).toBeDefined();
});
