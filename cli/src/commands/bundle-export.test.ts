import { readdir, readFile, writeFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import {
  digestOf,
  fallbackArtifactPath,
  fallbackIndexPath,
  parseBundle,
  parseFallbackIndex,
  parseManifest,
  verifyDecision,
} from '@edict/bundle';
import { domainYaml } from '../testing/domains.ts';
import { replaceFile } from '../../../operator/src/testing/replace-file.ts';
import { temporaryFolder } from '../testing/run-edict.ts';
import { startUp } from '../testing/running-edict.ts';

const allowing = (sub: string): string => domainYaml(`allow := 1 if input.principal.sub == "${sub}"`);

test('what is committed is written with all that belongs to it, and replaced by what is committed next', async () => {
  await using folder = await temporaryFolder({ 'policies/.keep': '' });
  await using up = await startUp(folder.path('policies'));
  const out = folder.path('site');
  const read = (path: string): Promise<Buffer> => readFile(`${out}/${path}`);
  const exported = () => up.edict('bundle', 'export', '--set', 'default', '--out', out);
  expect(await exported()).toMatchObject({
    code: 1,
    stderr: 'error: no policy set named default in namespace default\n',
  });

  await replaceFile(folder.path('policies/shop.yaml'), allowing('ann'));
  await up.edict('rollout', 'status');
  expect(await exported()).toMatchObject({ code: 0, stderr: '' });
  const { revision, decision } = parseFallbackIndex(await read(fallbackIndexPath('default/default')));
  expect(revision).toMatchObject({ set: 'default/default', n: 1 });
  // Whoever loads it can see that it is decided, not merely signed.
  const { keyId, publicKey } = JSON.parse(
    await readFile(folder.path('policies/.edict/signing-key.json'), 'utf8'),
  ) as Record<string, string>;
  expect(decision).toMatchObject({ final: true, keyId });
  expect(() => {
    verifyDecision(revision, undefined, decision, new Map([[keyId ?? '', publicKey ?? '']]));
  }).not.toThrow();
  const bytes = await read(fallbackArtifactPath(revision.digest));
  expect(digestOf(bytes)).toBe(revision.digest);
  const [domain] = parseManifest(bytes).domains;
  if (domain === undefined) throw new Error('no domain');
  const bundle = await read(fallbackArtifactPath(domain.digest));
  expect(parseBundle(bundle, { digest: domain.digest }).policies.length).toBeGreaterThan(0);

  // A file that was damaged is written anew.
  await writeFile(`${out}/${fallbackArtifactPath(domain.digest)}`, 'damaged');
  await replaceFile(folder.path('policies/shop.yaml'), allowing('bob'));
  await up.edict('rollout', 'status');
  const again = await up.edict('bundle', 'export', '--set', 'default', '--out', out, '-o', 'json');
  expect(JSON.parse(again.stdout)).toMatchObject([{ set: 'default/default', revision: 2, artifacts: 2 }]);
  expect(parseFallbackIndex(await read(fallbackIndexPath('default/default'))).revision.n).toBe(2);
  await replaceFile(folder.path('policies/shop.yaml'), allowing('ann'));
  await up.edict('rollout', 'status');
  await exported();
  expect(digestOf(gunzipSync(await read(fallbackArtifactPath(domain.digest))))).toBe(domain.digest);
  expect((await readdir(`${out}/artifacts`)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});
