import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { domainYaml } from '../testing/domains.ts';
import { runEdict, temporaryFolder } from '../testing/run-edict.ts';

const OLD = domainYaml()
  .replace('edict.dev/v1beta1', 'iamlite.manetu.io/v1alpha3')
  .replace(
    '  operations:',
    '  groups:\n    - mrn: "mrn:group:a"\n      name: a\n      roles: []\n      annotations:\n        - name: level\n          value: 007\n  operations:',
  );

test('an old file becomes a new one with the same meaning, on standard output', async () => {
  await using folder = await temporaryFolder({ 'old.yaml': OLD });
  const { code, stdout, stderr } = await runEdict(['convert', '-f', folder.path('old.yaml')]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('apiVersion: edict.dev/v1beta1');
  const again = await folder.write('new.yaml', stdout);
  expect(await runEdict(['lint', '-f', again])).toMatchObject({ code: 0 });
});

test('JSON can be written to a file', async () => {
  await using folder = await temporaryFolder({ 'old.yaml': OLD });
  const target = folder.path('new.json');
  expect(await runEdict(['convert', '-f', folder.path('old.yaml'), '-o', 'json', '--output-file', target])).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  });
  expect(JSON.parse(await readFile(target, 'utf8'))).toMatchObject({
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicyDomain',
  });
});

test('several files are documents of one stream, or a list', async () => {
  await using folder = await temporaryFolder({
    'a.yaml': domainYaml(undefined, 'a'),
    'b.yaml': domainYaml(undefined, 'b'),
  });
  const files = ['-f', folder.path('a.yaml'), '-f', folder.path('b.yaml')];
  expect((await runEdict(['convert', ...files])).stdout.split('---\n')).toHaveLength(2);
  const { stdout } = await runEdict(['convert', ...files, '-o', 'json']);
  expect(JSON.parse(stdout)).toMatchObject([{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }]);
});

test('what an older version cannot say is told', async () => {
  const text = domainYaml().replace(
    '  operations:',
    '  resources:\n    - name: all\n      selector: [".*"]\n      group: "mrn:rg"\n  resource-groups:\n    - mrn: "mrn:rg"\n      name: rg\n      policy: "mrn:iam:policy:gate"\n  operations:',
  );
  await using folder = await temporaryFolder({ 'new.yaml': text });
  const { code, stderr } = await runEdict([
    'convert',
    '-f',
    folder.path('new.yaml'),
    '--to',
    'iamlite.manetu.io/v1alpha3',
  ]);
  expect(code).toBe(0);
  expect(stderr).toMatch(/new\.yaml: lost: .*resources/);
});

test.each([
  ['no YAML', 'a: [', /bad\.yaml:\d+:\d+/],
  ['another kind', domainYaml().replace('PolicyDomain', 'Deployment'), /Deployment/],
])('%s is refused', async (_what, text, message) => {
  await using folder = await temporaryFolder({ 'bad.yaml': text });
  const { code, stdout, stderr } = await runEdict(['convert', '-f', folder.path('bad.yaml')]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(message);
});

test('an unknown version to convert to is refused with those there are', async () => {
  const { code, stderr } = await runEdict(['convert', '-f', 'x.yaml', '--to', 'v9']);
  expect(code).toBe(1);
  expect(stderr).toContain('edict.dev/v1beta1');
});
