import { expect, test } from '@jest/globals';
import { domainYaml, mapperDomainYaml } from '../testing/domains.ts';
import { runEdict, temporaryFolder, type Outcome } from '../testing/run-edict.ts';

const COPY =
  'porc := {"principal": {"sub": input.user}, "operation": "shop:buy", "resource": "mrn:shop:1", "context": input}';

async function runTest(command: string, domain: string, stdin: string, ...args: readonly string[]): Promise<Outcome> {
  await using folder = await temporaryFolder({
    'domain.yaml': domain,
    'other.yaml': mapperDomainYaml([COPY], 'other'),
  });
  const expanded = args.map((arg) => (arg === 'other.yaml' ? folder.path(arg) : arg));
  return await runEdict(['test', command, '-b', folder.path('domain.yaml'), ...expanded], { stdin });
}

test('the PORC is printed, with numbers as they were written', async () => {
  const { code, stdout, stderr } = await runTest(
    'mapper',
    mapperDomainYaml([COPY]),
    '{"user":"ann","id":12345678901234567890,"n":1.0}',
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ principal: { sub: 'ann' }, operation: 'shop:buy' });
  expect(stdout).toContain('"id": 12345678901234567890');
  expect(stdout).toContain('"n": 1.0');
});

test.each([
  ['a string', 'porc := "text"', '"text"\n'],
  ['null', 'porc := null', 'null\n'],
  ['a set, as a sorted list', 'porc := {3, 1}', '[\n  1,\n  3\n]\n'],
])('the mapper may answer %s', async (_what, rule, stdout) => {
  expect(await runTest('mapper', mapperDomainYaml([rule]), '{}')).toEqual({ code: 0, stdout, stderr: '' });
});

test.each([
  ['ann', 'GRANT'],
  ['bob', 'DENY'],
])('envoy decides what the mapper made: %s gets %s', async (user, decision) => {
  const { code, stdout } = await runTest('envoy', mapperDomainYaml([COPY]), JSON.stringify({ user }));
  expect({ code, first: stdout.split('\n')[0] }).toEqual({ code: 0, first: decision });
});

test('envoy prints the access record as JSON', async () => {
  const { stdout } = await runTest('envoy', mapperDomainYaml([COPY]), '{"user":"ann"}', '-o', 'json');
  expect(JSON.parse(stdout)).toMatchObject({ allow: true, record: { decision: 'GRANT' } });
});

const CONFLICT = 'porc := "a" if input.a\n        porc := "b" if input.b';
test.each([
  ['mapper', 'no mapper', domainYaml(), '{}', [], 'no mapper in the loaded domains'],
  ['mapper', 'two mappers', mapperDomainYaml([COPY, COPY]), '{}', [], 'more than one mapper'],
  [
    'mapper',
    'mappers in two domains',
    mapperDomainYaml([COPY]),
    '{}',
    ['-b', 'other.yaml'],
    'name the domain to use (-n)',
  ],
  ['mapper', 'an unknown domain', mapperDomainYaml([COPY]), '{}', ['-n', 'zzz'], "no domain is named 'zzz'"],
  ['mapper', 'a mapper without a value', mapperDomainYaml([COPY]), '{}', [], 'undefined'],
  ['mapper', 'a mapper in conflict', mapperDomainYaml([CONFLICT]), '{"a":true,"b":true}', [], 'eval_conflict_error'],
  [
    'mapper',
    'attributes that are no JSON',
    mapperDomainYaml([COPY]),
    '{\n"a" 1}',
    [],
    'standard input:2:5: not valid JSON',
  ],
  ['mapper', 'no attributes', mapperDomainYaml([COPY]), '', [], 'standard input:1:1: not valid JSON'],
  ['envoy', 'a mapper without a value', mapperDomainYaml([COPY]), '{}', [], 'undefined'],
  [
    'envoy',
    'a mapper that answers null',
    mapperDomainYaml(['porc := null']),
    '{}',
    [],
    "the mapper's answer is no PORC",
  ],
  [
    'envoy',
    'a mapper that answers a string',
    mapperDomainYaml(['porc := "x"']),
    '{}',
    [],
    "the mapper's answer is no PORC",
  ],
])('test %s: %s is an error, not a crash', async (command, _what, domain, stdin, args, message) => {
  const { code, stdout, stderr } = await runTest(command, domain, stdin, ...args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^error: /);
  expect(stderr).toContain(message);
});

test('of several domains the named one maps', async () => {
  const named = await runTest(
    'mapper',
    mapperDomainYaml(['porc := "shop"']),
    '{"user":"x"}',
    '-b',
    'other.yaml',
    '-n',
    'shop',
  );
  expect(named).toMatchObject({ code: 0, stdout: '"shop"\n' });
});
