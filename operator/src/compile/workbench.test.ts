import { expect, test } from '@jest/globals';
import { formatProblem } from '@edict/bundle';
import { aDomainSpec, regoPermitting } from '../testing/fixtures.ts';
import { systemClock } from '../clock.ts';
import type { DomainSource, DomainVerdict, StoredBundle } from './domain-checker.ts';
import { domainsReferredTo, reachable, reversed } from './domain-references.ts';
import { createWorkerChecker } from './worker-checker.ts';
import { Workbench } from './workbench.ts';

const source = (name: string, over: Parameters<typeof aDomainSpec>[0] = {}): DomainSource => ({
  namespace: 'ns',
  name,
  spec: aDomainSpec(over),
});
const library = { mrn: 'mrn:library:util', rego: 'package util\n\nyes = true\n' };
const importing = (domain: string) => ({
  policies: [
    {
      mrn: 'mrn:policy:main',
      rego: 'package authz\n\nimport data.util\n\nallow { util.yes }\n',
      dependencies: [`${domain}/mrn:library:util`],
    },
  ],
});

function bundleOf({ bundle }: DomainVerdict): StoredBundle {
  if (bundle === undefined) throw new Error('no bundle');
  return bundle;
}

test('a valid domain is rendered, counted, and the same domain gives the same digest', () => {
  const [first, second] = [new Workbench(), new Workbench()].map((bench) => bench.checkDomain(source('a'), []));
  expect(first?.problems).toStrictEqual([]);
  expect(first?.entities).toMatchObject({ policies: 1, roles: 1, operations: 1 });
  expect(first?.bundle?.digest).toBe(second?.bundle?.digest);
});

test('what is wrong with another domain is not blamed on this one', () => {
  const bench = new Workbench();
  const broken = source('other', { policies: [{ mrn: 'p', rego: 'package' }], 'policy-libraries': [library] });
  const verdict = bench.checkDomain(source('a', importing('other')), [{ type: 'source', source: broken }]);
  expect(verdict.problems).toStrictEqual([]);
});

test('a domain that is refused counts as what it was last rendered to', () => {
  const bench = new Workbench();
  const rendered = bundleOf(bench.checkDomain(source('other', { 'policy-libraries': [library] }), []));
  const context = [{ type: 'bundle', namespace: 'ns', bundle: rendered } as const];
  expect(bench.checkDomain(source('a', importing('other')), context).problems).toStrictEqual([]);
  const [problem] = bench.checkDomain(source('a', importing('other')), []).problems;
  expect(problem === undefined ? '' : formatProblem(problem)).toMatch(/\[policy mrn:policy:main\].*other/);
});

test('a combination is checked where it changed, and at those who refer to what changed', () => {
  const bench = new Workbench();
  const withLibrary = bundleOf(bench.checkDomain(source('shared', { 'policy-libraries': [library] }), []));
  const without = bundleOf(bench.checkDomain(source('shared'), []));
  const user = bundleOf(
    bench.checkDomain(source('user', importing('shared')), [{ type: 'bundle', namespace: 'ns', bundle: withLibrary }]),
  );
  const bystander = bundleOf(bench.checkDomain(source('bystander'), []));
  expect(bench.checkCombination([withLibrary, user, bystander], ['shared', 'user', 'bystander'])).toStrictEqual([]);
  const problems = bench.checkCombination([without, user, bystander], ['shared']);
  expect(problems.map(({ domain }) => domain)).toStrictEqual(['user']);
  expect(bench.checkCombination([without, user, bystander], ['bystander'])).toStrictEqual([]);
});

