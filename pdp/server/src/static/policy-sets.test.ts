import { expect, test } from '@jest/globals';
import { craneFile } from '../testing/policy-files.ts';
import { policySetsOf } from './policy-sets.ts';

const setsOf = (files: Readonly<Record<string, string>>) =>
  policySetsOf(
    Object.entries(files).map(([path, text]) => ({ path, bytes: Buffer.from(text) })),
    [],
  );

const SET = `
apiVersion: edict.dev/v1beta1
kind: PolicySet
metadata: {name: yard, namespace: harbour}
spec:
  domains: {selector: {matchLabels: {for: yard}}}
`;

const domain = (name: string, extra = ''): string => `
apiVersion: iamlite.manetu.io/v1beta1
kind: PolicyDomain
metadata: {name: ${name}${extra}}
spec:
  policies:
    - {mrn: "mrn:iam:policy:${name}", rego: "package authz\\ndefault allow = false"}
`;

const setNames = (files: Readonly<Record<string, string>>): unknown => {
  const read = setsOf(files);
  return read.ok ? read.sets.map(({ set, artifacts }) => [set, artifacts.size - 1]) : read.problems;
};

test('domains without a PolicySet make a set for each namespace', () => {
  expect(setNames({ 'a.yaml': domain('a'), 'b.yaml': domain('b', ', namespace: harbour') })).toStrictEqual([
    ['default/default', 1],
    ['harbour/default', 1],
  ]);
});

test('a PolicySet takes the domains of its namespace that it selects; several documents may be in one file', () => {
  const text = [
    SET,
    domain('a', ', namespace: harbour, labels: {for: yard}'),
    domain('b', ', namespace: harbour'),
  ].join('---');
  expect(setNames({ 'all.yaml': text })).toStrictEqual([['harbour/yard', 1]]);
});

test('a reference is built with the Rego files beside it', () => {
  const reference = `
apiVersion: iamlite.manetu.io/v1beta1
kind: PolicyDomainReference
metadata: {name: a}
spec:
  policies: [{mrn: "mrn:iam:policy:a", rego_filename: rego/a.rego}]
`;
  const rego = 'package authz\ndefault allow = false\n';
  expect(setNames({ 'x/a.yaml': reference, 'x/rego/a.rego': rego })).toStrictEqual([['default/default', 1]]);
  expect(setNames({ 'x/a.yaml': reference })).toStrictEqual([
    expect.stringMatching(/^x\/a\.yaml:6:\d+: .*rego\/a\.rego/),
  ]);
});

test('equal files have equal digests, others have others', () => {
  const digest = (limit: number): unknown => {
    const read = setsOf({ 'a.yaml': craneFile(limit) });
    return read.ok && read.sets.map((set) => set.digest);
  };
  expect(digest(5)).toStrictEqual(digest(5));
  expect(digest(5)).not.toStrictEqual(digest(6));
});

test.each([
  ['nothing', {}, 'no PolicyDomain in any file'],
  ['a file that is no YAML', { 'a.yaml': 'a: [' }, 'a.yaml:'],
  ['an object without kind', { 'a.yaml': 'a: 1' }, 'a.yaml: an object without kind'],
  ['another kind', { 'a.yaml': 'kind: Pod' }, 'a.yaml: kind Pod is not read'],
  ['a domain twice', { 'a.yaml': domain('a'), 'b.yaml': domain('a') }, 'b.yaml: default/a is in a.yaml already'],
  ['a set that is none', { 'a.yaml': `${domain('a')}---${SET}  minReady: -1` }, 'a.yaml: spec.minReady: '],
  [
    'a Rego mistake in the second document',
    { 'a.yaml': `${domain('a')}---${domain('b').replace('false', 'x')}` },
    'a.yaml:14:',
  ],
])('%s is refused with its place', (_name, files: Readonly<Record<string, string>>, start) => {
  const read = setsOf(files);
  expect(read).toMatchObject({ ok: false, problems: [expect.stringContaining(start)] });
});

test('what only an operator can promise is warned of', () => {
  const strict = SET.replace('spec:', 'spec:\n  consistency: {mode: Strict}');
  const read = setsOf({ 'a.yaml': strict, 'b.yaml': domain('a', ', namespace: harbour, labels: {for: yard}') });
  expect(read).toMatchObject({ ok: true, warnings: [expect.stringContaining('a.yaml: spec.consistency')] });
});
