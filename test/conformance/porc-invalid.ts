import { readFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  buildReference,
  checkDomains,
  isError,
  lintDomains,
  parseDocument,
  readDomain,
  readPreamble,
} from '@edict/bundle';
import type { LintSource, Problem, SourcedDomain } from '@edict/bundle';

/** How many verdicts are right, and which are not. */
export interface InvalidReport {
  readonly passed: number;
  readonly failed: readonly { readonly id: string; readonly why: string }[];
}

interface InvalidCase {
  readonly id: string;
  readonly domains: readonly string[];
  readonly lint: { readonly accepted: boolean };
  readonly load: { readonly accepted: boolean; readonly classes: readonly string[] };
}

/**
 * Compares the linter's and the loader's verdict on every domain of `invalid.jsonl` with the reference engine's. A case
 * passes when both verdicts match and, for refused ones, one of the reported errors is of an expected class.
 */
export async function runInvalid(casesDir: string): Promise<InvalidReport> {
  const lines = (await readFile(join(casesDir, 'invalid.jsonl'), 'utf8')).split('\n').filter((line) => line !== '');
  let passed = 0;
  const failed: { id: string; why: string }[] = [];
  for (const line of lines) {
    const expected = JSON.parse(line) as InvalidCase;
    const why = await judge(expected, casesDir);
    if (why === undefined) passed += 1;
    else failed.push({ id: expected.id, why });
  }
  return { passed, failed };
}

async function judge({ domains, lint, load }: InvalidCase, casesDir: string): Promise<string | undefined> {
  const files = await Promise.all(
    domains.map(async (file) => ({ file, text: await readFile(join(casesDir, 'invalid', file)) })),
  );
  const mismatches: string[] = [];
  const linted = lintFiles(files).filter(isError);
  if ((linted.length === 0) !== lint.accepted) mismatches.push(`lint: ${describe(linted)}`);
  const loaded = loadFiles(files).filter(isError);
  if ((loaded.length === 0) !== load.accepted) mismatches.push(`load: ${describe(loaded)}`);
  else if (!load.accepted && !loaded.some((problem) => load.classes.includes(problem.class))) {
    mismatches.push(`load: ${describe(loaded)}, expected one of ${load.classes.join(', ')}`);
  }
  return mismatches.length === 0 ? undefined : mismatches.join('; ');
}

interface File {
  readonly file: string;
  readonly text: Uint8Array;
}

/** Lints as the command does: references are built first, and a reference that cannot be built is linted as it is. */
function lintFiles(files: readonly File[]): readonly Problem[] {
  const sources = files.map(({ file, text }): LintSource => {
    const built = isReference(text, file) ? buildReference(text, file, readRego) : undefined;
    return { file, text: built?.ok === true ? built.text : text };
  });
  return lintDomains(sources);
}

/** Loads as the server does: built references come first, the first failure ends it. */
function loadFiles(files: readonly File[]): readonly Problem[] {
  const built: { file: string; text: string | Uint8Array }[] = [];
  const plain: File[] = [];
  for (const { file, text } of files) {
    if (!isReference(text, file)) {
      plain.push({ file, text });
      continue;
    }
    const result = buildReference(text, file, readRego);
    if (!result.ok) return result.problems;
    built.push({ file, text: result.text });
  }
  const domains: SourcedDomain[] = [];
  for (const { file, text } of [...built, ...plain]) {
    const result = readDomain(text, file);
    if (!result.ok) return result.problems;
    domains.push(result);
  }
  return checkDomains(domains);
}

function isReference(text: Uint8Array, file: string): boolean {
  const document = parseDocument(text, file);
  if (!document.ok) return false;
  const preamble = readPreamble(document.root, file);
  return 'kind' in preamble && preamble.kind === 'PolicyDomainReference';
}

/** Paths are relative to the working directory, as the reference engine has it. */
function readRego(path: string): Uint8Array | undefined {
  try {
    return readFileSync(resolve(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function describe(problems: readonly Problem[]): string {
  if (problems.length === 0) return 'accepted';
  return problems.map((problem) => `${problem.class}: ${problem.message}`).join(' | ');
}
