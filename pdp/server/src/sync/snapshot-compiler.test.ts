import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from '@jest/globals';
import { digestOf } from '@edict/bundle';
import { renderTestSuite } from '@edict/engine';
import type { CompileRequest } from './compile-bundles.ts';
import { craneDomain, craneDomainWithRego, liftRequest, publish, type Published } from '../testing/revisions.ts';
import { COMPILE_LIMITS, SnapshotCompiler, type CompileLimits } from './snapshot-compiler.ts';

const compilers: SnapshotCompiler[] = [];
afterAll(async () => {
  for (const compiler of compilers) await compiler.close();
});
function aCompiler(limits: Partial<CompileLimits> = {}): SnapshotCompiler {
  const compiler = new SnapshotCompiler({ ...COMPILE_LIMITS, ...limits });
  compilers.push(compiler);
  return compiler;
}

const never = new AbortController().signal;

function requestOf({ manifest, artifacts }: Published): CompileRequest {
  return {
    bundles: manifest.domains.map(({ digest }) => ({ digest, gzip: artifacts.get(digest) ?? new Uint8Array() })),
  };
}

const good = requestOf(publish(1, [craneDomain(5)]));
const broken = requestOf(publish(1, [craneDomainWithRego('package authz\n\nallow { x := y }\n')]));

test('a thread compiles revisions one after the other, and a bad one does not end it', async () => {
  const compiler = aCompiler();
  const answers = await Promise.all([good, broken, good].map((request) => compiler.compile(request, never)));
  expect(answers.map(({ ok }) => ok)).toStrictEqual([true, false, true]);
  expect(answers[1]).toMatchObject({ phase: 'Compile', code: 'rego_unsafe_var_error', detail: { line: 3 } });
  expect(compiler.hasThread).toBe(true);
});

test('documents are compiled with the revision, and refused with their place', async () => {
  const compiler = aCompiler();
  const shelf = (name: string, rego: string) =>
    craneDomain(5, { name, libraries: [{ mrn: 'lib', name: '', description: '', rego, dependencies: [] }] });
  const serving = { documents: { policies: [] } };
  const fine = requestOf(publish(1, [shelf('a', 'package loads\n\nmost = 5\n')]));
  const answer = await compiler.compile({ ...fine, serving }, never);
  expect(answer).toMatchObject({ ok: true, compiled: { serving, documents: { data: '{}' } } });
  const clash = requestOf(
    publish(1, [shelf('a', 'package loads\n\nmost = 5\n'), shelf('b', 'package loads\n\nmost[x] { x := 1 }\n')]),
  );
  expect(await compiler.compile(clash, never)).toMatchObject({ ok: true, compiled: { serving: {} } });
  expect(await compiler.compile({ ...clash, serving }, never)).toMatchObject({
    phase: 'Compile',
    code: 'rego_type_error',
    deterministic: true,
    detail: { domain: 'a', mrn: 'lib', line: 3, column: 1 },
  });
});

test('a thread that takes too long is given up, and the next revision gets a new one', async () => {
  const limits = { timeoutMs: 1 };
  const compiler = aCompiler(limits);
  expect(await compiler.compile(good, never)).toMatchObject({
    phase: 'Compile',
    code: 'CompileTimeout',
    deterministic: false,
  });
  expect(compiler.hasThread).toBe(false);
});

test('a thread that takes too much memory is a failure that may pass, and the process lives on', async () => {
  // The memory ends long before the time, also on a slow machine.
  const compiler = aCompiler({ maxHeapMb: 40, timeoutMs: 300_000 });
  const rules = Array.from({ length: 8_000 }, (_, index) => `r${index} { input.context.tons > ${index} }`);
  const rego = `package authz\n\ndefault allow = false\n\n${rules.join('\n\n')}\n`;
  const large = requestOf(publish(1, [craneDomainWithRego(rego)]));
  expect(await compiler.compile(large, never)).toMatchObject({
    phase: 'Resources',
    code: 'OutOfMemory',
    deterministic: false,
  });
  expect(await compiler.compile(good, never)).toMatchObject({ ok: true });
}, 600_000);

test('work that nobody waits for ends at once, before its turn and in it', async () => {
  const compiler = aCompiler();
  expect(await compiler.compile(good, AbortSignal.abort())).toMatchObject({ code: 'Cancelled', deterministic: false });
  expect(compiler.hasThread).toBe(false);
  const controller = new AbortController();
  const answers = [compiler.compile(good, controller.signal), compiler.compile(broken, never)];
  controller.abort();
  expect((await Promise.all(answers)).map((answer) => !answer.ok && answer.code)).toStrictEqual([
    'Cancelled',
    'rego_unsafe_var_error',
  ]);
});

test('a thread without work is ended, and its end is told', async () => {
  let ends = 0;
  const compiler = new SnapshotCompiler({ ...COMPILE_LIMITS, idleMs: 1 }, () => ends++);
  compilers.push(compiler);
  await compiler.compile(good, never);
  while (ends === 0) await new Promise((resolve) => setImmediate(resolve));
  expect([ends, compiler.hasThread]).toStrictEqual([1, false]);
  expect(await compiler.compile(good, never)).toMatchObject({ ok: true });
});

test('closing answers what is under way, ends the thread and takes no more', async () => {
  const compiler = aCompiler();
  const answer = compiler.compile(good, never);
  await compiler.close();
  expect([await answer, await compiler.compile(good, never)]).toMatchObject([
    { code: 'Cancelled' },
    { code: 'Cancelled' },
  ]);
  expect(compiler.hasThread).toBe(false);
});

const NAME = `sha256:${'ab'.repeat(32)}` as const;