test('the documents of a combination are judged as one program, whatever changed', () => {
  const bench = new Workbench();
  const [one, other] = ['limit = 5', 'limit[x] { x := 1 }'].map((rule, index) =>
    bundleOf(
      bench.checkDomain(
        source(`domain-${String(index)}`, { 'policy-libraries': [{ mrn: 'l', rego: `package prices\n\n${rule}\n` }] }),
        [],
      ),
    ),
  );
  if (one === undefined || other === undefined) throw new Error('two bundles are needed');
  const documents = { policies: [] };
  expect(bench.checkCombination([one, other], [])).toStrictEqual([]);
  expect(bench.checkCombination([one], [], documents)).toStrictEqual([]);
  expect(bench.checkCombination([one, other], [], documents)).toMatchObject([
    { domain: 'domain-0', mrn: 'l', regoCode: 'rego_type_error', rego: { row: 3, col: 1 } },
  ]);
  expect(bench.checkCombination([one], [], { policies: ['mrn:none'] })).toMatchObject([{ class: 'reference' }]);
});

test('data of a domain is checked against its rules and part of its bundle', () => {
  const bench = new Workbench();
  const plain = bundleOf(bench.checkDomain(source('a'), []));
  const withData = bundleOf(bench.checkDomain(source('a', { data: { limits: { till: 1.5 } } }), []));
  expect(bundleOf(bench.checkDomain(source('a', { data: {} }), [])).digest).toBe(plain.digest);
  expect(withData.digest).not.toBe(plain.digest);
  const clash = source('a', { 'policy-libraries': [library], data: { util: { yes: false } } });
  expect(bench.checkDomain(clash, []).problems).toMatchObject([{ class: 'data-clash', field: 'data' }]);
});

test('bytes that are not what their digest says are never taken', () => {
  const bench = new Workbench();
  const { digest, gzip } = bundleOf(bench.checkDomain(source('a'), []));
  const other = bundleOf(bench.checkDomain(source('b'), []));
  expect(() => bench.checkCombination([{ digest, gzip: other.gzip }], ['a'])).toThrow(/digest/);
  expect(() => bench.checkCombination([{ digest, gzip: gzip.slice(0, -4) }], ['a'])).toThrow();
});

test('references are found in every section that may refer', () => {
  const spec = aDomainSpec({
    policies: [{ mrn: 'p', rego: '', dependencies: ['a/x', 'own'] }],
    'policy-libraries': [{ mrn: 'l', rego: '', dependencies: ['b/x'] }],
    roles: [{ mrn: 'r', policy: 'c/x' }],
    scopes: [{ mrn: 's', policy: 'd/x' }],
    operations: [{ selector: [], policy: 'e/x' }],
    'resource-groups': [{ mrn: 'g', policy: 'f/x' }],
    groups: [{ mrn: 'g', roles: ['g/x'] }],
    resources: [{ selector: [], group: 'h/x' }],
  });
  expect([...domainsReferredTo(spec)].sort()).toStrictEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
});

test('what can be reached ends in circles, and the other way round it is who depends', () => {
  const edges = new Map([
    ['a', new Set(['b'])],
    ['b', new Set(['a', 'c'])],
    ['c', new Set<string>()],
    ['d', new Set(['c'])],
  ]);
  expect([...reachable(['a'], edges)].sort()).toStrictEqual(['a', 'b', 'c']);
  expect([...reachable(['c'], reversed(edges))].sort()).toStrictEqual(['a', 'b', 'c', 'd']);
});

test('the worker thread answers as the workbench does, in whatever order many ask', async () => {
  const checker = createWorkerChecker({ clock: systemClock });
  try {
    const specs = ['alice', 'bob', 'carol'].map((who) =>
      source(who, { policies: [{ mrn: 'mrn:policy:main', rego: regoPermitting(who) }] }),
    );
    const verdicts = await Promise.all(specs.map((subject) => checker.checkDomain(subject, [])));
    const expected = specs.map((subject) => new Workbench().checkDomain(subject, []).bundle?.digest);
    expect(verdicts.map(({ bundle }) => bundle?.digest)).toStrictEqual(expected);
    const problems = await checker.checkCombination(verdicts.map(bundleOf), ['alice']);
    expect(problems).toStrictEqual([]);
  } finally {
    await checker.close();
  }
});

