import { readFile, stat } from 'node:fs/promises';
import { isDigest, parseBundle } from '@edict/bundle';
import { expect, test } from '@jest/globals';
import { domainYaml, GATE_REGO, referenceYaml } from '../testing/domains.ts';
import { runEdict, temporaryFolder } from '../testing/run-edict.ts';

test('the Rego is put in, comments stay, and only the owner may read it', async () => {
  await using folder = await temporaryFolder({ 'gate.rego': GATE_REGO });
  const file = await folder.write('ref.yaml', referenceYaml(folder.path('gate.rego')));
  const written = folder.path('ref-built.yaml');
  expect(await runEdict(['build', '-f', file])).toEqual({ code: 0, stdout: `✓ ${file} → ${written}\n`, stderr: '' });
  const text = await readFile(written, 'utf8');
  expect(text).toContain('kind: PolicyDomain\n');
  expect(text).toContain('# kept');
  expect(text).toContain('allow := 1 if input.principal.sub == "ann"');
  expect((await stat(written)).mode & 0o777).toBe(0o600);
  expect(await runEdict(['lint', '-f', written])).toMatchObject({ code: 0 });
});

test('the same domain gives the same bundle and digest, wherever it is written', async () => {
  await using folder = await temporaryFolder({ 'shop.yaml': domainYaml() });
  const results = [];
  for (const args of [[], ['--output-file', folder.path('other.tar.gz')]]) {
    const { code, stdout } = await runEdict([
      'build',
      '-f',
      folder.path('shop.yaml'),
      '--format',
      'bundle',
      '-o',
      'json',
      ...args,
    ]);
    expect(code).toBe(0);
    results.push(...(JSON.parse(stdout) as { readonly written: string; readonly digest: string }[]));
  }
  expect(results.map(({ written }) => written)).toEqual([folder.path('shop.tar.gz'), folder.path('other.tar.gz')]);
  expect(results[0]?.digest).toBe(results[1]?.digest);
  const bytes = await readFile(folder.path('shop.tar.gz'));
  expect(bytes).toEqual(await readFile(folder.path('other.tar.gz')));
  const digest = results[0]?.digest ?? '';
  if (!isDigest(digest)) throw new Error(`${digest} is no digest`);
  expect(parseBundle(bytes, { digest })).toMatchObject({ name: 'shop' });
});

test.each([
  ['a Rego file that is not there', referenceYaml('no/such.rego'), 'file not found: no/such.rego'],
  [
    'both rego and rego_filename',
    referenceYaml('x.rego').replace('      rego_filename', '      rego: x\n      rego_filename'),
    "cannot specify both 'rego' and 'rego_filename'",
  ],
  [
    'neither',
    referenceYaml('x').replace('      rego_filename: x\n', ''),
    "missing 'rego' or 'rego_filename' in 'policies' entry",
  ],
  ['an empty name', referenceYaml('""'), 'rego_filename cannot be empty'],
  ['no YAML', 'a: [', 'bad.yaml:'],
])('%s fails', async (_what, text, message) => {
  await using folder = await temporaryFolder({ 'bad.yaml': text });
  const { code, stdout, stderr } = await runEdict(['build', '-f', folder.path('bad.yaml')]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^✗ /);
  expect(stdout).toContain(message);
  expect(stderr).toBe('error: build failed for one or more files\n');
});

test('one bad file does not keep the others from being built', async () => {
  await using folder = await temporaryFolder({ 'good.yaml': domainYaml() });
  const { code, stdout } = await runEdict(['build', '-f', folder.path('none.yaml'), '-f', folder.path('good.yaml')]);
  expect(code).toBe(1);
  expect(stdout).toContain(`✗ ${folder.path('none.yaml')}\n  cannot read`);
  expect(stdout).toContain(`✓ ${folder.path('good.yaml')}`);
});

test('several files have no one output, and -o is not a file here', async () => {
  expect(await runEdict(['build', '-f', 'a.yaml,b.yaml', '--output-file', 'c.yaml'])).toMatchObject({
    code: 1,
    stderr: 'error: cannot specify --output-file when building multiple files\n',
  });
  const { code, stderr } = await runEdict(['build', '-f', 'a.yaml', '-o', 'out.yaml']);
  expect(code).toBe(1);
  expect(stderr).toContain('use --output-file');
});

test('a place that cannot be written is named', async () => {
  await using folder = await temporaryFolder({ 'good.yaml': domainYaml() });
  const target = folder.path('no/such/place.yaml');
  const { code, stdout } = await runEdict(['build', '-f', folder.path('good.yaml'), '--output-file', target]);
  expect(code).toBe(1);
  expect(stdout).toContain(`cannot write ${target}: no such file or directory`);
});
