import { expect, test } from '@jest/globals';
import { domainYaml, GATE_REGO, referenceYaml } from '../testing/domains.ts';
import { runEdict, temporaryFolder } from '../testing/run-edict.ts';

test('a good file passes, and the summary says so', async () => {
  await using folder = await temporaryFolder({ 'good.yaml': domainYaml() });
  expect(await runEdict(['lint', '-f', folder.path('good.yaml')])).toEqual({
    code: 0,
    stdout: '1 file checked: 0 errors, 0 warnings\n',
    stderr: '',
  });
});

test.each([
  ['YAML that does not parse', 'kind: [PolicyDomain\nmetadata: {', /^FILE:\d+:\d+: /],
  [
    'Rego that does not parse',
    domainYaml('allow := := 1'),
    /^FILE:13:\d+: \[policy mrn:iam:policy:gate\] .*\(rego 4:\d+\)$/m,
  ],
  [
    'Rego with an unsafe variable',
    domainYaml('allow := 1 if input.x == y'),
    /^FILE:13:\d+: \[policy mrn:iam:policy:gate\] .*unsafe/m,
  ],
  ['an unknown apiVersion', domainYaml().replace('edict.dev/v1beta1', 'edict.dev/v9'), /^FILE.*v9/m],
  ['an unknown kind', domainYaml().replace('kind: PolicyDomain', 'kind: Deployment'), /^FILE.*Deployment/m],
  [
    'a reference to nothing',
    domainYaml().replace('policy: "mrn:iam:policy:gate"', 'policy: "mrn:nowhere"'),
    /^FILE:\d+:\d+: \[operation all\] .*mrn:nowhere/m,
  ],
  ['a selector that is no expression', domainYaml().replace('".*"', '"("'), /^FILE:\d+:\d+: \[operation all\]/m],
  ['a wrong type', domainYaml().replace('selector: [".*"]', 'selector: {a: 1}'), /^FILE:\d+/m],
])('%s fails with its place', async (_what, text, expected) => {
  await using folder = await temporaryFolder({ 'bad.yaml': text });
  const file = folder.path('bad.yaml');
  const { code, stdout, stderr } = await runEdict(['lint', '-f', file]);
  expect(stdout.replaceAll(file, 'FILE')).toMatch(expected);
  expect(stdout).toMatch(/1 file checked: [1-9]\d* errors?, \d+ warnings?\n$/);
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
});

test('a file that is not there ends the command at once', async () => {
  await using folder = await temporaryFolder();
  const file = folder.path('none.yaml');
  expect(await runEdict(['lint', '-f', file])).toEqual({
    code: 1,
    stdout: '',
    stderr: `error: cannot read ${file}: no such file or directory\n`,
  });
});

test('files are repeated or separated by commas, and all are reported', async () => {
  await using folder = await temporaryFolder({
    'a.yaml': domainYaml('allow := := 1'),
    'b.yaml': 'x: [',
    'c.yaml': domainYaml(undefined, 'c'),
  });
  const [a, b, c] = ['a.yaml', 'b.yaml', 'c.yaml'].map(folder.path);
  const { code, stdout } = await runEdict(['lint', '-f', `${a ?? ''},${b ?? ''}`, '--file', c ?? '']);
  expect(code).toBe(1);
  expect(stdout).toContain(`${a ?? ''}:13:`);
  expect(stdout).toContain(`${b ?? ''}:`);
  expect(stdout).toContain('3 files checked');
});

test('JSON carries every problem with its place', async () => {
  await using folder = await temporaryFolder({ 'bad.yaml': domainYaml('allow := := 1') });
  const { code, stdout } = await runEdict(['lint', '-f', folder.path('bad.yaml'), '-o', 'json']);
  const answer = JSON.parse(stdout) as { errors: number; problems: unknown[] };
  expect(code).toBe(1);
  expect(answer.errors).toBe(answer.problems.length);
  expect(answer.problems[0]).toMatchObject({
    severity: 'error',
    line: 13,
    mrn: 'mrn:iam:policy:gate',
    class: 'rego-parse',
  });
});

test('warnings fail only when asked to', async () => {
  const unused = domainYaml().replace(
    '  operations:',
    '  roles:\n    - mrn: "mrn:role:x"\n      name: x\n      policy: "other/mrn:iam:policy:gate"\n  operations:',
  );
  const other = domainYaml(undefined, 'other');
  await using folder = await temporaryFolder({ 'warn.yaml': unused, 'other.yaml': other });
  const files = ['-f', folder.path('warn.yaml'), '-f', folder.path('other.yaml')];
  const plain = await runEdict(['lint', ...files]);
  expect(plain.stdout).toMatch(/warning: /);
  expect(plain.stdout).toMatch(/0 errors, [1-9]\d* warnings?\n$/);
  expect(plain.code).toBe(0);
  expect((await runEdict(['lint', ...files, '--fail-on-warning'])).code).toBe(1);
});

test('a reference is built, and its problems are where the author wrote them', async () => {
  await using folder = await temporaryFolder({ 'gate.rego': GATE_REGO, 'bad.rego': `${GATE_REGO}allow := := 1\n` });
  const good = await folder.write('good.yaml', referenceYaml(folder.path('gate.rego')));
  expect(await runEdict(['lint', '-f', good])).toMatchObject({ code: 0, stderr: '' });
  const bad = await folder.write('bad.yaml', referenceYaml(folder.path('bad.rego')));
  const { code, stdout } = await runEdict(['lint', '-f', bad]);
  expect(code).toBe(1);
  expect(stdout).toContain(`${folder.path('bad.rego')}:5:`);
  expect(stdout).not.toContain(`${bad}:`);
  const dangling = await folder.write(
    'dangling.yaml',
    referenceYaml(folder.path('gate.rego')).replace(/policy: .*\n$/, 'policy: "mrn:nowhere"\n'),
  );
  expect((await runEdict(['lint', '-f', dangling])).stdout).toMatch(
    new RegExp(`^${dangling}:13:\\d+: \\[operation all\\] `),
  );
  const missing = await folder.write('missing.yaml', referenceYaml('no/such.rego'));
  const lost = await runEdict(['lint', '-f', missing]);
  expect(lost.code).toBe(1);
  expect(lost.stdout).toContain(`${missing}:9:`);
  expect(lost.stdout).toContain('no/such.rego');
});