test('a check that takes too long fails alone: the next one has a new thread', async () => {
  // Rules that all refer to all others take the compiler long enough for any time-out to come first.
  const names = Array.from({ length: 4000 }, (_, index) => `r${String(index)}`);
  const slow = `package authz\n\n${names.map((name, index) => `${name} { ${names.slice(0, index % 60).join('; ') || 'true'} }`).join('\n')}\n`;
  const checker = createWorkerChecker({ clock: systemClock, timeoutMs: 1 });
  try {
    await expect(
      checker.checkDomain(source('slow', { policies: [{ mrn: 'p', rego: slow }] }), []),
    ).rejects.toMatchObject({ code: 'Timeout' });
  } finally {
    await checker.close();
  }
  const patient = createWorkerChecker({ clock: systemClock });
  try {
    expect((await patient.checkDomain(source('a'), [])).problems).toStrictEqual([]);
  } finally {
    await patient.close();
  }
});

test('no more checks wait than allowed, and a closed checker takes none', async () => {
  const checker = createWorkerChecker({ clock: systemClock, maxWaiting: 1 });
  const asked = [1, 2, 3].map(() => checker.checkDomain(source('a'), []));
  await expect(asked[2]).rejects.toMatchObject({ code: 'Busy' });
  const rest = Promise.allSettled(asked);
  await checker.close();
  expect((await rest).filter(({ status }) => status === 'rejected').length).toBeGreaterThanOrEqual(1);
  await expect(checker.checkDomain(source('a'), [])).rejects.toMatchObject({ code: 'Closed' });
});

test('a built-in that reaches the network is refused unless it is allowed', async () => {
  const asking = source('asking', {
    policies: [
      {
        mrn: 'mrn:policy:main',
        rego: 'package authz\n\nallow { http.send({"method": "get", "url": "https://a.example"}).status_code == 200 }\n',
      },
    ],
  });
  expect(new Workbench().checkDomain(asking, []).problems.map(formatProblem).join()).toContain('http.send');
  expect(new Workbench([]).checkDomain(asking, []).problems).toStrictEqual([]);
  const checker = createWorkerChecker({ clock: systemClock, unsafeBuiltins: [] });
  expect((await checker.checkDomain(asking, [])).problems).toStrictEqual([]);
  await checker.close();
});

test('Rego tests run against domains as written and as rendered, and against the documents of a set', () => {
  const bench = new Workbench();
  const written = source('a', { 'policy-libraries': [library] });
  const contexts = [
    { type: 'source', source: written },
    { type: 'bundle', namespace: 'ns', bundle: bundleOf(bench.checkDomain(written, [])) },
  ] as const;
  const suite = (rule: string, domain?: string) => ({
    name: 'utils',
    cases: [],
    modules: [{ name: 'util_test.rego', rego: `package util_test\n\ntest_util { ${rule} }\n` }],
    ...(domain === undefined ? {} : { domain }),
  });
  for (const context of contexts) {
    expect(bench.runTests([context], [suite('data.util.yes', 'a')])).toStrictEqual({ passed: 1, failed: 0 });
    expect(bench.runTests([context], [suite('not data.util.yes')]).failure).toBe(
      'suite utils, util_test.rego:3, test data.util_test.test_util: it is not true',
    );
  }
  const [context] = contexts;
  const policies = ['mrn:policy:main'];
  expect(bench.runTests([context], [suite('not data.authz')])).toMatchObject({ failed: 0 });
  expect(bench.runTests([context], [suite('data.authz.allow == false')], { policies })).toMatchObject({ failed: 0 });
});

test('tests that take longer than they may have failed, and the one that did not come to its turn is named', () => {
  const modules = [{ name: 'a_test.rego', rego: 'package a_test\n\ntest_a { true }\n' }];
  const context = { type: 'source', source: source('a') } as const;
  expect(new Workbench().runTests([context], [{ name: 's', cases: [], modules }], undefined, -1)).toMatchObject({
    failed: 1,
    failure: 'suite s, a_test.rego:3, test data.a_test.test_a: the tests took longer than -1 ms',
  });
});
