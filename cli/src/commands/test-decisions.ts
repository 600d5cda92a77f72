import { matchesGlob } from 'node:path';
import { decide, toPorc, type Snapshot } from '@edict/engine';
import { load, YAMLException } from 'js-yaml';
import { z } from 'zod';
import { readBytes } from '../files.ts';
import { CommandError, printJson, type Io, type OutputFormat } from '../io.ts';
import { decideContext, loadSnapshotOf } from '../snapshot-of-files.ts';

export interface TestDecisionsOptions {
  readonly bundle: readonly string[];
  readonly input: string;
  /** Glob patterns on test names; none means all. */
  readonly test: readonly string[];
  readonly output: OutputFormat;
}

const Suite = z.object({
  tests: z
    .array(
      z.object({
        name: z.string().default(''),
        description: z.string().optional(),
        porc: z.unknown().optional(),
        result: z.object({ allow: z.boolean().default(false) }).default({ allow: false }),
      }),
    )
    .nullish(),
});
type TestCase = NonNullable<z.output<typeof Suite>['tests']>[number];

interface TestResult {
  readonly name: string;
  readonly status: 'PASS' | 'FAIL' | 'ERROR';
  readonly message: string;
}

/** `edict test decisions`: runs a suite in the reference engine's format. Exit code 1 if any test fails. */
export async function testDecisions(io: Io, options: TestDecisionsOptions): Promise<void> {
  const tests = await readSuite(options.input);
  if (tests.length === 0) throw new CommandError('no tests found in test suite');
  const chosen = tests.filter(
    ({ name }) => options.test.length === 0 || options.test.some((pattern) => matchesGlob(name, pattern)),
  );
  if (chosen.length === 0) throw new CommandError('no tests match the specified patterns');
  const snapshot = await loadSnapshotOf(options.bundle);
  const results = chosen.map((test) => run(snapshot, test));
  const passed = results.filter(({ status }) => status === 'PASS').length;
  if (options.output === 'json') printJson(io, { passed, failed: results.length - passed, tests: results });
  else {
    for (const { name, status, message } of results)
      io.stdout(`${name}: ${status}${message === '' ? '' : ` (${message})`}\n`);
    io.stdout(`\n${passed}/${results.length} tests passed\n`);
  }
  if (passed < results.length) throw new CommandError('');
}

async function readSuite(file: string): Promise<readonly TestCase[]> {
  const bytes = await readBytes(file);
  const text = bytes.toString();
  let document: unknown;
  try {
    // An empty file is YAML: it says nothing.
    document = text.trim() === '' ? undefined : load(text, { filename: file });
  } catch (error) {
    if (error instanceof YAMLException)
      throw new CommandError(`${file}${placeOf(error)}: not valid YAML: ${error.reason}`);
    throw error;
  }
  const suite = Suite.safeParse(document ?? {});
  if (!suite.success) throw new CommandError(`${file} is not a test suite:\n${z.prettifyError(suite.error)}`);
  return suite.data.tests ?? [];
}

function placeOf({ mark }: YAMLException): string {
  return mark === undefined ? '' : `:${mark.line + 1}:${mark.column + 1}`;
}

function run(snapshot: Snapshot, { name, porc, result }: TestCase): TestResult {
  if (porc === undefined || porc === null) return { name, status: 'ERROR', message: 'the test has no porc' };
  const parsed = toPorc(porc);
  if (!parsed.ok) return { name, status: 'ERROR', message: parsed.message };
  const { allow } = decide(snapshot, parsed.porc, { ...decideContext(), probe: true });
  if (allow === result.allow) return { name, status: 'PASS', message: '' };
  return { name, status: 'FAIL', message: `expected allow=${result.allow}, got allow=${allow}` };
}