function suiteOf(tons: number, allow: boolean) {
  return renderTestSuite({ name: 'cranes', cases: [{ name: `lifts ${tons}`, porc: liftRequest(tons), allow }] });
}

test('tests run on what was compiled last under their name, and on what comes with them else', async () => {
  const compiler = aCompiler();
  const suites = [suiteOf(5, true), suiteOf(6, false)];
  expect(await compiler.test({ suites, name: NAME }, never)).toStrictEqual({ ok: 'unknown' });
  const answer = await compiler.compile({ ...good, name: NAME }, never);
  const passed = { ok: true, tests: { passed: 2, failed: 0 } };
  expect(await compiler.test({ suites, name: NAME }, never)).toStrictEqual(passed);
  await compiler.compile({ ...requestOf(publish(1, [craneDomain(1)])), name: `sha256:${'cd'.repeat(32)}` }, never);
  const compiled = answer.ok ? answer.compiled : undefined;
  expect(await compiler.test({ suites, name: NAME, compiled }, never)).toStrictEqual(passed);
});

test('a suite whose bytes are not those of its digest is fetched anew, one that is none never passes', async () => {
  const compiler = aCompiler();
  await compiler.compile({ ...good, name: NAME }, never);
  const { gzip } = suiteOf(5, true);
  const { digest } = suiteOf(6, true);
  expect(await compiler.test({ suites: [{ digest, gzip }], name: NAME }, never)).toMatchObject({
    ...{ ok: false, phase: 'Verify', code: 'digest-mismatch', deterministic: false, badArtifact: digest },
  });
  const text = Buffer.from('{}');
  const none = { digest: digestOf(text), gzip: gzipSync(text) };
  expect(await compiler.test({ suites: [none], name: NAME }, never)).toMatchObject({
    code: 'bad-suite',
    deterministic: true,
  });
});

test('tests that do not end are refused for good, and do not keep the next revision waiting', async () => {
  const rego = `package authz
allow { some i, j, k; numbers.range(1, 2000)[i] + numbers.range(1, 2000)[j] + numbers.range(1, 2000)[k] < 0 }
`;
  const compiler = aCompiler({ testsTimeoutMs: 50 });
  await compiler.compile({ ...requestOf(publish(1, [craneDomainWithRego(rego)])), name: NAME }, never);
  const cases = Array.from({ length: 1_000 }, (_, index) => ({
    name: `case ${index}`,
    porc: liftRequest(1),
    allow: false,
  }));
  const endless = renderTestSuite({ name: 'endless', cases });
  expect(await compiler.test({ suites: [endless], name: NAME }, never)).toMatchObject({
    ...{ ok: false, phase: 'Test', deterministic: true },
    detail: { message: expect.stringContaining('took longer than 50 ms') },
  });
  expect(await compiler.compile(good, never)).toMatchObject({ ok: true });
});

function regoSuite(limit: number) {
  const rego = `package lift_test\n\ntest_limit { data.authz.allow with input as {"context": {"tons": ${limit}}} }\n`;
  const module = { name: 'lift_test.rego', rego, policy: 'mrn:harbour:policy:lift' };
  return renderTestSuite({ name: 'lifts', cases: [], modules: [module], domain: 'cranes' });
}

test('Rego tests run on the bundles that were compiled, and name module, line and rule where they fail', async () => {
  const compiler = aCompiler();
  const answer = await compiler.compile({ ...good, name: NAME }, never);
  expect(await compiler.test({ suites: [regoSuite(5)], name: NAME }, never)).toStrictEqual({
    ok: true,
    tests: { passed: 1, failed: 0 },
  });
  const failed = { ok: false, phase: 'Test', code: 'TestsFailed', deterministic: true };
  const message = 'suite lifts, lift_test.rego:3, test data.lift_test.test_limit: it is not true (1 of 1 failed)';
  expect(await compiler.test({ suites: [regoSuite(6)], name: NAME }, never)).toStrictEqual({
    ...failed,
    detail: { message },
  });
  // A thread that did not compile it is given what it was compiled from.
  const { bundles } = good;
  const compiled = answer.ok ? answer.compiled : undefined;
  const elsewhere = await aCompiler().test({ suites: [regoSuite(5)], name: NAME, compiled, bundles }, never);
  expect(elsewhere).toMatchObject({ ok: true });
  const [bundle] = bundles;
  const damaged = [{ digest: bundle?.digest ?? NAME, gzip: gzipSync('damaged') }];
  const unread = await aCompiler().test({ suites: [regoSuite(5)], name: NAME, compiled, bundles: damaged }, never);
  expect(unread).toMatchObject({ phase: 'Verify', code: 'digest-mismatch', badArtifact: bundle?.digest });
});

test('Rego tests that never end are ended, and the one that did not is named', async () => {
  const compiler = aCompiler({ testsTimeoutMs: 300 });
  await compiler.compile({ ...good, name: NAME }, never);
  const loop = 'count([1 | a := numbers.range(1, 3000)[_]; b := numbers.range(1, 3000)[_]; a * b < 0]) == 1';
  const rules = Array.from({ length: 40 }, (_, index) => `test_${index} { ${loop} }`).join('\n\n');
  const modules = [{ name: 'long_test.rego', rego: `package long_test\n\n${rules}\n` }];
  const suite = renderTestSuite({ name: 'long', cases: [], modules });
  const answer = await compiler.test({ suites: [suite], name: NAME }, never);
  const message: unknown = expect.stringMatching(/long_test\.rego:\d+, test data\.long_test\.test_\d+: /);
  expect(answer).toMatchObject({ ok: false, phase: 'Test', deterministic: true, detail: { message } });
});
