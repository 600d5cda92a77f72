import { Buffer } from 'node:buffer';
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { canonicalJson, digestOf, type Digest } from '@edict/bundle';

/** One question with the answer that it must get. */
export interface TestCase {
  readonly name: string;
  /** The request, as JSON. */
  readonly porc: unknown;
  readonly allow: boolean;
}

/** A Rego module: its rules called `test_…` have to be true. */
export interface TestModule {
  /** As messages name it: `rooms_test.rego`. */
  readonly name: string;
  readonly rego: string;
  /** The policy that it is compiled beside, by MRN or `domain/MRN`. Absent: the libraries and the data. */
  readonly policy?: string;
}

/** Questions that a revision has to answer so before anyone serves it. */
export interface TestSuite {
  readonly name: string;
  readonly cases: readonly TestCase[];
  /** Modules with tests; absent where there are none. */
  readonly modules?: readonly TestModule[];
  /** The domain that the modules are about; absent: the set as a whole. */
  readonly domain?: string;
}

/** A suite as it is stored and travels: `digest` is the SHA-256 of the canonical JSON that `gzip` holds. */
export interface RenderedTestSuite {
  readonly digest: Digest;
  readonly gzip: Uint8Array;
  readonly size: number;
  readonly gzSize: number;
}

/** Cases of one suite, and of all suites of one set. */
export const TEST_CASES_MAX = 1_000;
/** Modules of one suite. */
export const TEST_MODULES_MAX = 100;
/** Largest suite uncompressed, and as it travels. */
export const TEST_SUITE_MAX_BYTES = 4_194_304;
export const TEST_SUITE_MAX_GZIP_BYTES = 1_048_576;

/** What an engine has to understand to run suites with modules, as manifests name it. */
export const REGO_TESTS_FEATURE = 'rego-tests';

/** A suite without modules is the same bytes that it was before there were any. */
const FORMAT = 1;
const FORMAT_WITH_MODULES = 2;

/** Why bytes are no suite, or a suite cannot be rendered. */
export type TestSuiteErrorCode = 'too-large' | 'too-many' | 'bad-gzip' | 'digest-mismatch' | 'bad-suite';

/** A suite that cannot be rendered or read. */
export class TestSuiteError extends Error {
  override readonly name = 'TestSuiteError';
  readonly code: TestSuiteErrorCode;
  constructor(code: TestSuiteErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Renders a suite: equal suites give equal digests on every machine.
 * @throws TestSuiteError `too-large` or `too-many`
 */
export function renderTestSuite({ name, cases, modules = [], domain }: TestSuite): RenderedTestSuite {
  if (cases.length > TEST_CASES_MAX) {
    throw new TestSuiteError('too-many', `suite ${name} has ${cases.length} cases; the limit is ${TEST_CASES_MAX}`);
  }
  if (modules.length > TEST_MODULES_MAX) {
    const message = `suite ${name} has ${modules.length} Rego modules; the limit is ${TEST_MODULES_MAX}`;
    throw new TestSuiteError('too-many', message);
  }
  const content =
    modules.length === 0
      ? { format: FORMAT, name, cases }
      : { format: FORMAT_WITH_MODULES, name, cases, modules, ...(domain === undefined ? {} : { domain }) };
  const bytes = Buffer.from(canonicalJson(content), 'utf8');
  if (bytes.length > TEST_SUITE_MAX_BYTES) throw tooLarge(name, bytes.length, TEST_SUITE_MAX_BYTES);
  const gzip = gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION });
  // The header's operating system is the only part that names the machine: 255 is "unknown".
  gzip[9] = 255;
  if (gzip.length > TEST_SUITE_MAX_GZIP_BYTES) throw tooLarge(name, gzip.length, TEST_SUITE_MAX_GZIP_BYTES);
  return { digest: digestOf(bytes), gzip, size: bytes.length, gzSize: gzip.length };
}

/**
 * Reads a suite as it travels. Never inflates more than the limit allows, and looks at nothing before the digest has been
 * verified.
 * @throws TestSuiteError
 */
export function parseTestSuite(gzip: Uint8Array, digest: Digest): TestSuite {
  if (gzip.length > TEST_SUITE_MAX_GZIP_BYTES) throw tooLarge(digest, gzip.length, TEST_SUITE_MAX_GZIP_BYTES);
  const bytes = inflate(gzip);
  const found = digestOf(bytes);
  if (found !== digest) throw new TestSuiteError('digest-mismatch', `the suite has digest ${found} and not ${digest}`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new TestSuiteError('bad-suite', `suite ${digest} is not JSON`, { cause });
  }
  const suite = decode(value);
  if (suite === undefined) throw new TestSuiteError('bad-suite', `suite ${digest} is of another format`);
  return suite;
}

function decode(value: unknown): TestSuite | undefined {
  const { format, name, cases, modules, domain } = isObject(value) ? value : {};
  if (typeof name !== 'string') return undefined;
  const decodedCases = listOf(cases, TEST_CASES_MAX, decodeCase);
  if (decodedCases === undefined) return undefined;
  if (format === FORMAT) return { name, cases: decodedCases };
  const decodedModules = listOf(modules, TEST_MODULES_MAX, decodeModule);
  const isDomain = domain === undefined || typeof domain === 'string';
  if (format !== FORMAT_WITH_MODULES || decodedModules === undefined || !isDomain) return undefined;
  return { name, cases: decodedCases, modules: decodedModules, ...(domain === undefined ? {} : { domain }) };
}

/** Undefined unless all are what they should be, and not too many. */
function listOf<T>(value: unknown, max: number, one: (item: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value) || value.length > max) return undefined;
  const items = (value as readonly unknown[]).map(one);
  return items.every((item) => item !== undefined) ? items : undefined;
}

function decodeCase(item: unknown): TestCase | undefined {
  const { name, allow, ...rest } = isObject(item) ? item : {};
  if (typeof name !== 'string' || typeof allow !== 'boolean' || !('porc' in rest)) return undefined;
  return { name, porc: rest['porc'], allow };
}

function decodeModule(item: unknown): TestModule | undefined {
  const { name, rego, policy } = isObject(item) ? item : {};
  if (typeof name !== 'string' || typeof rego !== 'string') return undefined;
  if (policy === undefined) return { name, rego };
  return typeof policy === 'string' ? { name, rego, policy } : undefined;
}

function inflate(gzip: Uint8Array): Uint8Array {
  try {
    return gunzipSync(gzip, { maxOutputLength: TEST_SUITE_MAX_BYTES });
  } catch (cause) {
    const code = isObject(cause) ? cause['code'] : undefined;
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new TestSuiteError('too-large', `the suite inflates to more than ${TEST_SUITE_MAX_BYTES} bytes`, { cause });
    }
    throw new TestSuiteError('bad-gzip', 'the suite is not a gzip stream', { cause });
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function tooLarge(name: string, size: number, limit: number): TestSuiteError {
  return new TestSuiteError('too-large', `suite ${name} has ${size} bytes; the limit is ${limit}`);
}
