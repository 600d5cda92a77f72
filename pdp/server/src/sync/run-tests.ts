import type { Digest } from '@edict/bundle';
import {
  loadSnapshot,
  parseTestSuite,
  runTestSuites,
  TestSuiteError,
  type CompiledSnapshot,
  type TestSuite,
  type TestSuiteErrorCode,
} from '@edict/engine';
import type { TestCounts } from '@edict/protocol';
import { readDomains, type CompileFailure, type CompileRequest } from './compile-bundles.ts';

/** The suites of one revision, in the manifest's order, each with the digest that the manifest names. */
export interface TestRequest {
  readonly suites: readonly { readonly digest: Digest; readonly gzip: Uint8Array }[];
  /** What they are run against. Undefined: what was compiled last under that name. */
  readonly name: Digest;
  readonly compiled?: CompiledSnapshot | undefined;
  /** What it was compiled from, where `compiled` is given. */
  readonly bundles?: CompileRequest['bundles'] | undefined;
  /** Built-ins that tests may not call, as `compileSnapshot` has it. */
  readonly unsafeBuiltins?: readonly string[] | undefined;
  /** Time for all of them. */
  readonly timeoutMs: number;
}

/** All passed, or why the revision is refused; `unknown`: nothing is compiled under the name. */
export type TestAnswer =
  { readonly ok: true; readonly tests: TestCounts } | { readonly ok: 'unknown' } | CompileFailure;

/** What `parseTestSuite` finds before it has seen that the bytes are those of the digest. */
const BEFORE_DIGEST: ReadonlySet<TestSuiteErrorCode> = new Set<TestSuiteErrorCode>([
  'too-large',
  'bad-gzip',
  'digest-mismatch',
]);

/**
 * Verifies each suite against its digest, asks `compiled` every question, and runs Rego tests on the `bundles` that it was
 * compiled from; these are read only if a suite has some.
 */
export function runTests(
  { suites, timeoutMs, unsafeBuiltins }: TestRequest,
  compiled: CompiledSnapshot,
  bundles: CompileRequest['bundles'],
): TestAnswer {
  const read: TestSuite[] = [];
  for (const { digest, gzip } of suites) {
    try {
      read.push(parseTestSuite(gzip, digest));
    } catch (error) {
      if (!(error instanceof TestSuiteError)) throw error;
      return unusableSuite(digest, error);
    }
  }
  const domains = read.some(({ modules }) => modules !== undefined) ? readDomains(bundles) : [];
  if ('ok' in domains) return domains;
  const snapshot = loadSnapshot(compiled);
  const documentPolicies = compiled.serving.documents?.policies;
  const subject = { snapshot, domains: () => domains, documentPolicies, unsafeBuiltins };
  const { passed, failed, failure } = runTestSuites(subject, read, { timeoutMs });
  if (failure === undefined) return { ok: true, tests: { passed, failed } };
  const detail = { message: `${failure} (${failed} of ${passed + failed} failed)` };
  return { ok: false, phase: 'Test', code: 'TestsFailed', deterministic: true, detail };
}

function unusableSuite(digest: Digest, { code, message }: TestSuiteError): CompileFailure {
  const failure = { ok: false, phase: 'Verify', code, detail: { message: `${digest}: ${message}` } } as const;
  return BEFORE_DIGEST.has(code)
    ? { ...failure, deterministic: false, badArtifact: digest }
    : { ...failure, deterministic: true };
}
